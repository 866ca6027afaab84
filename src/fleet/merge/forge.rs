//! Pull requests, by the forges' own programs: `gh` and `glab`.
//!
//! A branch is pushed to `origin`, never by force. Nothing is sent anywhere by any other way, and no login is asked for or kept.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::git::{branch_ref, git};
use super::trouble::Trouble;
use crate::fleet::program::{Program, Ran, Unrun};
use crate::protocol::spelling::shell_word;

/// What goes over a network, hooks included, takes this long at most.
const LIMIT: Duration = Duration::from_secs(300);
/// Forges take no longer text; theirs is 65,536 characters.
const LONGEST_BODY: usize = 60_000;

/// Whose program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forge {
    /// `gh`
    GitHub,
    /// `glab`
    GitLab,
}

/// What is to be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// A worktree of the repository.
    pub folder: &'a Path,
    /// The branch.
    pub branch: &'a str,
    /// Where it is to go.
    pub target: &'a str,
    /// In one line.
    pub title: &'a str,
    /// In Markdown.
    pub body: &'a str,
}

/// The address that is fetched from `origin`, rewritten as git rewrites it; none where there is no such remote. Another that is
/// only pushed to is not where requests are opened.
///
/// # Errors
/// When git cannot be run.
pub fn origin(folder: &Path) -> Result<Option<String>, Trouble> {
    let ran = git(folder, ["remote", "get-url", "origin"]).run()?;
    Ok(ran.is_good().then(|| ran.text()))
}

/// The machine of a remote's address; none of a path.
pub fn host(address: &str) -> Option<&str> {
    let (is_address, rest) = match address.split_once("://") {
        Some(("file", _)) => return None,
        Some((_, rest)) => (true, rest),
        None => (false, address),
    };
    let (authority, _) = if is_address { rest.split_once('/').unwrap_or((rest, "")) } else { rest.split_once(':')? };
    if authority.contains('/') {
        return None;
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.split(':').next().filter(|host| !host.is_empty())
}

impl Forge {
    /// The one that a remote's machine belongs to and that this machine is logged in to.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(folder: &Path, host: Option<&str>) -> Result<Forge, String> {
        let mut reasons = Vec::new();
        for forge in Forge::likely(host) {
            match forge.is_usable(folder, host) {
                Ok(()) => return Ok(*forge),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons.join(", and "))
    }

    /// Those that a machine's name may belong to.
    pub fn likely(host: Option<&str>) -> &'static [Forge] {
        match host {
            Some(host) if host.contains("github") => &[Forge::GitHub],
            Some(host) if host.contains("gitlab") => &[Forge::GitLab],
            _ => &[Forge::GitHub, Forge::GitLab],
        }
    }

    /// The program.
    pub fn program(self) -> &'static str {
        match self {
            Forge::GitHub => "gh",
            Forge::GitLab => "glab",
        }
    }

    /// The one to be told of where none can be used: one that is installed before one that is not.
    pub fn by_hand(folder: &Path, host: Option<&str>) -> (Forge, bool) {
        let likely = Forge::likely(host);
        let installed = likely.iter().find(|forge| forge.is_installed(folder));
        (*installed.unwrap_or(&likely[0]), installed.is_some())
    }

    fn is_installed(self, folder: &Path) -> bool {
        !matches!(self.run(folder).arg("--version").run(), Err(Unrun::Missing(_)))
    }

    /// The command that opens a request for a branch that was pushed.
    pub fn command(self, proposal: Proposal<'_>) -> String {
        let Proposal { folder, branch, target, title, .. } = proposal;
        let (branch, target, title) = (shell_word(branch), shell_word(target), shell_word(title));
        let open = match self {
            Forge::GitLab => {
                format!("glab mr create --source-branch {branch} --target-branch {target} --title {title} --fill --yes")
            }
            Forge::GitHub => format!("gh pr create --head {branch} --base {target} --title {title} --body ''"),
        };
        format!("cd {} && {open}", shell_word(folder))
    }

    fn run(self, folder: &Path) -> Program {
        let program = Program::new(self.program()).within(folder).limit(LIMIT);
        program.variable("GH_PROMPT_DISABLED", "1").variable("NO_PROMPT", "1").variable("NO_COLOR", "1")
    }

    fn is_usable(self, folder: &Path, host: Option<&str>) -> Result<(), String> {
        let on_host = host.iter().flat_map(|host| ["--hostname", host]);
        match self.run(folder).args(["auth", "status"]).args(on_host).run() {
            Ok(ran) if ran.is_good() => Ok(()),
            Ok(_) => {
                let host = host.map_or(String::new(), |host| format!(" to {host}"));
                Err(format!("{} is not logged in{host}", self.program()))
            }
            Err(unrun) => Err(unrun.to_string()),
        }
    }

    /// The address of the open request of a branch, if there is one.
    ///
    /// # Errors
    /// When the forge cannot be asked.
    pub fn existing(self, proposal: Proposal<'_>) -> Result<Option<String>, Trouble> {
        let Proposal { folder, branch, .. } = proposal;
        let (args, member): (&[&str], _) = match self {
            Forge::GitHub => (&["pr", "list", "--state", "open", "--json", "url", "--head"], "url"),
            Forge::GitLab => (&["mr", "list", "--output", "json", "--source-branch"], "web_url"),
        };
        let ran = self.must("look for a pull request", folder, self.run(folder).args(args).arg(branch))?;
        let listed: Value = serde_json::from_slice(&ran.out).map_err(|error| {
            let why = format!("{} answered no JSON: {error}", self.program());
            Trouble::Git { what: "look for a pull request", folder: folder.to_owned(), why }
        })?;
        Ok(listed[0][member].as_str().map(str::to_owned))
    }

    /// Opens a request for a branch that was pushed, and gives its address.
    ///
    /// # Errors
    /// When the forge would not.
    pub fn open(self, proposal: Proposal<'_>) -> Result<String, Trouble> {
        let Proposal { folder, branch, target, title, body } = proposal;
        let body = cut(body);
        let program = match self {
            Forge::GitHub => {
                let create = ["pr", "create", "--head", branch, "--base", target, "--title", title, "--body-file", "-"];
                self.run(folder).args(create).input(body)
            }
            Forge::GitLab => {
                let create = ["mr", "create", "--yes", "--source-branch", branch, "--target-branch", target];
                self.run(folder).args(create).args(["--title", title, "--description", body])
            }
        };
        let ran = self.must("open a pull request", folder, program)?;
        let said = ran.text();
        let address = said.split_whitespace().rev().find(|word| word.starts_with("http"));
        let why = || format!("{} named no address", self.program());
        address.map(str::to_owned).ok_or_else(|| Trouble::Git {
            what: "open a pull request",
            folder: folder.to_owned(),
            why: why(),
        })
    }

    fn must(self, what: &'static str, folder: &Path, program: Program) -> Result<Ran, Trouble> {
        match program.run()? {
            ran if ran.is_good() => Ok(ran),
            ran => {
                let why = format!("{}: {}", self.program(), ran.complaint());
                Err(Trouble::Git { what, folder: folder.to_owned(), why })
            }
        }
    }
}

