//! What a repository's remote says: its default branch, that branch as it is now, whether it can be reached at all.
//!
//! Nothing here waits for a person: where a password would be asked for, that is the answer.

use std::time::Duration;

use super::{Head, Repository, Trouble, done, is_passing};
use crate::fleet::program::{Program, Ran, Unrun};

/// For an answer of the remote that carries nothing.
const ANSWER: Duration = Duration::from_secs(15);

/// What git, its helpers and ssh say where somebody would have to type something.
const ASKS: [&str; 9] = [
    "could not read Username",
    "could not read Password",
    "terminal prompts disabled",
    "Authentication failed",
    "Permission denied",
    "Host key verification failed",
    "Access denied",
    "returned error: 401",
    "returned error: 403",
];

/// Whether a remote answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It does.
    Answers,
    /// There is none.
    NoRemote,
    /// It wants to know who asks, and nothing tells it without a person.
    NeedsPassword(String),
    /// It does not, and why.
    Unreachable(String),
}

/// Where a tip is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The commit.
    pub commit: String,
    /// The full name of the ref that has it.
    pub name: String,
}

/// What a remote said that its default branch is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    remote: String,
    branch: String,
    commit: String,
}

impl Repository {
    /// The remote that work comes from: that of the default branch.
    ///
    /// # Errors
    /// When git does not answer.
    pub fn remote(&self) -> Result<Option<String>, Trouble> {
        match self.default_branch() {
            Ok(branch) => self.remote_of(&branch),
            Err(Trouble::NoDefaultBranch(_) | Trouble::NoCommits(_) | Trouble::NotHere { .. }) => {
                Ok(usual(&self.remotes()?))
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// The remote that a branch comes from: the one that is set up for it, else `origin`, else the only one, or the only one that
    /// had it.
    fn remote_of(&self, branch: &str) -> Result<Option<String>, Trouble> {
        let remotes = self.remotes()?;
        let configured = self.configured(branch)?;
        match usual(&remotes) {
            _ if remotes.contains(&configured) => Ok(Some(configured)),
            None if configured != "." => Ok(usual(&self.having(branch)?)),
            usual => Ok(usual),
        }
    }

    /// The remotes that were seen to have a branch.
    fn having(&self, branch: &str) -> Result<Vec<String>, Trouble> {
        let mut having = Vec::new();
        for remote in self.remotes()? {
            if self.was_at(&remote, branch)? {
                having.push(remote);
            }
        }
        Ok(having)
    }

    fn remotes(&self) -> Result<Vec<String>, Trouble> {
        Ok(done(self.git().arg("remote"), "list the remotes")?.text().lines().map(str::to_owned).collect())
    }

    /// `.` where a branch follows another of this repository.
    fn configured(&self, branch: &str) -> Result<String, Trouble> {
        Ok(self.git().args(["config", "--get", &format!("branch.{branch}.remote")]).run()?.text())
    }

    /// The branch that work begins at and comes home to: the remote's own, as it says once it was asked, and before that as
    /// git remembers, which need not be so any more; else `init.defaultBranch`, `main` or `master`, if there is one, else what
    /// is checked out.
    ///
    /// # Errors
    /// When none of these is there, or nothing is known here of the one that the remote calls so.
    pub fn default_branch(&self) -> Result<String, Trouble> {
        let remote = usual(&self.remotes()?);
        if let Some(Heard { remote, branch, .. }) =
            self.heard.get().filter(|heard| Some(&heard.remote) == remote.as_ref())
        {
            let (root, remote, branch) = (self.root().to_owned(), remote.clone(), branch.clone());
            return match self.knows(Some(&remote), &branch)? {
                true => Ok(branch),
                false => Err(Trouble::NotHere { root, remote, branch }),
            };
        }
        let theirs = remote.as_deref().map(|remote| self.head_of(remote)).transpose()?.flatten().unwrap_or_default();
        let configured = self.git().args(["config", "--get", "init.defaultBranch"]).run()?.text();
        for branch in [&*theirs, &*configured, "main", "master"].into_iter().filter(|name| !name.is_empty()) {
            if self.knows(remote.as_deref(), branch)? {
                return Ok(branch.to_owned());
            }
        }
        match self.head()? {
            Head::Branch(branch) => Ok(branch),
            Head::Unborn(_) => Err(Trouble::NoCommits(self.root().to_owned())),
            Head::Detached(_) => Err(Trouble::NoDefaultBranch(self.root().to_owned())),
        }
    }

    fn head_of(&self, remote: &str) -> Result<Option<String>, Trouble> {
        let head = self.git().args(["symbolic-ref", "--quiet", &format!("refs/remotes/{remote}/HEAD")]).run()?.text();
        Ok(head.strip_prefix(&format!("refs/remotes/{remote}/")).map(str::to_owned))
    }

    fn knows(&self, remote: Option<&str>, branch: &str) -> Result<bool, Trouble> {
        let tracked = remote.map(|remote| self.has_ref(&format!("refs/remotes/{remote}/{branch}"))).transpose()?;
        Ok(tracked == Some(true) || self.has_branch(branch)?)
    }

    /// Brings what the remote has of one branch, and nothing else. Where there is no remote, or it never had such a branch,
    /// nothing is to be brought.
    ///
    /// # Errors
    /// When the remote does not give it in time, or has it no more; [`Repository::tip`] then knows what was brought before.
    pub fn fetch(&self, branch: &str, limit: Duration) -> Result<(), Trouble> {
        let Some(remote) = self.remote_of(branch)? else { return Ok(()) };
        let wanted = format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}");
        let quiet = ["--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
        let program = self.talking()?.arg("fetch").args(quiet).args(["--", &remote, &wanted]).limit(limit);
        // What somebody else fetches in the same moment is not what it was, and then it is what was wanted.
        let passes = |ran: &Ran| is_passing(ran) || is_said(ran, " but expected ");
        let said = match program.patiently(passes) {
            Ok(ran) if ran.is_good() => return Ok(()),
            Ok(ran) if is_said(&ran, "couldn't find remote ref") => return self.refuse_gone(&remote, branch, None),
            Ok(ran) => reason(&ran),
            Err(unrun) => unrun.to_string(),
        };
        Err(Trouble::Unfetched { remote, branch: branch.to_owned(), said })
    }

    /// The newest commit of a branch that is known here: the branch's own where it has all that the remote's has, else the
    /// remote's.
    ///
    /// # Errors
    /// When neither is there.
    pub fn tip(&self, branch: &str) -> Result<Tip, Trouble> {
        let named = |name: String| Ok::<_, Trouble>(self.commit(&name)?.map(|commit| Tip { commit, name }));
        let local = named(format!("refs/heads/{branch}"))?;
        let remote = self
            .remote_of(branch)?
            .map(|remote| named(format!("refs/remotes/{remote}/{branch}")))
            .transpose()?
            .flatten();
        match (local, remote) {
            (Some(local), Some(remote)) if self.has_ancestor(&local.commit, &remote.commit)? => Ok(local),
            (_, Some(tip)) | (Some(tip), None) => Ok(tip),
            (None, None) => Err(Trouble::NoSuchCommit(branch.to_owned())),
        }
    }

    /// How many commits only the branch here has that are left out where work begins at the remote's: both went on. Asks the
    /// remote for the branch, unless [`Repository::is_remote_reachable`] was told of it.
    ///
    /// # Errors
    /// When the remote has the branch no more, when it cannot be told which remote it comes from, or git does not answer.
    pub fn left_out(&self, branch: &str) -> Result<usize, Trouble> {
        let Some(remote) = self.remote_of(branch)? else { return self.refuse_ambiguous(branch).map(|()| 0) };
        let newest = self.newest(&remote, branch)?;
        let (local, tracked) = (format!("refs/heads/{branch}"), format!("refs/remotes/{remote}/{branch}"));
        if self.commit(&local)?.is_none() || self.commit(&tracked)?.is_none() {
            return Ok(0);
        }
        let ahead = self.commits_ahead(&tracked, &local)?;
        let has_newest = || newest.map_or(Ok(true), |newest| self.has_ancestor(&local, &newest));
        if ahead == 0 || self.has_ancestor(&local, &tracked)? && has_newest()? {
            return Ok(0);
        }
        Ok(ahead)
    }

    /// What the remote has of a branch that was known to be there, as far as it says.
    fn newest(&self, remote: &str, branch: &str) -> Result<Option<String>, Trouble> {
        let heard = self.heard.get().filter(|heard| heard.remote == remote);
        if let Some(heard) = heard.filter(|heard| heard.branch == branch) {
            return Ok(Some(heard.commit.clone()));
        }
        if !self.was_at(remote, branch)? {
            return Ok(None);
        }
        let name = format!("refs/heads/{branch}");
        let asked = self.talking()?.args(["ls-remote", "--", remote, &name]).limit(ANSWER).run();
        match asked.ok().filter(Ran::is_good).map(|ran| ran.text()) {
            Some(said) if said.is_empty() => {
                self.refuse_gone(remote, branch, heard.map(|heard| heard.branch.clone())).map(|()| None)
            }
            said => Ok(said.and_then(|said| said.split_whitespace().next().map(str::to_owned))),
        }
    }

    /// Whether the remote was once seen to have a branch, or to call it its default one.
    fn was_at(&self, remote: &str, branch: &str) -> Result<bool, Trouble> {
        let is_tracked = self.has_ref(&format!("refs/remotes/{remote}/{branch}"))?;
        Ok(is_tracked || self.head_of(remote)?.as_deref() == Some(branch))
    }

    /// `now` is what the remote calls its default branch, where that is known.
    fn refuse_gone(&self, remote: &str, branch: &str, now: Option<String>) -> Result<(), Trouble> {
        let (root, remote, branch) = (self.root().to_owned(), remote.to_owned(), branch.to_owned());
        match self.was_at(&remote, &branch)? {
            true => Err(Trouble::Gone { root, remote, branch, now }),
            false => Ok(()),
        }
    }

    /// Where several remotes had a branch, and nobody said which of them it follows.
    fn refuse_ambiguous(&self, branch: &str) -> Result<(), Trouble> {
        let remotes = self.having(branch)?;
        match remotes.is_empty() || self.configured(branch)? == "." {
            true => Ok(()),
            false => Err(Trouble::ManyRemotes { root: self.root().to_owned(), branch: branch.to_owned(), remotes }),
        }
    }

    /// Whether a commit has another in its history, or is it.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn has_ancestor(&self, commit: &str, ancestor: &str) -> Result<bool, Trouble> {
        Ok(self.git().args(["merge-base", "--is-ancestor", ancestor, commit]).run()?.is_good())
    }

    /// Asks the remote, and waits 15 seconds at most. What it says of its default branch is remembered.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn is_remote_reachable(&self) -> Result<Reach, Trouble> {
        let Some(remote) = self.remote()? else { return Ok(Reach::NoRemote) };
        let ask = ["ls-remote", "--exit-code", "--symref", "--", &remote, "HEAD"];
        match self.talking()?.args(ask).limit(ANSWER).run() {
            // 2 is an answer too: nothing was ever pushed there.
            Ok(ran) if ran.is_good() || ran.code == 2 => {
                if let Some(heard) = Heard::of(remote, &ran.text()) {
                    self.heard.get_or_init(|| heard);
                }
                Ok(Reach::Answers)
            }
            Ok(ran) if ASKS.iter().any(|words| is_said(&ran, words)) => Ok(Reach::NeedsPassword(reason(&ran))),
            Ok(ran) => Ok(Reach::Unreachable(reason(&ran))),
            Err(Unrun::TimedOut(..)) => Ok(Reach::Unreachable(format!("no answer in {} seconds", ANSWER.as_secs()))),
            Err(unrun) => Err(unrun.into()),
        }
    }

    /// Git, with the person's own ssh, which asks nothing. Where a variable names another, [`super::git`] has it ask nobody.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn talking(&self) -> Result<Program, Trouble> {
        let own = self.git().args(["config", "--get", "core.sshCommand"]).run()?.text();
        let ssh = if own.is_empty() { "ssh" } else { &own };
        Ok(self.git().args(["-c", &format!("core.sshCommand={ssh} -oBatchMode=yes")]))
    }
}

