//! What a shell command is about to touch, and what came of it.

use std::path::{Path, PathBuf};

use super::places::Places;
use super::{Answer, App, Failure, Hook, Op};
use crate::hooks::shell::{Change, Extent, Look, Surroundings, Sweep, SweepKind, effects};
use crate::host::ignored::is_ignored;
use crate::host::repository::worktree_of;
use crate::protocol::op::Attendance;

/// How many files of a folder that is copied over another are looked at.
const MOST_COPIED: usize = 1000;

impl Hook<'_> {
    /// What is recognised is treated as an edit; files of a worktree are claimed by it.
    pub(super) fn before_shell(&self, command: &str, folder: Option<&str>) -> Result<Answer, Failure> {
        let cwd = self.folder(folder);
        let home = self.app.variable("HOME").and_then(|home| home.into_string().ok());
        let found = cwd.to_str().map(|cwd| effects(command, &Surroundings { cwd, home: home.as_deref() }));
        let settled = found.filter(|effects| !effects.is_empty()).map(|effects| effects.settle(&Disk));
        let mut places = Places::new(cwd);
        let look = self.known(|| {
            places.clear();
            for (change, extent) in settled.iter().flat_map(|settled| &settled.touched) {
                places.touch(self.app, *change, extent);
            }
            for sweep in settled.iter().flat_map(|settled| &settled.sweeps) {
                places.sweep(self.app, sweep);
            }
            match places.is_empty() {
                true => self.app.look(&Op::Attend(Attendance::default())).map(|look| (look.caller, None)),
                false => self.app.look(&Op::Claim(places.request())).map(|look| (look.caller.clone(), Some(look))),
            }
        })?;
        let (caller, look) = look;
        let answer = look.map_or(Ok(Answer::Nothing), |look| self.judge(look, &places, true))?;
        if !matches!(answer, Answer::Deny(_)) {
            self.note_before(&caller)?;
        }
        Ok(answer)
    }

    fn folder(&self, named: Option<&str>) -> PathBuf {
        let cwd = self.cwd();
        let Some(named) = named else { return cwd };
        self.app.physical(Some(&cwd), Path::new(named)).map_or(cwd, |resolved| resolved.path)
    }
}

impl Places {
    fn touch(&mut self, app: &App, _change: Change, extent: &Extent) {
        match extent {
            Extent::File(path) => self.write(app, path),
            Extent::Tree(path) if Path::new(path).is_dir() => self.keep_clear(app, Path::new(path), None),
            Extent::Tree(path) => self.write(app, path),
            Extent::Named { folder, name } => self.keep_clear(app, Path::new(folder), Some(name)),
            Extent::Mirror { to, from } => {
                for below in files_below(Path::new(from)) {
                    if let Some(path) = Path::new(to).join(below).to_str() {
                        self.write(app, path);
                    }
                }
            }
        }
    }

    /// A command that sweeps over a worktree touches whatever is held in it. What git itself is careful with is left to git.
    fn sweep(&mut self, app: &App, sweep: &Sweep) {
        if sweep.kind == SweepKind::Integrate {
            return;
        }
        let folder = app.physical(None, Path::new(&sweep.folder)).map(|resolved| resolved.path);
        let Some(worktree) = folder.ok().and_then(|folder| Some((worktree_of(&folder)?.root, folder))) else { return };
        let (root, folder) = worktree;
        self.keep_clear(app, if sweep.is_below { &folder } else { &root }, None);
    }

    fn write(&mut self, app: &App, path: &str) {
        self.edit_if(app, path, is_work);
    }
}

/// Whether a file that a command writes is part of somebody's work: in a worktree, not ignored, and not lying about.
fn is_work(path: &Path) -> bool {
    const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev"];
    let Some(worktree) = worktree_of(path) else { return false };
    let lies_about = TEMPORARY.iter().any(|folder| path.starts_with(folder) && !worktree.root.starts_with(folder));
    !lies_about && !path.starts_with(worktree.root.join(".git")) && !is_ignored(path, &worktree)
}

/// The files below a folder, relative to it, without following links.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) => files.extend(entry.path().strip_prefix(root).map(Path::to_owned)),
                Err(_) => {}
            }
            if files.len() >= MOST_COPIED {
                return files;
            }
        }
    }
    files
}

/// The file system, for what a command's words leave open.
struct Disk;

impl Look for Disk {
    fn is_folder(&self, path: &str) -> bool {
        Path::new(path).is_dir()
    }

    fn exists(&self, path: &str) -> bool {
        Path::new(path).symlink_metadata().is_ok()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}
