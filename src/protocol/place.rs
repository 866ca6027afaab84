//! What a claim is on, and when two of them are in each other's way.
//!
//! Paths, globs and names as the state spells them come in; the exact decision is [`super::overlap`]'s.

use std::fmt;

use super::overlap::{self, Area, Glob};
use super::spelling;
use super::state::{Claim, Lost, Wanted};

/// The kinds of things that can be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One file, which need not exist.
    File,
    /// A directory and everything below it.
    Directory,
    /// Every path a glob matches.
    Pattern,
    /// A task or issue, by name, of a repository.
    Task,
    /// Anything else with a name: `port:5173`, `db:test`, `git:index`.
    Resource,
}

impl Kind {
    /// All kinds with the spellings they are accepted by; the first is the one that is stored.
    pub const SPELLINGS: [(Kind, &'static [&'static str]); 5] = [
        (Kind::File, &["file"]),
        (Kind::Directory, &["directory", "dir"]),
        (Kind::Pattern, &["pattern", "glob"]),
        (Kind::Task, &["task"]),
        (Kind::Resource, &["resource"]),
    ];

    /// The kind of that spelling.
    pub fn parse(word: &str) -> Option<Kind> {
        Self::SPELLINGS.iter().find(|(_, words)| words.contains(&word)).map(|(kind, _)| *kind)
    }

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Directory => "directory",
            Kind::Pattern => "pattern",
            Kind::Task => "task",
            Kind::Resource => "resource",
        }
    }

    /// Whether it is a set of paths.
    pub fn is_path(self) -> bool {
        matches!(self, Kind::File | Kind::Directory | Kind::Pattern)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A place as a record spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'s> {
    /// A spelling of [`Kind`], or a word of another version.
    pub kind: &'s str,
    /// Path or glob relative to `project`, or name.
    pub target: &'s str,
    /// Worktree.
    pub project: &'s str,
    /// Git's common directory where it is not `<project>/.git`.
    pub repository: &'s str,
    /// Whether the file system there ignores case.
    pub folds_case: bool,
}

macro_rules! place_of {
    ($($record:ident),*) => { $(
        impl<'s> From<&'s $record<'_>> for Place<'s> {
            fn from(record: &'s $record<'_>) -> Self {
                Place {
                    kind: &record.kind,
                    target: &record.target,
                    project: &record.project,
                    repository: &record.repository,
                    folds_case: record.folds_case,
                }
            }
        }
    )* };
}
place_of!(Claim, Wanted, Lost);

impl<'s> Place<'s> {
    /// Whether both are spelled alike: the same claim, not merely the same paths.
    pub fn is_same(&self, other: &Place<'_>) -> bool {
        let same_kind = self.kind == other.kind || (self.kind().is_some() && self.kind() == other.kind());
        let is_path = self.kind().is_some_and(Kind::is_path);
        let same_scope = if is_path { self.project == other.project } else { same_joined(self.scope(), other.scope()) };
        same_kind && self.target == other.target && same_scope
    }

    /// What kind of place it is; none where this version does not know the word.
    pub fn kind(&self) -> Option<Kind> {
        Kind::parse(self.kind)
    }

    /// Where the name of a task or resource means something, as two halves of one string. Ports are the machine's,
    /// git's own files a worktree's, everything else a repository's, so that its worktrees share it.
    fn scope(&self) -> (&'s str, &'static str) {
        match self.kind() {
            Some(Kind::Resource) if self.target.starts_with("port:") || self.target.starts_with("host:") => ("", ""),
            Some(Kind::Resource) if self.target.starts_with("git:") => (self.project, ""),
            _ => self.common_directory(),
        }
    }

    fn common_directory(&self) -> (&'s str, &'static str) {
        if self.repository.is_empty() { (self.project.trim_end_matches('/'), "/.git") } else { (self.repository, "") }
    }
}

/// Whether two strings given in two halves are the same.
fn same_joined(a: (&str, &str), b: (&str, &str)) -> bool {
    a.0.len() + a.1.len() == b.0.len() + b.1.len() && a.0.bytes().chain(a.1.bytes()).eq(b.0.bytes().chain(b.1.bytes()))
}

/// A place got ready to be compared with many others.
#[derive(Debug)]
pub struct Prepared<'s> {
    place: Place<'s>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    File(Vec<u8>),
    Directory(Vec<u8>),
    Pattern(Vec<u8>, Box<Glob>),
    Name,
}

impl Shape {
    /// A pattern that cannot be read (another version's, or a hand edit) stands for all that is below its literal
    /// start: too much is refused rather than too little.
    fn of(place: &Place<'_>, base: &str) -> Shape {
        match place.kind() {
            Some(Kind::File) => Shape::File(absolute(base, place.target)),
            Some(Kind::Directory) => Shape::Directory(absolute(base, place.target)),
            Some(Kind::Pattern) => match Glob::read(place.target) {
                Ok(glob) => Shape::Pattern(absolute(base, "."), Box::new(glob)),
                Err(_) => Shape::Directory(absolute(base, literal_directory(place.target))),
            },
            Some(Kind::Task | Kind::Resource) | None => Shape::Name,
        }
    }

