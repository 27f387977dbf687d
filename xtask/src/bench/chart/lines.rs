//! Lines over a scale of powers of ten, or over one of time.

use std::fmt::Write as _;

use super::{
    Drawing, MARGIN, TOP, WIDTH,
    scale::{Scale, told},
};

const HEIGHT: f64 = 240.0;
/// Between two lines of text.
const LINE: f64 = 14.0;
/// Room for the marks of the upright axis.
const LEFT: f64 = 72.0;

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// What grows, and the figure; ascending.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A plot of lines.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'a> {
    pub(crate) title: &'a str,
    pub(crate) subtitle: &'a str,
    pub(crate) across: &'a str,
    pub(crate) up: &'a str,
    /// Marks of a scale with even steps. Without any, the scale is one of powers of ten, where there can be no zero, and each figure is a point of
    /// its own.
    pub(crate) even: &'a [f64],
    pub(crate) series: Vec<Line>,
}

impl Lines<'_> {
    /// Draws it.
    pub(crate) fn draw(&self) -> String {
        // The first colour is that of what is no line of its own: floors.
        let legend: Vec<&str> = std::iter::once("").chain(self.series.iter().map(|line| line.name.as_str())).collect();
        let (top, bottom) = (TOP + 24.0, TOP + 24.0 + HEIGHT);
        let mut drawing = Drawing::new(bottom + 54.0, self.title, self.subtitle, &legend);
        let points = || self.series.iter().flat_map(|line| line.points.iter().copied());
        let scale = Scale::new(points().map(|(_, figure)| figure).fold(0.0, f64::max) * 1.08, 5.0);
        let place = |x: f64| if self.even.is_empty() { x.max(1.0).log10() } else { x };
        let places = points().map(|(x, _)| x).chain(self.even.iter().copied()).map(place);
        let (least, most) = places.fold((f64::MAX, 0.0_f64), |(least, most), x| (least.min(x), most.max(x)));
        let (left, right) = (LEFT, WIDTH - MARGIN - 40.0);
        let across = |x: f64| {
            if most > least {
                left + 12.0 + (place(x) - least) / (most - least) * (right - left - 12.0)
            } else {
                f64::midpoint(left, right)
            }
        };
        let up = |figure: f64| bottom - scale.at(figure, HEIGHT);
        drawing.label(MARGIN, top - 14.0, "start", "s", self.up);
        for mark in scale.marks() {
            drawing.rule("g", (left, up(mark)), (right, up(mark)));
            drawing.label(left - 8.0, up(mark) + 4.0, "end", "s", &told(mark));
        }
        let mut marks: Vec<f64> = if self.even.is_empty() { points().map(|(x, _)| x).collect() } else { self.even.to_vec() };
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        for mark in marks {
            drawing.rule("a", (across(mark), bottom), (across(mark), bottom + 5.0));
            drawing.label(across(mark), bottom + 20.0, "middle", "s", &told(mark));
        }
        drawing.rule("a", (left, bottom), (right, bottom));
        drawing.label(f64::midpoint(left, right), bottom + 40.0, "middle", "s", self.across);
        let mut ends: Vec<(f64, f64, String)> = Vec::new();
        for (number, line) in (1..).zip(&self.series) {
            let path: Vec<_> = line.points.iter().map(|(x, figure)| format!("{:.1},{:.1}", across(*x), up(*figure))).collect();
            writeln!(drawing.text, "<polyline class=\"l l{number}\" points=\"{}\"/>", path.join(" ")).ok();
            for (x, figure) in line.points.iter().filter(|_| self.even.is_empty()) {
                writeln!(
                    drawing.text,
                    "<circle class=\"f{number}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"/>",
                    across(*x),
                    up(*figure)
                )
                .ok();
            }
            ends.extend(line.points.last().map(|(x, figure)| (up(*figure), across(*x), told(*figure))));
        }
        ends.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut below = f64::MAX;
        for (y, x, figure) in ends {
            // Figures that are near each other stand one above the other.
            let y = y.min(below - LINE);
            drawing.label(x + 7.0, y + 4.0, "start", "", &figure);
            below = y;
        }
        drawing.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_a_point() {
        let line = |name: &str, points: &[(f64, f64)]| Line { name: name.to_owned(), points: points.to_vec() };
        let series = vec![line("LSM", &[(1.0, 135.0), (1000.0, 135.0), (100_000.0, 160.0)]), line("alone", &[(1.0, 0.0)])];
        let text = Lines { title: "t", subtitle: "s", across: "traps", up: "instructions", even: &[], series }.draw();
        assert_eq!((text.matches("<circle").count(), text.matches("<polyline").count()), (4, 2), "{text}");
        assert!(text.contains(">100,000<") && !text.contains("NaN") && !text.contains("inf"), "{text}");
        let empty = Lines { title: "t", subtitle: "s", across: "x", up: "y", even: &[], series: Vec::new() }.draw();
        assert!(!empty.contains("NaN") && !empty.contains("inf"), "{empty}");
    }

    #[test]
    fn time_goes_in_even_steps() {
        let series = vec![Line { name: "resident".to_owned(), points: vec![(0.0, 20.0), (30.0, 21.0), (60.0, 20.0)] }];
        let text = Lines { title: "t", subtitle: "s", across: "minutes", up: "MiB", even: &[0.0, 60.0], series }.draw();
        let points = text.split("points=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let across: Vec<f64> = points.split(' ').filter_map(|point| point.split(',').next()?.parse().ok()).collect();
        assert!(matches!(across.as_slice(), [a, b, c] if (b - a - (c - b)).abs() < 0.2 && b > a), "{points}");
        assert!(!text.contains("<circle") && text.contains(">60<"), "{text}");
    }
}
