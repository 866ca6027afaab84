//! Rows of cells, aligned, and cut to the terminal where there is one.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::output::{Line, Style, printable};

/// Columns are never cut below this.
const NARROWEST: usize = 8;
const GAP: &str = "  ";

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell {
    style: Style,
    text: String,
}

impl Cell {
    /// A cell of a style. What would disturb the terminal is escaped here, before widths are measured.
    pub fn new(style: Style, text: impl Into<String>) -> Cell {
        let text = text.into();
        Cell { style, text: printable(&text).into_owned() }
    }

    /// An unstyled cell.
    pub fn plain(text: impl Into<String>) -> Cell {
        Cell::new(Style::Plain, text)
    }
}

/// Rows of equally many cells.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
    flexible: Vec<usize>,
}

impl Table {
    /// A table in which the columns `flexible` are cut, the first one first, when the line is too long.
    pub fn new(flexible: &[usize]) -> Table {
        Table { rows: Vec::new(), flexible: flexible.to_vec() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, at most `width` columns wide where one is given.
    pub fn fit(&self, width: Option<usize>) -> Vec<Line> {
        let widths = self.widths(width);
        self.rows.iter().map(|row| line(row, &widths)).collect()
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|c| c.text.width()).max();
        let mut widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or(0)).collect();
        let Some(limit) = limit else { return widths };
        let mut excess = (widths.iter().sum::<usize>() + GAP.len() * columns).saturating_sub(limit);
        let others = (0..columns).rev().filter(|column| !self.flexible.contains(column));
        for column in self.flexible.iter().copied().chain(others) {
            let Some(width) = widths.get_mut(column) else { continue };
            let cut = excess.min(width.saturating_sub(NARROWEST));
            *width -= cut;
            excess -= cut;
        }
        widths
    }
}

fn line(row: &[Cell], widths: &[usize]) -> Line {
    let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
    let mut spans = Vec::new();
    for (column, (cell, width)) in row.iter().zip(widths).enumerate().take(last + 1) {
        let text = cut(&cell.text, *width);
        let padding = if column == last { 0 } else { width - text.width() };
        spans.push((Style::Plain, GAP.to_owned()));
        spans.push((cell.style, text));
        spans.push((Style::Plain, " ".repeat(padding)));
    }
    Line(spans)
}

/// At most `width` columns of a text, with an ellipsis in the place of what was cut off.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let kept = text.chars().take_while(|c| {
        let columns = c.width().unwrap_or(0);
        let fits = columns <= room;
        room = room.saturating_sub(columns);
        fits
    });
    kept.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_terminal_and_wide_characters_count_twice() {
        let mut table = Table::new(&[1]);
        table.row(vec![Cell::plain("a"), Cell::plain("日本語のとても長い名前です"), Cell::plain("end")]);
        for line in table.fit(Some(24)) {
            assert!(line.plain().width() <= 24, "{:?}", line.plain());
            assert!(line.plain().contains('…') && line.plain().ends_with("end"));
        }
        assert_eq!(table.fit(None)[0].plain(), "  a  日本語のとても長い名前です  end");
    }

    #[test]
    fn cutting_leaves_short_texts_alone() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("日本", 3), "日…");
    }
}