/// Pushes a branch to `origin`, under its own name.
///
/// # Errors
/// When the remote, or a hook, would not.
pub fn push(folder: &Path, branch: &str) -> Result<(), Trouble> {
    let reference = branch_ref(branch);
    // Spelled out: what begins with + would be a push by force.
    let refspec = format!("{reference}:{reference}");
    let program = git(folder, ["push", "--set-upstream", "origin", &refspec]).limit(LIMIT);
    match program.run() {
        Ok(ran) if ran.is_good() => Ok(()),
        Ok(ran) => {
            Err(Trouble::Unpushed { branch: branch.to_owned(), folder: folder.to_owned(), why: rejection(&ran) })
        }
        Err(unrun @ Unrun::TimedOut(..)) => {
            Err(Trouble::Unpushed { branch: branch.to_owned(), folder: folder.to_owned(), why: unrun.to_string() })
        }
        Err(unrun) => Err(unrun.into()),
    }
}

/// The line that says why, rather than the advice after it.
fn rejection(ran: &Ran) -> String {
    let said = String::from_utf8_lossy(&ran.err).into_owned();
    let why = said.lines().map(str::trim).find(|line| line.starts_with("! [") || line.starts_with("fatal: "));
    why.map_or_else(|| ran.complaint(), str::to_owned)
}

fn cut(body: &str) -> &str {
    let end = body.char_indices().nth(LONGEST_BODY).map_or(body.len(), |(at, _)| at);
    &body[..end]
}

/// The commands that do the same by hand.
pub fn by_hand(forge: Forge, proposal: Proposal<'_>, address: Option<&str>) -> Vec<String> {
    let folder = shell_word(proposal.folder);
    let add = address.is_none().then(|| format!("git -C {folder} remote add origin ADDRESS"));
    let push = format!("git -C {folder} push -u origin {}", shell_word(proposal.branch));
    add.into_iter().chain([push, forge.command(proposal)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_of_an_address() {
        for (address, expected) in [
            ("https://github.com/a/b.git", Some("github.com")),
            ("https://user:pass@github.com:8443/a/b", Some("github.com")),
            ("git@gitlab.example.org:a/b.git", Some("gitlab.example.org")),
            ("ssh://git@github.com:22/a/b", Some("github.com")),
            ("host:path", Some("host")),
            ("/srv/git/a.git", None),
            ("../a:b", None),
            ("file:///srv/git/a.git", None),
            ("a", None),
        ] {
            assert_eq!(host(address), expected, "{address}");
        }
    }

    #[test]
    fn what_is_done_by_hand_can_be_pasted() {
        let folder = Path::new("/a b");
        let proposal = Proposal { folder, branch: "aio/x", target: "main", title: "it's; rm -rf", body: "" };
        let commands = by_hand(Forge::GitHub, proposal, None);
        assert_eq!(commands[0], "git -C '/a b' remote add origin ADDRESS");
        assert_eq!(commands[1], "git -C '/a b' push -u origin aio/x");
        let open = r"cd '/a b' && gh pr create --head aio/x --base main --title 'it'\''s; rm -rf' --body ''";
        assert_eq!(commands[2], open);
        assert!(
            by_hand(Forge::GitLab, proposal, Some("git@gitlab.com:a/b"))[1]
                .contains("glab mr create --source-branch aio/x")
        );
    }

    #[test]
    fn a_body_is_cut_between_characters() {
        let long = "ä".repeat(LONGEST_BODY + 7);
        assert_eq!(cut(&long).chars().count(), LONGEST_BODY);
        assert_eq!(cut("short"), "short");
    }
}
