//! The places that a tool is about to touch, found on this machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::super::targets;
use super::{App, ClaimRequest};
use crate::app::unspell;
use crate::hooks::words::Asked;
use crate::protocol::place::Kind;
use crate::protocol::state::Wanted;

/// Where a path belongs that lies in no project: nobody claims there by merely editing.
const NO_PROJECT: &str = "/";

/// What is to be claimed, what must merely be free, and why something is neither.
pub(super) struct Places {
    cwd: PathBuf,
    wanted: Vec<(Wanted<'static>, String)>,
    clear: Vec<(Wanted<'static>, String)>,
    /// What passes unjudged, and why.
    pub(super) passed: Vec<String>,
}

impl Places {
    pub(super) fn new(cwd: PathBuf) -> Places {
        Places { cwd, wanted: Vec::new(), clear: Vec::new(), passed: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        (self.wanted, self.clear, self.passed) = Default::default();
    }

    /// Whether nothing is asked.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.clear.is_empty()
    }

    /// A file that an edit tool is about to change.
    pub(super) fn edit(&mut self, app: &App, typed: &str) {
        self.edit_if(app, typed, |_| true);
    }

    /// What lies below a folder, or those files below it that are called so: nobody else may hold any of it.
    pub(super) fn keep_clear(&mut self, app: &App, folder: &Path, called: Option<&str>) {
        let place = match called {
            None => targets::wanted(app, Kind::Directory, folder.as_os_str(), &self.cwd),
            Some(name) => targets::wanted(app, Kind::Pattern, OsStr::new(&format!("**/{name}")), folder),
        };
        // What is no place at all is nobody's either.
        if let Ok(place) = place {
            let name = self.name(&place);
            self.clear.push((place, name));
        }
    }

    /// A file that is changed, and claimed if it is part of somebody's `work`.
    pub(super) fn edit_if(&mut self, app: &App, typed: &str, is_work: impl Fn(&Path) -> bool) {
        // A name that ends in a slash is that file's all the same: agents resolve it before they write.
        let typed = if typed.len() > 1 { typed.trim_end_matches('/') } else { typed };
        let place = match targets::any_path(app, OsStr::new(typed), &self.cwd) {
            Ok(place) => place,
            Err(failure) => return self.passed.push(failure.message),
        };
        let name = self.name(&place);
        if !is_work(&path_of(&place)) {
            return self.clear.push((place, name));
        }
        if *place.kind == *Kind::Directory.name() {
            self.passed.push(format!("{name} is a directory"));
        } else if *place.project == *NO_PROJECT {
            self.passed.push(format!("{name} lies in no project, so it is not claimed"));
            self.clear.push((place, name));
        } else {
            self.wanted.push((place, name));
        }
    }

    /// As an agent would type it where it is.
    fn name(&self, place: &Wanted<'_>) -> String {
        let path = path_of(place);
        let below = path.strip_prefix(&self.cwd).ok().filter(|below| *below != Path::new(""));
        below.unwrap_or(&path).display().to_string()
    }

    pub(super) fn request(&self) -> ClaimRequest {
        let places = |list: &[(Wanted<'static>, String)]| list.iter().map(|(place, _)| place.clone()).collect();
        ClaimRequest { wanted: places(&self.wanted), clear: places(&self.clear), auto: true, ..ClaimRequest::default() }
    }

    /// Their names, in the order of [`ClaimRequest::places`].
    pub(super) fn names(&self) -> Vec<Asked> {
        let places = self.wanted.iter().chain(&self.clear);
        let asked = |(place, name): &(Wanted<'_>, String)| Asked {
            name: name.clone(),
            is_file: *place.kind == *Kind::File.name(),
        };
        places.map(asked).collect()
    }
}

fn path_of(place: &Wanted<'_>) -> PathBuf {
    unspell(&place.project).join(unspell(&place.target))
}
