//! Refs that keep commits: whether one does already, and new ones, which are never written over.

use std::path::PathBuf;

use super::content::DURABLE;
use super::site::Site;
use super::{FOLDER, Kept, Kind, Seen, Unsaved, converted};
use crate::fleet::git::{Trouble, done};

/// Who the author of what nobody committed is.
const AUTHOR: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "aio rescue"),
    ("GIT_AUTHOR_EMAIL", "aio-rescue@localhost"),
    ("GIT_COMMITTER_NAME", "aio rescue"),
    ("GIT_COMMITTER_EMAIL", "aio-rescue@localhost"),
];

/// How often a number that somebody else takes at the same moment is passed over.
const RACES: usize = 50;

/// Puts what would be lost of one worktree under refs.
pub(super) struct Keeper<'s> {
    site: &'s Site,
    job: &'s str,
    folder: String,
    /// What was looked at.
    pub(super) commits: Vec<String>,
    /// What of it is under refs of the job's.
    pub(super) kept: Vec<Kept>,
    /// Files that are not there as they were.
    pub(super) converted: Vec<PathBuf>,
}

/// A ref that has a commit in its history: the target, or one that keeps it for this job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fleet) struct Witness {
    pub(in crate::fleet) name: String,
    /// What the ref is.
    pub(in crate::fleet) object: String,
}

/// A ref that has the commit, if there is one; one that nobody but a person moves first.
pub(in crate::fleet) fn witness(site: &Site, commit: &str) -> Result<Option<Witness>, Unsaved> {
    let asked = ["for-each-ref", "--format=%(objectname) %(refname) %(symref)", "--contains", commit];
    let ran = done(site.repository.git().args(asked).args(site.homes()), "look for what has a commit")?;
    let text = ran.text();
    let of_line = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        [object, name, ""] => Some(Witness { name: name.to_owned(), object: object.to_owned() }),
        _ => None,
    };
    Ok(text.lines().filter_map(of_line).min_by_key(|witness| !witness.name.starts_with(FOLDER)))
}

