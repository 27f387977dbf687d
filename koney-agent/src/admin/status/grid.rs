//! Columns of text.

use super::words::shown;

/// The narrowest that a column is made that may be cut.
const NARROWEST: usize = 10;
const GAP: &str = "  ";

/// A table with a header.
pub(super) struct Grid<const COLUMNS: usize> {
    header: [&'static str; COLUMNS],
    /// Columns that are cut where the line gets too long.
    flexible: &'static [usize],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Grid<COLUMNS> {
    pub(super) const fn new(header: [&'static str; COLUMNS], flexible: &'static [usize]) -> Self {
        Self { header, flexible, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells.map(|cell| shown(&cell, 200)));
    }

    /// Nothing where there are no rows.
    pub(super) fn write(&self, text: &mut String, width: usize) {
        if self.rows.is_empty() {
            return;
        }
        let widths = self.widths(width);
        let mut write = |cells: &[String]| {
            let mut row = String::new();
            for (cell, width) in cells.iter().zip(widths) {
                let cell = shown(cell, width);
                row.push_str(&cell);
                row.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
                row.push_str(GAP);
            }
            text.push_str(row.trim_end());
            text.push('\n');
        };
        write(&self.header.map(str::to_owned));
        self.rows.iter().for_each(|cells| write(cells));
    }

    fn widths(&self, width: usize) -> [usize; COLUMNS] {
        let mut widths = self.header.map(|name| name.chars().count());
        for cells in &self.rows {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let gaps = GAP.len() * COLUMNS.saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > width {
            let widest = self.flexible.iter().copied().max_by_key(|column| widths.get(*column)).unwrap_or_default();
            match widths.get_mut(widest).filter(|widest| **widest > NARROWEST) {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
        widths
    }
}
