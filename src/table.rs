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
    expendable: Vec<usize>,
}

impl Table {
    /// A table in which the columns `flexible` are cut, the first one first, when the line is too long.
    pub fn new(flexible: &[usize]) -> Table {
        Table { rows: Vec::new(), flexible: flexible.to_vec(), expendable: Vec::new() }
    }

    /// The same, where columns are left out, the first one first, before others than the flexible ones are cut.
    pub fn without(mut self, expendable: &[usize]) -> Table {
        self.expendable = expendable.to_vec();
        self
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

    /// Of each column; none of one that is left out.
    fn widths(&self, limit: Option<usize>) -> Vec<Option<usize>> {
        let Some(limit) = limit else { return self.whole(&[]) };
        let all = self.expendable.len();
        for left_out in 0..=all {
            let mut widths = self.whole(&self.expendable[..left_out]);
            let excess = cut_down(&mut widths, limit, &self.flexible);
            if excess == 0 || left_out == all {
                let others: Vec<usize> = (0..widths.len()).rev().collect();
                cut_down(&mut widths, limit, &others);
                return widths;
            }
        }
        Vec::new()
    }

    /// As wide as they are.
    fn whole(&self, left_out: &[usize]) -> Vec<Option<usize>> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|c| c.text.width()).max();
        let shown = |column: usize| (!left_out.contains(&column)).then(|| widest(column).unwrap_or(0));
        (0..columns).map(shown).collect()
    }
}

/// Cuts these columns, the first one first. Gives by how much the line is still too long.
fn cut_down(widths: &mut [Option<usize>], limit: usize, columns: &[usize]) -> usize {
    let shown = widths.iter().flatten();
    let mut excess = shown.map(|width| width + GAP.len()).sum::<usize>().saturating_sub(limit);
    for column in columns {
        let Some(Some(width)) = widths.get_mut(*column) else { continue };
        let cut = excess.min(width.saturating_sub(NARROWEST));
        *width -= cut;
        excess -= cut;
    }
    excess
}

fn line(row: &[Cell], widths: &[Option<usize>]) -> Line {
    let shown: Vec<(&Cell, usize)> =
        row.iter().zip(widths).filter_map(|(cell, width)| Some((cell, (*width)?))).collect();
    let last = shown.iter().rposition(|(cell, _)| !cell.text.is_empty()).unwrap_or(0);
    let mut spans = Vec::new();
    for (column, (cell, width)) in shown.into_iter().enumerate().take(last + 1) {
        let text = cut(&cell.text, width);
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
    fn what_matters_less_is_left_out_before_what_matters_more_is_cut() {
        let mut table = Table::new(&[2]).without(&[1, 2]);
        table.row(vec![Cell::plain("claude-first0"), Cell::plain("aio/claude-first0"), Cell::plain("Mend the ports")]);
        let at = |width: usize| table.fit(Some(width))[0].plain();
        assert_eq!(at(50), "  claude-first0  aio/claude-first0  Mend the ports");
        assert_eq!(at(44), "  claude-first0  aio/claude-first0  Mend th…");
        assert_eq!(at(40), "  claude-first0  Mend the ports");
        assert_eq!(at(20), "  claude-first0");
        assert_eq!(at(11), "  claude-f…");
    }

    #[test]
    fn cutting_leaves_short_texts_alone() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("日本", 3), "日…");
    }
}
