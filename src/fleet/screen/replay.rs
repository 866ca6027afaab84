//! A screen as it stands after all that was drawn on it.

use std::num::NonZeroU16;

/// The lines and columns that tmux gives a pane into which nobody looks.
pub const USUAL_SIZE: (NonZeroU16, NonZeroU16) = (NonZeroU16::new(50).unwrap(), NonZeroU16::new(200).unwrap());
/// By this a program asks a terminal for whole pastes.
const ASKS_FOR_PASTES: &[u8] = b"\x1b[?2004h";

/// A screen of so many lines and columns, after all that was drawn. `took_pastes`: whether its program had asked for whole pastes
/// before that.
pub fn replayed(drawn: &[u8], (rows, columns): (NonZeroU16, NonZeroU16), took_pastes: bool) -> vt100::Screen {
    let mut screen = vt100::Parser::new(rows, columns, 0);
    if took_pastes {
        screen.process(ASKS_FOR_PASTES);
    }
    screen.process(drawn);
    screen.screen().clone()
}
