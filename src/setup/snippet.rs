//! A few lines for the model, between markers, in a file of instructions that people write.

use super::json::Wrong;

const BEGIN: &str = "<!-- aio:begin -->";
const END: &str = "<!-- aio:end -->";

/// The text with our lines as they are now: where they stand, or at its end.
///
/// # Errors
/// Where one marker stands without the other.
pub(super) fn put_in(text: &str, snippet: &str) -> Result<String, Wrong> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let block = format!("{BEGIN}\n{}\n{END}", snippet.trim_end()).replace('\n', newline);
    if let Some((start, end)) = block_of(text)? {
        return Ok(format!("{}{block}{}", &text[..start], &text[end..]));
    }
    let before = match text {
        "" => "".to_owned(),
        text if text.ends_with('\n') => newline.to_owned(),
        _ => newline.repeat(2),
    };
    Ok(format!("{text}{before}{block}{newline}"))
}

/// The text without our lines, and without the empty line before them.
///
/// # Errors
/// Where one marker stands without the other.
pub(super) fn take_out(text: &str) -> Result<String, Wrong> {
    let Some((start, end)) = block_of(text)? else { return Ok(text.to_owned()) };
    let (before, after) = (&text[..start], &text[end..]);
    let after = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n')).unwrap_or(after);
    let is_separated = before.ends_with("\n\n") || before.ends_with("\n\r\n");
    let before = match before.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        Some(shorter) if is_separated => shorter,
        _ => before,
    };
    Ok(format!("{before}{after}"))
}

/// Where our lines begin and end, markers included.
fn block_of(text: &str) -> Result<Option<(usize, usize)>, Wrong> {
    match (line_of(text, BEGIN), line_of(text, END)) {
        (None, None) => Ok(None),
        (Some(start), Some(end)) if start < end => Ok(Some((start, end + END.len()))),
        (Some(place), _) => Err(Wrong::at(text, place, format!("{BEGIN} stands here without {END} after it"))),
        (None, Some(place)) => Err(Wrong::at(text, place, format!("{END} stands here without {BEGIN} before it"))),
    }
}

/// Where a marker stands that has its line for itself.
fn line_of(text: &str, marker: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == marker {
            return Some(start);
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_again() {
        for text in ["", "# Mine\n", "# Mine\r\n\r\nword\r\n", "a\n\n\n", "a\n\n"] {
            let with = put_in(text, "one\ntwo\n").expect("whole blocks");
            assert_eq!(put_in(&with, "one\ntwo\n").expect("whole blocks"), with);
            assert_eq!(take_out(&with).expect("whole blocks"), text, "{with:?}");
            let renewed = put_in(&with, "three").expect("whole blocks");
            assert!(renewed.contains("three") && !renewed.contains("one"));
            let followed = format!("{with}more\n");
            assert_eq!(take_out(&followed).expect("whole blocks"), format!("{text}more\n"));
        }
        assert_eq!(take_out(&put_in("no end", "x").expect("whole blocks")).expect("whole blocks"), "no end\n");
    }

    #[test]
    fn half_a_block_is_named_and_left() {
        let wrong = put_in("a\n<!-- aio:begin -->\nb\n", "x").expect_err("half a block");
        assert_eq!((wrong.line, wrong.column), (2, 1));
        assert_eq!(take_out("<!-- aio:end -->\n<!-- aio:begin -->").expect_err("half a block").line, 2);
        let quoted = "write `<!-- aio:begin -->` first\n";
        assert_eq!(take_out(quoted).expect("whole blocks"), quoted, "words about markers are no markers");
    }
}
