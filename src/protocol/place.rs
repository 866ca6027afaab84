//! What a claim is on, and when two of them are in each other's way.
//!
//! Paths, globs and names as the state spells them come in; the exact decision is [`super::overlap`]'s.

use std::cell::OnceCell;
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
    /// The kind of that spelling.
    pub fn parse(word: &str) -> Option<Kind> {
        Some(match word {
            "file" => Kind::File,
            "directory" | "dir" => Kind::Directory,
            "pattern" | "glob" => Kind::Pattern,
            "task" => Kind::Task,
            "resource" => Kind::Resource,
            _ => return None,
        })
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
    /// A spelling that [`Kind::parse`] knows, or a word of another version.
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

    /// What all paths of this place begin with below its project, where reading tells.
    fn literal_beginning(&self) -> Option<&'s str> {
        let literal = match self.kind()? {
            Kind::File | Kind::Directory => self.target,
            Kind::Pattern => literal_directory(self.target),
            Kind::Task | Kind::Resource => return None,
        };
        is_plain(literal).then_some(literal)
    }

    /// What all paths of this place begin with, where reading tells: nothing is escaped, folded or to be normalised.
    fn beginning(&self) -> Option<Beginning<'s>> {
        self.beginning_with(self.literal_beginning()?)
    }

    fn beginning_with(&self, literal: &'s str) -> Option<Beginning<'s>> {
        let project = self.project.trim_end_matches('/');
        let is_absolute = project.is_empty() || project.strip_prefix('/').is_some_and(is_plain);
        (!self.folds_case && is_absolute).then_some(Beginning { project, literal })
    }

    fn common_directory(&self) -> (&'s str, &'static str) {
        if self.repository.is_empty() { (self.project.trim_end_matches('/'), "/.git") } else { (self.repository, "") }
    }
}

/// A project, and what follows it and a slash. Nearly all pairs of places are told apart by this, without a copy.
#[derive(Clone, Copy, Debug)]
struct Beginning<'s> {
    project: &'s str,
    literal: &'s str,
}

impl Beginning<'_> {
    /// Whether no path begins with both.
    fn parts_from(&self, other: &Beginning<'_>) -> bool {
        if self.project == other.project {
            return self.parts_below_project(other);
        }
        let (outer, inner) = if self.project.len() < other.project.len() { (self, other) } else { (other, self) };
        let below = inner.project.strip_prefix(outer.project).and_then(|rest| rest.strip_prefix('/'));
        below.is_none_or(|below| part(below, outer.literal))
    }

    /// As [`Beginning::parts_from`], also after both were folded.
    fn parts_ignoring_case(&self, other: &Beginning<'_>) -> bool {
        let (outer, inner) = if self.project.len() < other.project.len() { (self, other) } else { (other, self) };
        match inner.project.split_at_checked(outer.project.len()) {
            // Either none begins with the other, or the inner one's name only begins with the outer one's.
            _ if part_ignoring_case(outer.project, inner.project) => true,
            Some((_, below)) if outer.project.is_ascii() && !below.is_empty() => {
                below.strip_prefix('/').is_none_or(|below| part_ignoring_case(below, outer.literal))
            }
            _ => false,
        }
    }

    /// The same, were the projects one.
    fn parts_below_project(&self, other: &Beginning<'_>) -> bool {
        part(self.literal, other.literal)
    }
}

/// As [`part`], also after both were folded. Only the beginnings that are ASCII are looked at.
fn part_ignoring_case(a: &str, b: &str) -> bool {
    let differing = a.bytes().zip(b.bytes()).find(|(a, b)| a != b && !a.eq_ignore_ascii_case(b) || !a.is_ascii());
    differing.is_some_and(|(a, b)| a.is_ascii() && b.is_ascii())
}

/// Whether no text begins with both.
fn part(a: &str, b: &str) -> bool {
    !a.starts_with(b) && !b.starts_with(a)
}

