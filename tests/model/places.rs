//! A universe so small that every question about places is answered by listing paths.

use std::sync::LazyLock;

use aio::protocol::state::Wanted;

const NAMES: [&str; 3] = ["a", "b", "c.rs"];
const DEPTH: usize = 4;

/// A project: its root, the repository where that is not `<root>/.git`, and where its paths lie: in which tree of the
/// universe, below which folder.
struct Project {
    root: &'static str,
    repository: &'static str,
    tree: usize,
    below: &'static [&'static str],
    folds_case: bool,
}

const PROJECTS: [Project; 4] = [
    Project { root: "/w", repository: "", tree: 0, below: &[], folds_case: false },
    Project { root: "/v", repository: "/w/.git", tree: 1, below: &[], folds_case: false },
    Project { root: "/f", repository: "", tree: 2, below: &[], folds_case: true },
    Project { root: "/w/a", repository: "", tree: 0, below: &["a"], folds_case: false },
];

const TARGETS: [(usize, &str, &[&str]); 15] = [
    (0, "file", &["a", "b", "c.rs", "a/b", "a/c.rs", "b/c.rs"]),
    (0, "directory", &[".", "a", "a/b", "b"]),
    (0, "pattern", &["**/*.rs", "*.rs", "a/**", "*", "*/b", "a/*", "**", "?/?", "b/**/c.rs"]),
    (0, "task", &["T1", "T2"]),
    (0, "resource", &["port:1", "git:index", "db"]),
    (1, "file", &["c.rs", "a/b"]),
    (1, "directory", &["a"]),
    (1, "pattern", &["**/*.rs"]),
    (1, "task", &["T1"]),
    (1, "resource", &["port:1", "git:index", "db"]),
    (2, "file", &["A/b", "a/B", "c.RS"]),
    (2, "directory", &["A"]),
    (2, "pattern", &["a/*", "**/*.RS"]),
    (3, "file", &["b"]),
    (3, "directory", &["."]),
];

/// A place and everything that is in it.
#[derive(Debug)]
pub struct Place {
    kind: &'static str,
    target: &'static str,
    project: usize,
    tree: usize,
    /// One bit for each path of its tree.
    paths: u128,
    /// The same as seen from its project.
    relative: u128,
    /// What a name is a name of, with the name.
    name: Option<String>,
}

/// Everything that can be claimed.
pub static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let rows = TARGETS.iter().flat_map(|(project, kind, targets)| targets.iter().map(move |t| (*project, *kind, *t)));
    rows.map(|(project, kind, target)| Place::new(project, kind, target)).collect()
});

/// The one of that number, round and round.
pub fn place(number: usize) -> &'static Place {
    &PLACES[number % PLACES.len()]
}

/// The roots of the two worktrees, where agents work.
pub fn worktree(number: usize) -> &'static str {
    PROJECTS[number % 2].root
}

impl Place {
    fn new(project: usize, kind: &'static str, target: &'static str) -> Place {
        let at = &PROJECTS[project];
        let lower = target.to_lowercase();
        let parts: Vec<&str> = lower.split('/').filter(|part| *part != ".").collect();
        let is_in = |path: &[&str]| match kind {
            "file" => path == parts,
            "directory" => path.starts_with(&parts),
            "pattern" => matches(&parts, path),
            _ => false,
        };
        let set = |below: &[&str]| {
            let all = universe();
            let inside = all.iter().enumerate().filter(|(_, path)| path.strip_prefix(below).is_some_and(is_in));
            inside.fold(0, |set, (bit, _)| set | 1 << bit)
        };
        Place {
            kind,
            target,
            project,
            tree: at.tree,
            paths: set(at.below),
            relative: set(&[]),
            name: name(at, kind, target),
        }
    }

    pub fn overlaps(&self, other: &Place) -> bool {
        let paths = self.tree == other.tree && self.paths & other.paths != 0;
        paths || self.name.is_some() && self.name == other.name
    }

    /// Whether it holds every path of the other; patterns are compared by their text.
    pub fn covers(&self, other: &Place) -> bool {
        let inside = self.tree == other.tree && other.paths != 0 && other.paths & !self.paths == 0;
        match (self.kind, other.kind) {
            ("directory", "file" | "directory" | "pattern") | ("file" | "pattern", "file") => inside,
            ("pattern", "pattern") => self.project == other.project && self.target == other.target,
            _ => self.name.is_some() && self.name == other.name,
        }
    }

    /// Whether it is the same claim, not merely the same paths.
    pub fn is_same(&self, other: &Place) -> bool {
        std::ptr::eq(self, other) || self.name.is_some() && self.name == other.name
    }

    /// Whether somebody who types a path means this one by that one.
    pub fn answers_to(&self, other: &Place) -> bool {
        let path = |place: &Place| matches!(place.kind, "file" | "directory");
        let one_path = path(self) && path(other) && self.tree == other.tree && self.root_path() == other.root_path();
        one_path || self.is_same(other)
    }

    fn root_path(&self) -> u32 {
        self.paths.trailing_zeros()
    }

    /// The same paths of another worktree of the same repository.
    pub fn shadows(&self, other: &Place) -> bool {
        let apart = self.project != other.project && self.project < 2 && other.project < 2;
        apart && self.relative & other.relative != 0
    }

    pub fn wanted(&self, id: String) -> Wanted<'static> {
        let project = &PROJECTS[self.project];
        Wanted {
            id: id.into(),
            kind: self.kind.into(),
            target: self.target.into(),
            project: project.root.into(),
            repository: project.repository.into(),
            folds_case: project.folds_case,
            ..Wanted::default()
        }
    }

    pub fn word(&self) -> &'static str {
        self.target
    }

    pub fn is(&self, kind: &str, target: &str, project: &str) -> bool {
        (self.kind, self.target, PROJECTS[self.project].root) == (kind, target, project)
    }
}

/// Ports are the machine's, git's files a worktree's, everything else a repository's.
fn name(project: &Project, kind: &str, target: &str) -> Option<String> {
    let common =
        if project.repository.is_empty() { format!("{}/.git", project.root) } else { project.repository.into() };
    match kind {
        "resource" if target.starts_with("port:") => Some(target.to_owned()),
        "resource" if target.starts_with("git:") => Some(format!("{target} of {}", project.root)),
        "task" | "resource" => Some(format!("{kind} {target} of {common}")),
        _ => None,
    }
}

fn universe() -> Vec<Vec<&'static str>> {
    let mut all = vec![vec![]];
    let mut last = all.clone();
    for _ in 0..DEPTH {
        let longer = |path: &Vec<&'static str>| NAMES.map(|name| [&path[..], &[name]].concat());
        last = last.iter().flat_map(longer).collect();
        all.extend(last.clone());
    }
    assert!(all.len() <= 128);
    all
}

fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], _) => path.is_empty(),
        (["**"], _) => !path.is_empty(),
        (["**", rest @ ..], _) => (0..=path.len()).any(|skipped| matches(rest, &path[skipped..])),
        ([first, rest @ ..], [name, below @ ..]) => fits(first.as_bytes(), name.as_bytes()) && matches(rest, below),
        (_, []) => false,
    }
}

fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], _) => name.is_empty(),
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skipped| fits(rest, &name[skipped..])),
        ([b'?', rest @ ..], [_, after @ ..]) => fits(rest, after),
        ([x, rest @ ..], [y, after @ ..]) => x == y && fits(rest, after),
        (_, []) => false,
    }
}
