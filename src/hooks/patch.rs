//! The files that a patch of the `*** Begin Patch` kind touches.
//!
//! Owns the reading of its headers; the hunks are not looked at, because what a patch does to a file's text decides
//! nothing. Guarantees that a line of a hunk is never taken for a header: an added, removed or kept line begins with
//! `+`, `-` or a space, and a header inside an update begins with neither. Follows codex-rs' `apply-patch` parser where
//! it is exact, and accepts what other tools' parsers let through: CRLF, blanks around a header or a name, no space
//! after the colon, text before and after, a missing end, several patches in one text.
//! Does not judge whether the patch applies.

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const ADD: &str = "*** Add File:";
const UPDATE: &str = "*** Update File:";
const DELETE: &str = "*** Delete File:";
const MOVE: &str = "*** Move to:";

/// One file of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'p> {
    /// As it is written in the patch, without the blanks around it: absolute, or relative to where the patch is applied.
    pub path: &'p str,
    /// What happens to it.
    pub kind: ChangeKind,
}

/// What a patch does to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is created, or overwritten where it exists.
    Add,
    /// Its text changes. Where a [`ChangeKind::MoveTo`] follows, it also goes away.
    Update,
    /// It goes away.
    Delete,
    /// The update just before it is written to this name.
    MoveTo,
}

/// Where in a patch a line stands.
#[derive(Clone, Copy, PartialEq)]
enum Position {
    Outside,
    /// After the beginning, an addition or a deletion: a header may be indented.
    BetweenFiles,
    /// Just after the header of an update: the only place for a move.
    AtUpdate,
    /// In the hunks of an update: an indented line is one of the text's own.
    InUpdate,
}

/// Every file that the patches in `text` touch, in order; both names of a move. Nothing when no patch begins in it.
pub fn changes(text: &str) -> Vec<Change<'_>> {
    let mut position = Position::Outside;
    let mut found = Vec::new();
    for line in text.lines() {
        let indented = line.starts_with(char::is_whitespace);
        let header = line.trim();
        if header == BEGIN && !(indented && in_update(position)) {
            position = Position::BetweenFiles;
        } else if position == Position::Outside || (indented && in_update(position)) {
            position = after_text(position, header);
        } else if header == END {
            position = Position::Outside;
        } else {
            let change = change(header).filter(|it| it.kind != ChangeKind::MoveTo || position == Position::AtUpdate);
            position = change.map_or_else(|| after_text(position, header), |it| after_header(it.kind));
            found.extend(change);
        }
    }
    found
}

fn in_update(position: Position) -> bool {
    matches!(position, Position::AtUpdate | Position::InUpdate)
}

/// Where the line after this one stands, this one being no header.
fn after_text(position: Position, line: &str) -> Position {
    if position == Position::AtUpdate && !line.is_empty() { Position::InUpdate } else { position }
}

fn after_header(kind: ChangeKind) -> Position {
    match kind {
        ChangeKind::Update => Position::AtUpdate,
        ChangeKind::MoveTo => Position::InUpdate,
        ChangeKind::Add | ChangeKind::Delete => Position::BetweenFiles,
    }
}

/// What a header says, when the line is one and names a file.
fn change(line: &str) -> Option<Change<'_>> {
    let kinds = [
        (ADD, ChangeKind::Add),
        (UPDATE, ChangeKind::Update),
        (DELETE, ChangeKind::Delete),
        (MOVE, ChangeKind::MoveTo),
    ];
    let (path, kind) = kinds.into_iter().find_map(|(word, kind)| Some((line.strip_prefix(word)?.trim(), kind)))?;
    (!path.is_empty() && !path.contains('\0')).then_some(Change { path, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `+a ~b -c >d`: added, updated, deleted, moved to.
    fn short(text: &str) -> String {
        let sign = |kind| match kind {
            ChangeKind::Add => '+',
            ChangeKind::Update => '~',
            ChangeKind::Delete => '-',
            ChangeKind::MoveTo => '>',
        };
        let words: Vec<String> =
            changes(text).iter().map(|change| format!("{}{}", sign(change.kind), change.path)).collect();
        words.join(" ")
    }

    #[test]
    fn every_kind_and_both_names_of_a_move() {
        let patch = "*** Begin Patch\n*** Add File: a\n+one\n*** Update File: b\n*** Move to: c\n@@\n-x\n+y\n\
                     *** Delete File: d\n*** Update File: /e f\n@@ fn\n x\n*** End of File\n*** End Patch\n";
        assert_eq!(short(patch), "+a ~b >c -d ~/e f");
    }

    #[test]
    fn lines_of_a_hunk_are_no_headers() {
        let patch = "*** Begin Patch\n*** Update File: a\n *** Update File: kept\n-*** Delete File: removed\n\
                     +*** Add File: added\n *** End Patch\n *** Begin Patch\n\t*** Add File: tabbed\n*** Add File: b\n\
                     +*** Add File: text\n+*** End Patch\n*** Delete File: c\n*** End Patch";
        assert_eq!(short(patch), "~a +b -c");
    }

    #[test]
    fn a_move_belongs_to_the_update_just_before_it() {
        let moved = |between: &str| {
            short(&format!("*** Begin Patch\n*** Update File: a\n{between}*** Move to: b\n@@\n*** End Patch"))
        };
        assert_eq!(moved(""), "~a >b");
        assert_eq!(moved("\n"), "~a >b");
        assert_eq!(moved("@@\n-x\n"), "~a");
        assert_eq!(moved("*** Move to: c\n"), "~a >c");
        assert_eq!(short("*** Begin Patch\n*** Delete File: a\n*** Move to: b\n*** End Patch"), "-a");
    }

    #[test]
    fn what_other_parsers_let_through() {
        assert_eq!(
            short("  *** Begin Patch  \r\n *** Add File:  a \r\n+x\r\n  *** Delete File:b\r\n*** End Patch\r\n"),
            "+a -b"
        );
        assert_eq!(short("<<'EOF'\n*** Begin Patch\n*** Delete File: a\n*** End Patch\nEOF"), "-a");
        assert_eq!(short("*** Begin Patch\n*** Delete File: a"), "-a", "an end that never came");
        let twice = "*** Begin Patch\n*** Delete File: a\n*** End Patch\n*** Delete File: between\n\
                     *** Begin Patch\n*** Add File: b\n*** End Patch";
        assert_eq!(short(twice), "-a +b");
    }

    #[test]
    fn nothing_in_what_is_no_patch() {
        for text in
            ["", "*** Add File: a", "diff --git a/x b/x", "+*** Begin Patch\n*** Add File: a", "*** Begin Patch"]
        {
            assert_eq!(short(text), "", "{text:?}");
        }
        assert_eq!(short("*** Begin Patch\n*** Add File:\n*** Update File:   \n*** Add File: a\0b\n*** End Patch"), "");
    }
}