/// Whether two strings given in two halves are the same.
fn same_joined(a: (&str, &str), b: (&str, &str)) -> bool {
    if a.1 == b.1 {
        return a.0 == b.0;
    }
    a.0.len() + a.1.len() == b.0.len() + b.1.len() && a.0.bytes().chain(a.1.bytes()).eq(b.0.bytes().chain(b.1.bytes()))
}

/// A place got ready to be compared with many others.
#[derive(Debug)]
pub struct Prepared<'s> {
    place: Place<'s>,
    beginning: Option<Beginning<'s>>,
    shape: Shape,
    /// As it would be in a project at the root: what the worktrees of a repository have in common.
    in_repository: OnceCell<Shape>,
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

    /// Compares two sets of paths; none where one is a name.
    fn compare(
        &self,
        other: &Shape,
        folds_case: bool,
        paths: impl Fn(&Area<'_>, &Area<'_>, bool) -> bool,
    ) -> Option<bool> {
        if folds_case {
            let (mine, theirs) = (self.folded(), other.folded());
            return Some(paths(&mine.area()?, &theirs.area()?, true));
        }
        Some(paths(&self.area()?, &other.area()?, false))
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
        let (beginning, shape) = (place.beginning(), Shape::of(&place, place.project));
        Prepared { place, beginning, shape, in_repository: OnceCell::new() }
    }

    /// The place as it was spelled.
    pub fn place(&self) -> &Place<'s> {
        &self.place
    }

    /// Whether the two cannot be held exclusively by two holders at once.
    pub fn overlaps(&self, other: &Place<'_>) -> bool {
        !self.begins_apart(other, |mine, theirs| mine.parts_from(theirs))
            && self.overlaps_prepared(&Prepared::new(*other))
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
        if self.begins_apart(other, |mine, theirs| mine.parts_below_project(theirs)) {
            return false;
        }
        let mine = self.in_repository.get_or_init(|| Shape::of(&self.place, "/"));
        let folds_case = self.place.folds_case || other.folds_case;
        mine.compare(&Shape::of(other, "/"), folds_case, overlap::overlaps).unwrap_or(false)
    }

    /// Whether no claim on a place spelled like this could overlap or shadow this one, whatever else its record says: told
    /// by where the two spellings begin to differ, letter case aside. Says no where it takes more than that.
    pub fn is_clearly_apart(&self, kind: &str, target: &str, project: &str) -> bool {
        let other = Place { kind, target, project, repository: "", folds_case: false };
        match (&self.beginning, other.literal_beginning()) {
            (Some(mine), Some(literal)) if part_ignoring_case(mine.literal, literal) => {
                project == self.place.project
                    || other.beginning_with(literal).is_some_and(|theirs| mine.parts_ignoring_case(&theirs))
            }
            _ => false,
        }
    }

    fn begins_apart(&self, other: &Place<'_>, apart: impl Fn(&Beginning<'_>, &Beginning<'_>) -> bool) -> bool {
        matches!((&self.beginning, &other.beginning()), (Some(mine), Some(theirs)) if apart(mine, theirs))
    }

    fn compare(&self, other: &Prepared<'_>, paths: fn(&Area<'_>, &Area<'_>, bool) -> bool) -> bool {
        let are_names = self.shape.area().is_none() && other.shape.area().is_none();
        let folds_case = self.place.folds_case || other.place.folds_case;
        let same_name = || are_names && self.same_name(&other.place);
        self.shape.compare(&other.shape, folds_case, paths).unwrap_or_else(same_name)
    }

    fn same_name(&self, other: &Place<'_>) -> bool {
        self.place.kind == other.kind
            && self.place.target == other.target
            && same_joined(self.place.scope(), other.scope())
    }
}