impl Heard {
    /// From `ref: refs/heads/BRANCH\tHEAD` and `COMMIT\tHEAD`.
    fn of(remote: String, said: &str) -> Option<Heard> {
        let mut heads = said.lines().filter_map(|line| line.strip_suffix("\tHEAD"));
        let branch = heads.next()?.strip_prefix("ref: refs/heads/")?.to_owned();
        Some(Heard { remote, branch, commit: heads.next()?.to_owned() })
    }
}

/// The remote that is meant where none is named.
fn usual(remotes: &[String]) -> Option<String> {
    match remotes {
        [only] => Some(only.clone()),
        _ => remotes.iter().find(|name| **name == "origin").cloned(),
    }
}

fn is_said(ran: &Ran, words: &str) -> bool {
    String::from_utf8_lossy(&ran.err).contains(words)
}

/// The line that says most: what ssh or the server said, before git's own conclusion from it.
fn reason(ran: &Ran) -> String {
    let said = String::from_utf8_lossy(&ran.err);
    let asks = |line: &&str| ASKS.iter().any(|words| line.contains(words));
    let tells = |line: &&str| !line.trim().is_empty() && !line.to_ascii_lowercase().starts_with("warning:");
    let told = said.lines().find(asks).or_else(|| said.lines().find(tells));
    told.map_or_else(|| ran.complaint(), |line| line.trim().trim_start_matches("fatal: ").to_owned())
}
