//! Plots as SVG that reads on light and on dark pages. Pure: figures in, text out.

mod bars;
mod lines;
mod scale;

use std::fmt::Write as _;

pub(crate) use self::{
    bars::{Bar, Bars},
    lines::{Line, Lines},
    scale::told,
};

/// Of every plot, in pixels.
const WIDTH: f64 = 760.0;
const MARGIN: f64 = 20.0;
/// Where the plot begins below its title and its legend.
const TOP: f64 = 82.0;
/// What the smaller letters are wide, on average.
const LETTER: f64 = 6.6;

/// Colours that those who see red and green alike can tell apart, on white and on near-black.
const STYLE: &str = "\
text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}\
.t{font-size:15px;font-weight:600}.s{fill:#59636e}.bg{fill:#fff;stroke:#d1d9e0}.g{stroke:#d1d9e0}.a{stroke:#818b98}\
.f0{fill:#9aa4af}.f1{fill:#0a62b8}.f2{fill:#d97706}.f3{fill:#6f4aa8}.f4{fill:#0f8a6c}\
.l0{stroke:#7a858f}.l1{stroke:#0a62b8}.l2{stroke:#d97706}.l3{stroke:#6f4aa8}.l4{stroke:#0f8a6c}\
.l{fill:none;stroke-width:2}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}.bg{fill:#0d1117;stroke:#3d444d}.g{stroke:#2a313c}.a{stroke:#6e7681}\
.f0{fill:#6b7480}.f1{fill:#4c9be8}.f2{fill:#f0a04b}.f3{fill:#b392f0}.f4{fill:#3fbf98}\
.l0{stroke:#8b949e}.l1{stroke:#4c9be8}.l2{stroke:#f0a04b}.l3{stroke:#b392f0}.l4{stroke:#3fbf98}}";

/// A drawing that is begun with its title, and the meaning of its colours.
struct Drawing {
    text: String,
}

impl Drawing {
    fn new(height: f64, title: &str, subtitle: &str, legend: &[&str]) -> Self {
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n<rect class=\"bg\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n",
            escaped(title),
            WIDTH - 1.0,
            height - 1.0
        );
        writeln!(text, "<text class=\"t\" x=\"{MARGIN}\" y=\"28\">{}</text>", escaped(title)).ok();
        writeln!(text, "<text class=\"s\" x=\"{MARGIN}\" y=\"46\">{}</text>", escaped(subtitle)).ok();
        let mut x = MARGIN;
        // A name that is not said is that of a colour that this plot has not.
        for (number, name) in legend.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            writeln!(text, "<rect class=\"f{number}\" x=\"{x}\" y=\"57\" width=\"11\" height=\"11\" rx=\"2\"/>").ok();
            writeln!(text, "<text x=\"{}\" y=\"67\">{}</text>", x + 16.0, escaped(name)).ok();
            x += 34.0 + width(name);
        }
        Self { text }
    }

    fn label(&mut self, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        writeln!(self.text, "<text{class} x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", escaped(text)).ok();
    }

    fn rule(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        writeln!(
            self.text,
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        )
        .ok();
    }

    fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

/// About how wide a text is.
fn width(text: &str) -> f64 {
    LETTER * f64::from(u16::try_from(text.chars().count()).unwrap_or(u16::MAX))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_escaped() {
        assert_eq!(escaped("a < b & c"), "a &lt; b &amp; c");
    }
}