/// Whether a relative path needs no normalising and no decoding, as those that our own writers store. Names that only
/// begin with a dot are compared in full, which is right as well.
fn is_plain(path: &str) -> bool {
    let path = path.as_bytes();
    let is_odd = |before: u8, byte: u8| (byte == b'\\') | ((before == b'/') & ((byte == b'/') | (byte == b'.')));
    // Without a way out, several bytes are looked at in one step.
    let pairs = path.iter().zip(path.get(1..).unwrap_or_default());
    let odd = pairs.fold(false, |odd, (before, byte)| odd | is_odd(*before, *byte));
    !odd && path.first().is_none_or(|first| !is_odd(b'/', *first)) && path.last() != Some(&b'/')
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

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 3] = ["file", "directory", "pattern"];
    const PROJECTS: [&str; 7] = ["/", "/w", "/w/", "/w/a", "/w/ab", "/w/a/b", "/w/../w/a"];
    const TARGETS: [&str; 13] =
        ["a", "ab", "a/b", "a/b/c", "b/c", ".a/b", "./a", "a//b", "../a", "/w/a", "a\\b", "*/b", "a/{b,c}/**"];

    fn places() -> impl Iterator<Item = Place<'static>> {
        let of_project = |project| {
            let of_kind = move |kind| {
                TARGETS.map(|target| Place { kind, target, project, repository: "/w/.git", folds_case: false })
            };
            KINDS.into_iter().flat_map(of_kind)
        };
        PROJECTS.into_iter().flat_map(of_project)
    }

    #[test]
    fn names_mean_something_within_their_scope() {
        let named = |kind, target, project, repository| Place { kind, target, project, repository, folds_case: false };
        let same = |target, kind| {
            let (mine, theirs) = (named(kind, target, "/a", ""), named(kind, target, "/b", ""));
            let worktree = named(kind, target, "/w", "/a/.git");
            let mine = Prepared::new(mine);
            (mine.overlaps(&theirs), mine.overlaps(&worktree))
        };
        assert_eq!(same("port:5173", "resource"), (true, true), "the machine's");
        assert_eq!(same("host:build", "resource"), (true, true), "the machine's");
        assert_eq!(same("git:index", "resource"), (false, false), "a worktree's");
        assert_eq!(same("db:test", "resource"), (false, true), "a repository's");
        assert_eq!(same("bd-1", "task"), (false, true), "a repository's");
    }

    #[test]
    fn what_is_clearly_apart_neither_overlaps_nor_shadows() {
        for mine in places() {
            let prepared = Prepared::new(mine);
            for theirs in places() {
                for folds_case in [false, true] {
                    let theirs = Place { folds_case, ..theirs };
                    let apart = prepared.is_clearly_apart(theirs.kind, theirs.target, theirs.project);
                    assert!(
                        !apart || !(prepared.overlaps(&theirs) || prepared.shadows(&theirs)),
                        "{mine:?} {theirs:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn beginnings_never_decide_otherwise_than_a_full_comparison() {
        for mine in places() {
            let prepared = Prepared::new(mine);
            for theirs in places() {
                let exact = prepared.overlaps_prepared(&Prepared::new(theirs));
                assert_eq!(prepared.overlaps(&theirs), exact, "{mine:?} {theirs:?}");
            }
        }
    }

    #[test]
    fn worktrees_on_a_file_system_that_ignores_case_share_what_differs_in_it() {
        let at =
            |project, target, folds_case| Place { kind: "file", target, project, repository: "/w/.git", folds_case };
        let shadows =
            |folds_case| Prepared::new(at("/a", "src/A.rs", folds_case)).shadows(&at("/b", "src/a.rs", false));
        assert!(shadows(true) && !shadows(false));
    }

    #[test]
    fn worktrees_share_what_is_the_same_below_them() {
        for mine in places() {
            let (prepared, at_root) = (Prepared::new(mine), Prepared::new(Place { project: "/", ..mine }));
            for theirs in places().filter(|theirs| theirs.project != mine.project) {
                let exact = at_root.overlaps_prepared(&Prepared::new(Place { project: "/", ..theirs }));
                assert_eq!(prepared.shadows(&theirs), exact, "{mine:?} {theirs:?}");
            }
        }
    }
}
