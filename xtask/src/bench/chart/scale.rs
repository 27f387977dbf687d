//! From figures to places, with round marks between.

/// A linear scale from zero.
pub(super) struct Scale {
    /// The highest mark.
    pub(super) top: f64,
    step: f64,
}

impl Scale {
    /// One that holds `most` with about `marks` round marks.
    pub(super) fn new(most: f64, marks: f64) -> Self {
        let rough = (most / marks).max(f64::MIN_POSITIVE);
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        Self { top: (most / step).ceil().max(1.0) * step, step }
    }

    /// The marks, zero first.
    pub(super) fn marks(&self) -> Vec<f64> {
        let mut marks = Vec::new();
        let mut mark = 0.0;
        while mark <= self.top + self.step / 2.0 {
            marks.push(mark);
            mark += self.step;
        }
        marks
    }

    /// Where a figure is on a way of this length.
    pub(super) fn at(&self, figure: f64, length: f64) -> f64 {
        figure / self.top * length
    }
}

/// A figure for people: `12,345`, `318`, `4.5`.
pub(crate) fn told(figure: f64) -> String {
    let decimals = usize::from(figure.abs() < 100.0 && (figure - figure.round()).abs() > 0.05);
    let text = format!("{figure:.decimals$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    let digits = whole.trim_start_matches('-');
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if whole.starts_with('-') { "−" } else { "" };
    format!("{sign}{grouped}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_hold_the_highest_figure() {
        let scale = Scale::new(3012.0, 5.0);
        assert!((scale.top - 4000.0).abs() < 1e-6, "{}", scale.top);
        assert_eq!(scale.marks().len(), 5);
        assert!((scale.at(2000.0, 100.0) - 50.0).abs() < 1e-6);
        assert!(Scale::new(0.0, 5.0).top > 0.0);
    }

    #[test]
    fn figures_are_grouped() {
        assert_eq!(
            [told(1_234_567.0), told(318.2), told(4.54), told(-1200.0), told(12.0)],
            ["1,234,567", "318", "4.5", "−1,200", "12"]
        );
    }
}
