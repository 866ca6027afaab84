//! What a ref was before, as git itself has noted it, in whichever format it keeps refs.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Unsaved;
use super::site::Site;
use crate::fleet::git::{Trouble, entries, git};
use crate::fleet::program::Program;

/// Where a worktree has its HEAD and the log of that: in files, or in a folder of tables.
const FILES: [&str; 2] = ["HEAD", "logs/HEAD"];
const TABLES: &str = "reftable";
/// What the log of the copy says of what was done there.
const COPIED: &str = "aio looks at a copy";

/// A commit that a ref was set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Logged {
    pub(super) commit: String,
    pub(super) parents: String,
    /// In the words of whoever set it.
    pub(super) why: String,
}

/// What HEAD was, the newest first.
pub(super) fn of_head(site: &Site, admin: &Path) -> Result<Vec<Logged>, Unsaved> {
    match site.head()? {
        Some(_) => of(&site.git(), "HEAD"),
        None => of_lost_head(site, admin),
    }
}

/// What a ref that there is was, the newest first; nothing where no log is kept.
pub(super) fn of(git: &Program, name: &str) -> Result<Vec<Logged>, Unsaved> {
    if !git.clone().args(["rev-parse", "--quiet", "--verify", name]).run()?.is_good() {
        return Ok(Vec::new());
    }
    let format = ["log", "--walk-reflogs", "--no-show-signature", "-z", "--format=%H%n%P%n%gs", name, "--"];
    let ran = git.clone().args(format).run().map_err(Trouble::from)?;
    let entry = |bytes| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut lines = text.splitn(3, '\n').map(str::to_owned);
        Some(Logged { commit: lines.next()?, parents: lines.next()?, why: lines.next()? })
    };
    Ok(entries(&ran.out).filter_map(entry).collect())
}

/// What HEAD was, where it is nothing now: its branch was removed below it, or it was switched to one without a commit. Git shows
/// the log of a ref only while the ref is something; so it is made something, in a copy of what the worktree has of it.
fn of_lost_head(site: &Site, admin: &Path) -> Result<Vec<Logged>, Unsaved> {
    let any = ["for-each-ref", "--count=1", "--format=%(refname)", "refs/heads"];
    let any = site.repository.git().args(any).run()?.text();
    let place = tempfile::tempdir().map_err(|error| Unsaved::Io(PathBuf::from("a temporary folder"), error))?;
    copy_head(admin, place.path()).map_err(|error| Unsaved::Io(admin.to_owned(), error))?;
    let common = site.repository.common_dir()?;
    let line = [common.as_os_str().as_bytes(), b"\n"].concat();
    fs::write(place.path().join("commondir"), line).map_err(|error| Unsaved::Io(place.path().to_owned(), error))?;
    let git = git(place.path()).arg("--git-dir").arg(place.path()).args(["-c", "core.hooksPath=/dev/null"]);
    git.clone().args(["symbolic-ref", "-m", COPIED, "HEAD", &any]).run()?;
    let mut log = of(&git, "HEAD")?;
    log.retain(|entry| entry.why != COPIED);
    Ok(log)
}

fn copy_head(admin: &Path, to: &Path) -> io::Result<()> {
    let copy = |name: &Path| match fs::copy(admin.join(name), to.join(name)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    fs::create_dir(to.join("logs"))?;
    FILES.iter().try_for_each(|file| copy(Path::new(file)))?;
    let Ok(tables) = fs::read_dir(admin.join(TABLES)) else { return Ok(()) };
    fs::create_dir(to.join(TABLES))?;
    for table in tables {
        copy(&Path::new(TABLES).join(table?.file_name()))?;
    }
    Ok(())
}
