//! How a case-insensitive, normalising file system compares names.
//!
//! Guarantees that folding twice is folding once, that `/`, `.` and NUL neither appear nor vanish, and that bytes which
//! are not UTF-8 stay as they are. Does not know which file systems fold, and keeps `ß` and `ss` apart as they do.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// The form in which two spellings of one name are equal bytes: case folded, then NFC, wherever `path` is valid UTF-8.
pub fn fold_path(path: &[u8]) -> Cow<'_, [u8]> {
    if !path.is_ascii() {
        return Cow::Owned(fold_unicode(path));
    }
    if path.iter().any(u8::is_ascii_uppercase) {
        return Cow::Owned(path.to_ascii_lowercase());
    }
    Cow::Borrowed(path)
}

fn fold_unicode(path: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        // Unicode D145: decompose first, so that a letter and its marks fold alike however they were composed.
        let text: String = chunk.valid().nfd().flat_map(fold_char).nfc().collect();
        folded.extend_from_slice(text.as_bytes());
        folded.extend_from_slice(chunk.invalid());
    }
    folded
}

/// Unicode's simple case folding, by way of upper case so that `ς` and `σ`, or `ſ` and `s`, fall together.
fn fold_char(c: char) -> std::char::ToLowercase {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        // The dotless i is a letter of its own, though its capital is I.
        (Some(single), None) if c != 'ı' => single.to_lowercase(),
        _ => c.to_lowercase(),
    }
}
