//! What only a look at the file system tells: which paths a pattern matches, and whether a destination is a folder.

use super::field::unescape;
use super::{Change, Copy, Effects, Extent, Landing, Manner, Place, Sweep, Touch};
use super::{MOST_TOUCHES, paths};
use crate::protocol::overlap::Glob;

/// The file system, as far as it is asked. Paths are absolute and may have `..` in them.
pub trait Look {
    /// Whether it is a folder, or a link to one.
    fn is_folder(&self, path: &str) -> bool;
    /// Whether there is anything, be it a link to nothing.
    fn exists(&self, path: &str) -> bool;
    /// The names in a folder, in any order; none where it cannot be read.
    fn names(&self, folder: &str) -> Vec<String>;
}

/// Effects without patterns and alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// What is changed, and how.
    pub touched: Vec<(Change, Extent)>,
    /// As in [`Effects::sweeps`].
    pub sweeps: Vec<Sweep>,
}

impl Effects {
    /// The same, after a look at what is there before the command runs.
    pub fn settle(&self, look: &impl Look) -> Settled {
        let mut settled = Settled::default();
        for sweep in &self.sweeps {
            match sweep.unless.as_ref().filter(|path| look.exists(path)) {
                Some(path) => settled.touched.push((Change::Write, Extent::Tree(path.clone()))),
                None => settled.sweeps.push(Sweep { unless: None, ..sweep.clone() }),
            }
        }
        for touch in &self.touched {
            settled.touched.extend(touch.extents(look).into_iter().map(|extent| (touch.change, extent)));
        }
        settled.touched.retain(|(_, extent)| !paths::is_nobodys(extent.path()));
        settled.touched.truncate(MOST_TOUCHES);
        settled
    }
}

impl Touch {
    fn extents(&self, look: &impl Look) -> Vec<Extent> {
        match &self.place {
            Place::Certain(Extent::File(path)) if look.is_folder(path) => Vec::new(),
            Place::Certain(extent) => vec![extent.clone()],
            Place::Glob { pattern, is_deep: true } => matches(pattern, look).into_iter().map(Extent::Tree).collect(),
            Place::Glob { pattern, is_deep: false } => {
                let found = matches(pattern, look).into_iter();
                found.filter(|path| !look.is_folder(path)).map(Extent::File).collect()
            }
            Place::Copy(copy) => copy.extents(look),
        }
    }
}

impl Copy {
    fn extents(&self, look: &impl Look) -> Vec<Extent> {
        match &self.from {
            Some(from) => matches(from, look).iter().filter_map(|from| self.extent(Some(from), look)).collect(),
            None => self.extent(None, look).into_iter().collect(),
        }
    }

    fn extent(&self, from: Option<&String>, look: &impl Look) -> Option<Extent> {
        let goes_inside = match self.landing {
            Landing::Exact => false,
            Landing::Inside => true,
            Landing::Either => look.is_folder(&self.to),
        };
        let to = if goes_inside { paths::inside(&self.to, paths::name(from?)?) } else { self.to.clone() };
        match self.manner {
            Manner::Whole => Some(Extent::File(to)),
            Manner::Files => from.is_none_or(|from| !look.is_folder(from)).then_some(Extent::File(to)),
            Manner::Trees => match from {
                Some(from) if look.is_folder(from) => Some(Extent::Mirror { to, from: from.clone() }),
                _ => Some(Extent::File(to)),
            },
        }
    }
}

impl Extent {
    /// The path, or the folder of them all.
    fn path(&self) -> &str {
        match self {
            Extent::File(path) | Extent::Tree(path) => path,
            Extent::Named { folder, .. } => folder,
            Extent::Mirror { to, .. } => to,
        }
    }

    /// Whether what happens to these paths happens to `path`, which need not exist.
    pub fn reaches(&self, path: &str, look: &impl Look) -> bool {
        match self {
            Extent::File(file) => file == path,
            Extent::Tree(folder) => paths::is_below(path, folder),
            Extent::Named { folder, name } => {
                let last = paths::name(path).filter(|_| path != folder && paths::is_below(path, folder));
                last.is_some_and(|last| Glob::read(name).is_ok_and(|glob| glob.matches(last.as_bytes(), false)))
            }
            Extent::Mirror { to, from } => {
                let rest = path.strip_prefix(&**to).filter(|_| paths::is_below(path, to));
                rest.is_some_and(|rest| look.exists(&format!("{from}{rest}")))
            }
        }
    }
}

/// The paths that exist and match; the path itself, existing or not, where there is no pattern in it.
fn matches(pattern: &str, look: &impl Look) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut looked = false;
    for name in pattern.split('/').skip(1) {
        found = match unescape(name) {
            Some(name) => found.iter().map(|folder| format!("{folder}/{name}")).collect(),
            None => {
                looked = true;
                found.iter().flat_map(|folder| matches_in(folder, name, look)).take(MOST_TOUCHES).collect()
            }
        };
    }
    found.retain(|path| !looked || look.exists(path));
    found
}

fn matches_in(folder: &str, name: &str, look: &impl Look) -> Vec<String> {
    let Ok(glob) = Glob::read(name) else { return Vec::new() };
    let shows_hidden = name.starts_with('.') || name.starts_with("\\.");
    let mut names = look.names(if folder.is_empty() { "/" } else { folder });
    names.retain(|name| (shows_hidden || !name.starts_with('.')) && glob.matches(name.as_bytes(), false));
    names.sort_unstable();
    names.into_iter().map(|name| format!("{folder}/{name}")).collect()
}