    fn area(&self) -> Option<Area<'_>> {
        match self {
            Shape::File(path) => Some(Area::File(path)),
            Shape::Directory(path) => Some(Area::Directory(path)),
            Shape::Pattern(base, glob) => Some(Area::Pattern { base, glob }),
            Shape::Name => None,
        }
    }

    fn folded(&self) -> Shape {
        let fold = |path: &Vec<u8>| overlap::fold_path(path).into_owned();
        match self {
            Shape::File(path) => Shape::File(fold(path)),
            Shape::Directory(path) => Shape::Directory(fold(path)),
            Shape::Pattern(base, glob) => Shape::Pattern(fold(base), glob.clone()),
            Shape::Name => Shape::Name,
        }
    }
}

impl<'s> Prepared<'s> {
    /// Resolves the spelling once.
    pub fn new(place: impl Into<Place<'s>>) -> Self {
        let place = place.into();
        Prepared { shape: Shape::of(&place, place.project), place }
    }

    /// The place as it was spelled.
    pub fn place(&self) -> &Place<'s> {
        &self.place
    }

    /// Whether the two cannot be held exclusively by two holders at once.
    pub fn overlaps(&self, other: &Place<'_>) -> bool {
        if let Some(decided) = self.same_project_files(other) {
            return decided;
        }
        self.overlaps_prepared(&Prepared::new(*other))
    }

    /// As [`Prepared::overlaps`], with both sides ready.
    pub fn overlaps_prepared(&self, other: &Prepared<'_>) -> bool {
        self.compare(other, overlap::overlaps)
    }

    /// Whether whoever holds this place needs no claim on the other any more. May say no where a finer analysis of
    /// two globs would say yes.
    pub fn covers(&self, other: &Prepared<'_>) -> bool {
        self.compare(other, overlap::covers)
    }

    /// Whether the two are the same paths of two worktrees of one repository: no conflict now, one when merged.
    pub fn shadows(&self, other: &Place<'_>) -> bool {
        let same_repository = || same_joined(self.place.common_directory(), other.common_directory());
        if self.place.project == other.project || !same_repository() {
            return false;
        }
        let (mine, theirs) = (Shape::of(&self.place, "/"), Shape::of(other, "/"));
        matches!((mine.area(), theirs.area()), (Some(a), Some(b)) if overlap::overlaps(&a, &b, false))
    }

    /// The commonest question, two files of one project, costs one comparison and no copy.
    fn same_project_files(&self, other: &Place<'_>) -> Option<bool> {
        let plain = other.kind == "file" && self.place.kind == "file" && other.project == self.place.project;
        let exact =
            !other.folds_case && !self.place.folds_case && is_plain(other.target) && is_plain(self.place.target);
        (plain && exact).then(|| other.target == self.place.target)
    }

    fn compare(&self, other: &Prepared<'_>, paths: fn(&Area<'_>, &Area<'_>, bool) -> bool) -> bool {
        match (self.shape.area(), other.shape.area()) {
            (Some(mine), Some(theirs)) if !self.place.folds_case && !other.place.folds_case => {
                paths(&mine, &theirs, false)
            }
            (Some(_), Some(_)) => {
                let (mine, theirs) = (self.shape.folded(), other.shape.folded());
                matches!((mine.area(), theirs.area()), (Some(a), Some(b)) if paths(&a, &b, true))
            }
            (None, None) => self.same_name(&other.place),
            _ => false,
        }
    }

    fn same_name(&self, other: &Place<'_>) -> bool {
        self.place.kind == other.kind
            && self.place.target == other.target
            && same_joined(self.place.scope(), other.scope())
    }
}

/// Whether a stored target needs no normalising: what our own writers store.
fn is_plain(target: &str) -> bool {
    !target.starts_with(['/', '.'])
        && !target.ends_with('/')
        && !target.contains("//")
        && !target.contains("/.")
        && !target.contains('\\')
}

/// The absolute path of a stored target. The original scripts and hand edits spell freely: `./x`, `a//b`, `/abs`.
fn absolute(project: &str, target: &str) -> Vec<u8> {
    let (project, target) = (spelling::decode(project), spelling::decode(target));
    let mut path: Vec<u8> = Vec::with_capacity(project.len() + target.len() + 1);
    let start: &[u8] = if target.starts_with(b"/") { b"" } else { &project };
    for component in start.split(|byte| *byte == b'/').chain(target.split(|byte| *byte == b'/')) {
        match component {
            b"" | b"." => {}
            b".." => path.truncate(path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)),
            _ => {
                path.push(b'/');
                path.extend_from_slice(component);
            }
        }
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

/// The directory part of a glob before anything special in it.
pub fn literal_directory(pattern: &str) -> &str {
    let special = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
    pattern[..special].rfind('/').map_or("", |slash| &pattern[..slash])
}
