//! Horizontal bars of several parts.

use std::fmt::Write as _;

use super::{
    Drawing, MARGIN, TOP, WIDTH,
    scale::{Scale, told},
    width,
};

const BAR: f64 = 18.0;
const PITCH: f64 = 28.0;

/// One bar.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) label: String,
    /// Figures in the order of the legend.
    pub(crate) parts: Vec<f64>,
    /// What is said behind it besides its sum.
    pub(crate) note: String,
}

/// A plot of bars.
#[derive(Clone, Debug)]
pub(crate) struct Bars<'a> {
    pub(crate) title: &'a str,
    pub(crate) subtitle: &'a str,
    /// What the parts are.
    pub(crate) legend: &'a [&'a str],
    pub(crate) axis: &'a str,
    pub(crate) rows: Vec<Bar>,
}

impl Bars<'_> {
    /// Draws it.
    pub(crate) fn draw(&self) -> String {
        let count = f64::from(u16::try_from(self.rows.len()).unwrap_or(u16::MAX));
        let bottom = TOP + count * PITCH + 4.0;
        let mut drawing = Drawing::new(bottom + 48.0, self.title, self.subtitle, self.legend);
        let left = MARGIN + self.rows.iter().map(|bar| width(&bar.label)).fold(0.0, f64::max) + 10.0;
        let room = self.rows.iter().map(|bar| width(&bar.behind())).fold(0.0, f64::max);
        let length = WIDTH - MARGIN - left - 20.0;
        // The longest bar leaves room for what is said behind it.
        let most = self.rows.iter().map(Bar::sum).fold(0.0, f64::max) * length / (length - room).max(1.0);
        let scale = Scale::new(most, 6.0);
        for mark in scale.marks() {
            let x = left + scale.at(mark, length);
            drawing.rule("g", (x, TOP - 4.0), (x, bottom));
            drawing.label(x, bottom + 17.0, "middle", "s", &told(mark));
        }
        for (number, bar) in (0_u16..).zip(&self.rows) {
            let y = TOP + f64::from(number) * PITCH;
            drawing.label(left - 8.0, y + 13.5, "end", "", &bar.label);
            let mut x = left;
            for (part, figure) in bar.parts.iter().enumerate() {
                let wide = scale.at(figure.max(0.0), length);
                writeln!(
                    drawing.text,
                    "<rect class=\"f{part}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{BAR}\"/>"
                )
                .ok();
                x += wide;
            }
            drawing.label(x + 6.0, y + 13.5, "start", "", &bar.behind());
        }
        drawing.rule("a", (left, TOP - 4.0), (left, bottom));
        drawing.label(left + length / 2.0, bottom + 36.0, "middle", "s", self.axis);
        drawing.finish()
    }
}

impl Bar {
    fn sum(&self) -> f64 {
        self.parts.iter().filter(|part| **part > 0.0).sum()
    }

    fn behind(&self) -> String {
        let sum = told(self.parts.iter().sum());
        if self.note.is_empty() { sum } else { format!("{sum} {}", self.note) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_a_rectangle_and_the_sum_is_told() {
        let bar = |label: &str, parts: &[f64]| Bar { label: label.to_owned(), parts: parts.to_vec(), note: String::new() };
        let rows = vec![bar("LSM <x>", &[183.0, 135.0]), bar("peer", &[0.0, 0.0])];
        let text = Bars { title: "t", subtitle: "s", legend: &["floor", "koney"], axis: "instructions", rows }.draw();
        assert_eq!(text.matches("<rect").count(), 1 + 2 + 4, "{text}");
        assert!(text.contains(">318<") && text.contains("LSM &lt;x&gt;") && text.ends_with("</svg>\n"), "{text}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}
