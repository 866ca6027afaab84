//! The question whether a folder is to be trusted, as Claude Code asks it: `No, exit` is chosen, so that Enter ends it.

use crate::prompt::{read, show};
use crate::record::Record;

const DIALOG: &str = "\x1b[2J\x1b[H Accessing workspace:\r\n\r\n Quick safety check: Is this a project you created or one you trust?\r\n\r\n";

/// Asks, and waits for an answer. All that was typed is left in `typed`.
pub fn is_given(record: &Record) -> bool {
    let mut is_chosen = false;
    record.moment("trust");
    loop {
        let [no, yes] = if is_chosen { [" ", "❯"] } else { ["❯", " "] };
        show(
            format!(
                "{DIALOG} {no} No, exit\r\n {yes} Yes, I trust this folder\r\n\r\n Enter to confirm · Esc to cancel"
            )
            .as_bytes(),
        );
        let keys = read();
        record.line("typed", &format!("{keys:?}"));
        if keys.is_empty() {
            return false;
        }
        // One read may give several keys.
        for key in keys.split_inclusive(|byte| matches!(byte, b'A' | b'B' | b'\r')) {
            match key {
                b"\x1b[B" | b"\x1bOB" => is_chosen = true,
                b"\x1b[A" | b"\x1bOA" => is_chosen = false,
                b"\r" => {
                    show(b"\x1b[2J\x1b[H");
                    record.moment(if is_chosen { "trusted" } else { "refused" });
                    return is_chosen;
                }
                _ => {}
            }
        }
    }
}
