//! What a shell command may change, told from its text alone.
//!
//! Owns the reading of command lines ([`effects`]) and what is asked of the file system afterwards ([`Effects::settle`]).
//! Guarantees that it never says too much: what is not understood contributes nothing, and what only reads is never named.
//! A command line that is not understood as a whole (a syntax error, a construct of one shell only, more than
//! [`MOST_BYTES`], deep nesting) has no effects at all, because text that was misread could pass for commands. Takes time
//! in proportion to the text, and neither panics nor exhausts the stack on any input.
//! Does not run, look at or resolve anything, and does not promise to name everything: scripts, variables that come from
//! elsewhere, `eval`, patches in files and programs it does not know pass.
//!
//! A command is followed as if it succeeded, through `cd`, assignments, loops, functions, subshells and `sh -c`. What two
//! branches leave differently is not known behind them. Whether a branch or a loop runs is not asked: what it would change
//! counts.
//!
//! **Why a parser of our own.** It reads what agents type, as a hook in a program that aborts on panic, before every
//! command. Of what crates.io had in 2026: `brush-parser` 0.4.0 (46 packages) does not come back from the seven bytes
//! `<<E$[` TAB TAB or from 300 brackets, and overflows the stack on 20,000 `$(`; `rable` 0.2.2 overflows it too and, as
//! `shuck-parser` 0.2.8 (47,000 lines, quadratic on `${a:-`), needs a newer compiler; `yash-syntax` is under the GPL;
//! `conch-parser` knows no bash; `tree-sitter-bash` brings a C runtime and guesses on after an error, which is just what must
//! not happen here. All of them would still leave expansion, scopes and every program's options to do.

use std::fmt;

mod assigning;
mod braces;
mod branching;
mod builtins;
mod expand;
mod field;
mod options;
mod parser;
mod paths;
mod programs;
mod scanner;
mod scope;
mod settling;
mod syntax;
mod walk;
mod words;

#[cfg(test)]
mod tests;

pub use settling::{Look, Settled};

/// The longest command that is read.
pub const MOST_BYTES: usize = 64 * 1024;
/// After this many the rest is not told.
pub const MOST_TOUCHES: usize = 1000;

/// Where a command is going to run.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'s> {
    /// The folder, absolute.
    pub cwd: &'s str,
    /// What `~` and `$HOME` are.
    pub home: Option<&'s str>,
}

/// What a command may change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Files and folders, each once, in the order they are first touched.
    pub touched: Vec<Touch>,
    /// Worktrees of git of which any file may change.
    pub sweeps: Vec<Sweep>,
}

/// Something that is changed. All paths are absolute, without `.` and doubled slashes. `..` stays where a command named
/// it: only the file system knows what it leads to. Nothing in `/dev` and `/proc` is ever named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// What happens to it.
    pub change: Change,
    /// What it is.
    pub place: Place,
}

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is created, written, or written to.
    Write,
    /// It is deleted or moved away.
    Remove,
}

/// Where something is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// What no look is needed for.
    Certain(Extent),
    /// What a pattern matches among the paths that exist: `*`, `?` and `[…]` within a name, other characters escaped by
    /// backslashes. A leading dot is matched only by a dot.
    Glob {
        /// The pattern, absolute.
        pattern: String,
        /// With everything below what it matches.
        is_deep: bool,
    },
    /// What comes of copying, moving or linking.
    Copy(Copy),
}

/// One path, or a simple set of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// This path itself. A folder of that name is not meant, and nothing below it.
    File(String),
    /// This path and everything below it.
    Tree(String),
    /// Every file below the folder whose name matches.
    Named {
        /// The folder.
        folder: String,
        /// A pattern as in [`Place::Glob`], in which `*` matches a leading dot as well.
        name: String,
    },
    /// Whatever below `to` has a counterpart below `from`.
    Mirror {
        /// The copy.
        to: String,
        /// The original.
        from: String,
    },
}

/// A source and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Not known where nothing is named; a pattern as in [`Place::Glob`].
    pub from: Option<String>,
    /// The destination as it is named.
    pub to: String,
    /// What the destination means.
    pub landing: Landing,
    /// What becomes of folders.
    pub manner: Manner,
}

/// Whether a destination is the new path or the folder it goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// The path itself.
    Exact,
    /// The folder.
    Inside,
    /// The folder if there is one, else the path itself.
    Either,
}

/// What copying does with a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Leaves it out.
    Files,
    /// Copies or moves everything in it, over what is there.
    Trees,
    /// Puts it there as one thing, as a link does.
    Whole,
}

/// A git command that may change any file of a worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// What it does.
    pub kind: SweepKind,
    /// Where it runs: a folder in the worktree.
    pub folder: String,
    /// Only what is below the folder, not the whole worktree.
    pub is_below: bool,
    /// For `git checkout WORD`: where this exists, git takes the word for a path, and restores that.
    pub unless: Option<String>,
}

/// What a sweep does to the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepKind {
    /// `git stash`: takes away what was changed.
    Stash,
    /// `git reset --hard`: undoes what was changed.
    Reset,
    /// `git checkout .`, `git restore .`: the same, for the files only.
    Restore,
    /// `git clean -f`: deletes what git does not know.
    Clean,
    /// `git switch`, `git checkout BRANCH`: other files, and other contents.
    Switch,
    /// `git pull`, `merge`, `rebase`, `stash pop` and the like. Git itself refuses where that would lose a change that was
    /// not committed.
    Integrate,
}

/// What `command` may change, as far as it can be told.
pub fn effects(command: &str, surroundings: &Surroundings<'_>) -> Effects {
    if command.len() > MOST_BYTES {
        return Effects::default();
    }
    let Some(list) = parser::parse(command) else { return Effects::default() };
    walk::follow(&list, surroundings)
}

impl Effects {
    /// Whether nothing is touched, as far as it can be told.
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.sweeps.is_empty()
    }
}

impl SweepKind {
    /// As it is called in a message.
    pub fn name(self) -> &'static str {
        match self {
            SweepKind::Stash => "git stash",
            SweepKind::Reset => "git reset --hard",
            SweepKind::Restore => "git restore",
            SweepKind::Clean => "git clean",
            SweepKind::Switch => "a branch switch",
            SweepKind::Integrate => "a merge",
        }
    }
}

impl fmt::Display for SweepKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
