//! What stands in an agent's prompt and was not entered: what a person has begun to type, or what was pasted and left there.
//!
//! Into an empty prompt agents draw what could be typed: faint or grey, and in reverse where their cursor stands. Those are
//! nobody's words.

use std::num::NonZeroU16;

use vt100::{Cell, Color, Parser};

use super::{Words, is_frame, tells};

/// No screen is wider, in columns.
const WIDEST: NonZeroU16 = NonZeroU16::new(1000).unwrap();
/// So much is said of it, in characters.
const LONGEST: usize = 60;
/// The lightest grey that is one: of 255, where red, green and blue are about the same.
const LIGHTEST: u8 = 0xb0;

/// The words in the lowest line that begins as its prompt does, on a screen with its escape sequences.
pub(in crate::fleet) fn draft(words: &Words, drawn: &str) -> Option<String> {
    let lines: Vec<&str> = drawn.lines().collect();
    let mut screen = Parser::new(NonZeroU16::try_from(u16::try_from(lines.len() + 1).ok()?).ok()?, WIDEST, 0);
    lines.iter().for_each(|line| screen.process(format!("{line}\r\n").as_bytes()));
    let screen = screen.screen();
    let rows = (0..screen.size().0.get())
        .rev()
        .map(|row| (0..WIDEST.get()).filter_map(move |column| screen.cell(row, column)));
    let prompt = rows.map(|row| row.filter(|cell| cell.has_contents()).skip_while(is_margin).collect::<Vec<_>>());
    let prompt =
        prompt.into_iter().find(|row| row.first().is_some_and(|cell| words.marks.contains(&cell.contents())))?;
    let text = |cells: &[&Cell]| cells.iter().map(|cell| cell.contents()).collect::<String>();
    if tells(&text(&prompt), words.prompt) {
        return None;
    }
    let typed: Vec<&Cell> = prompt[1..].iter().copied().filter(|cell| !is_hint(cell)).collect();
    let typed = text(&typed);
    let typed = typed.trim_matches(|c: char| c.is_whitespace() || is_frame(c));
    (!typed.is_empty()).then(|| typed.chars().take(LONGEST).collect())
}

fn is_margin(cell: &&Cell) -> bool {
    cell.contents().chars().all(|c| c.is_whitespace() || is_frame(c))
}

fn is_hint(cell: &Cell) -> bool {
    cell.dim() || cell.inverse() || is_grey(cell.fgcolor())
}

fn is_grey(color: Color) -> bool {
    match color {
        Color::Default => false,
        Color::Idx(index) => matches!(index, 8 | 232..=250),
        Color::Rgb(red, green, blue) => {
            let (least, most) = (red.min(green).min(blue), red.max(green).max(blue));
            most - least <= 0x18 && most <= LIGHTEST
        }
    }
}
