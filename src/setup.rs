//! What agents' own settings say of us: found, planned, put in, renewed, taken out, and examined.
//!
//! Owns the entries in those files and `integrations/` in the state directory. Guarantees: what others wrote stays as it
//! is, byte for byte; a file is old or new at every moment, never neither; what cannot be read as what it should be is
//! never written; what was put in can be taken out, and if nobody edited the file since, it is then as it was. Does not
//! ask, print, read the environment, or start anything.

pub mod agents;
pub mod apply;
pub mod check;
mod file;
mod hooks;
mod json;
mod line;
mod manifest;
pub mod part;
pub mod plan;
pub mod scripts;
mod snippet;
mod trust;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What the settings depend on.
pub struct World<'w> {
    /// The person's home.
    pub home: PathBuf,
    /// Where the state lies.
    pub dir: PathBuf,
    /// The folders in which programs are looked for.
    pub path: Vec<PathBuf>,
    /// A variable of the environment.
    pub variable: &'w dyn Fn(&str) -> Option<OsString>,
}

/// Whose settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This person's, in every project.
    User,
    /// A project's, for everybody who works in it.
    Project(PathBuf),
}

impl World<'_> {
    /// The state directory where it is not the usual one. What a project says is for everybody, and names the usual one.
    fn unusual_dir(&self, scope: &Scope) -> Option<&Path> {
        let is_usual = self.dir == self.home.join(".ai-orchestrator");
        (*scope == Scope::User && !is_usual).then_some(&self.dir)
    }
}