impl<'s> Keeper<'s> {
    /// # Errors
    /// When the job's id cannot be part of a ref's name.
    pub(super) fn new(site: &'s Site, job: &'s str) -> Result<Keeper<'s>, Unsaved> {
        let folder = site.rescue_folder();
        let is_good = !job.contains('/') && site.repository.git().args(["check-ref-format", &folder]).run()?.is_good();
        match is_good {
            true => Ok(Keeper { site, job, folder, commits: Vec::new(), kept: Vec::new(), converted: Vec::new() }),
            false => Err(Unsaved::BadJob(job.to_owned())),
        }
    }

    /// Keeps the content, where that is not what is checked out, and what is staged, where that is neither.
    pub(super) fn keep_work(&mut self, seen: &Seen) -> Result<(), Unsaved> {
        let committed = match &seen.head {
            Some(head) => self.tree_of(head)?,
            None => self.empty_tree()?,
        };
        let is_news = |tree: &&String| **tree != committed;
        if let Some(tree) = seen.content.as_ref().filter(is_news) {
            self.converted = converted::converted(self.site, &committed, tree)?;
            let commit = self.commit(tree, seen, "what was not committed")?;
            self.keep(Kind::Work, &commit)?;
        }
        let is_staged_only = |tree: &&String| is_news(tree) && seen.content.as_ref() != Some(*tree);
        if let Some(tree) = seen.staged.as_ref().filter(is_staged_only) {
            let commit = self.commit(tree, seen, "what was staged")?;
            self.keep(Kind::Staged, &commit)?;
        }
        Ok(())
    }

    /// Sees to it that a commit is under a ref that stays.
    pub(super) fn keep(&mut self, kind: Kind, commit: &str) -> Result<(), Unsaved> {
        let name = match witness(self.site, commit)? {
            Some(witness) if witness.object == commit => Some(witness.name),
            Some(_) => None,
            None => Some(self.create(commit)?),
        };
        self.commits.push(commit.to_owned());
        // What the target has is not to be named; what an earlier attempt kept is.
        let own = name.filter(|name| name.strip_prefix(&*self.folder).is_some_and(|rest| rest.starts_with('/')));
        self.kept.extend(own.map(|name| Kept { kind, name, commit: commit.to_owned() }));
        Ok(())
    }

    /// Where the folder is gone, names all that is kept for the job: an attempt that was killed may have kept it and not said so.
    pub(super) fn finish(mut self) -> Result<Keeper<'s>, Unsaved> {
        if !self.site.is_there {
            let mut all = self.earlier_kept()?;
            all.retain(|earlier| self.kept.iter().all(|kept| kept.name != earlier.name));
            self.kept.extend(all);
            self.kept.sort_by_key(|kept| number(&kept.name));
        }
        Ok(self)
    }

    /// Of which it is not known any more what it was.
    fn earlier_kept(&self) -> Result<Vec<Kept>, Unsaved> {
        let asked = ["for-each-ref", "--format=%(objectname) %(refname)", &self.folder];
        let text = done(self.site.repository.git().args(asked), "list what is kept")?.text();
        let kept = |line: &str| {
            let (commit, name) = line.split_once(' ')?;
            Some(Kept { kind: Kind::Work, name: name.to_owned(), commit: commit.to_owned() })
        };
        Ok(text.lines().filter_map(kept).collect())
    }

    fn tree_of(&self, commit: &str) -> Result<String, Unsaved> {
        let tree = format!("{commit}^{{tree}}");
        Ok(done(self.site.repository.git().args(["rev-parse", "--verify", &tree]), "read a commit")?.text())
    }

    fn empty_tree(&self) -> Result<String, Unsaved> {
        Ok(done(self.site.repository.git().args(["hash-object", "-t", "tree", "--stdin"]), "name the empty tree")?
            .text())
    }

    /// A commit of that tree upon what is checked out; the one of an earlier attempt, if there is one.
    fn commit(&self, tree: &str, seen: &Seen, what: &str) -> Result<String, Unsaved> {
        if let Some(commit) = self.earlier(tree, seen.head.as_deref())? {
            return Ok(commit);
        }
        let text = format!(
            "aio rescue: {what}\n\nJob: {}\nBranch: {}\nWorktree: {}\n",
            self.job,
            self.site.branch,
            self.site.worktree.display(),
        );
        let program = self.site.repository.git().args(DURABLE).args(["-c", "i18n.commitEncoding=UTF-8"]);
        let program = program.args(["commit-tree", "--no-gpg-sign", tree]);
        let program = seen.head.iter().fold(program, |program, head| program.args(["-p", head]));
        let program = AUTHOR.iter().fold(program, |program, (name, value)| program.variable(name, value));
        Ok(done(program.input(text), "keep what is not committed")?.text())
    }

    fn earlier(&self, tree: &str, parent: Option<&str>) -> Result<Option<String>, Unsaved> {
        let format = "--format=%(tree) %(parent) %(objectname)";
        let ran = done(self.site.repository.git().args(["for-each-ref", format, &self.folder]), "list what is kept")?;
        let wanted = format!("{tree} {} ", parent.unwrap_or_default());
        Ok(ran.text().lines().find_map(|line| line.strip_prefix(&wanted)).map(str::to_owned))
    }

    /// A new ref with the next number.
    fn create(&self, commit: &str) -> Result<String, Unsaved> {
        let mut result = Err(Unsaved::Lost(commit.to_owned()));
        for _ in 0..RACES {
            let name = format!("{}/{}", self.folder, self.last_number()? + 1);
            let change = format!("create {name}\0{commit}\0");
            match self.site.repository.change_refs(change.into_bytes(), "keep a commit") {
                Ok(()) => return Ok(name),
                Err(error @ Trouble::Failed { .. }) if self.site.repository.has_ref(&name)? => {
                    result = Err(error.into())
                }
                Err(error) => return Err(error.into()),
            }
        }
        result
    }

    fn last_number(&self) -> Result<u64, Unsaved> {
        let asked = ["for-each-ref", "--format=%(refname)", &self.folder];
        let text = done(self.site.repository.git().args(asked), "list what is kept")?.text();
        Ok(text.lines().filter_map(number).max().unwrap_or_default())
    }
}

/// That a ref of a job's was given.
fn number(name: &str) -> Option<u64> {
    name.rsplit('/').next()?.parse().ok()
}
