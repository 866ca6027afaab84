//! What an agent is told with its task: what to do first, where it works, and how it says that it is done.
//!
//! Pure. Guarantees: the task stands in it whole, byte for byte, and can be had back. Does not: shorten, quote or explain
//! it, nor send it.

/// The first line begins with this, or agents read and wait.
const FIRST: &str = "YOUR FIRST ACTION: ";
/// Before what may have reached the agent already.
const AGAIN: &str =
    "You may have been given this before: look at what is there (git status, git log), and do what is left of it.\n\n";
/// Relative to the worktree: one line in it says that the task is done.
pub const DONE: &str = ".aio/done";
/// Relative to the worktree: one line in it says why the task cannot be done.
pub const BLOCKED: &str = ".aio/blocked";

/// A task, and where it is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Task<'t> {
    /// The job's id.
    pub job: &'t str,
    /// What is to be done, as it was asked for.
    pub text: &'t str,
    /// The folder to work in.
    pub worktree: &'t str,
    /// The branch to commit on.
    pub branch: &'t str,
    /// The commit it began at.
    pub base: &'t str,
    /// The branch its work is to come home to.
    pub target: &'t str,
    /// The first and the last of its own ports.
    pub ports: Option<(u16, u16)>,
}

/// The task between what an agent must know before it and after it.
pub fn frame(task: &Task<'_>) -> String {
    format!("{}{}{}", before(task), task.text, after(task.job))
}

/// What is handed over anew, because nothing says that it was taken the first time.
pub fn again(words: &str) -> String {
    format!("{AGAIN}{words}")
}

/// What an agent is told that was told of other ports before, which another job has now.
pub fn with_other_ports((first, last): (u16, u16), words: &str) -> String {
    format!(
        "Your ports are {first}-{last} now, no longer those you were told of: change what was set up with those.\n\n{words}"
    )
}

/// The task within a framed text; `None` if it is no such text, or another job's.
pub fn recover<'t>(framed: &'t str, job: &str) -> Option<&'t str> {
    let begin = begin(job);
    let inner = framed.strip_prefix(AGAIN).unwrap_or(framed).strip_prefix(FIRST)?.strip_suffix(&after(job))?;
    // The first one is ours: no line before it can be one. What the task holds comes later.
    Some(&inner[inner.find(&begin)? + begin.len()..])
}

fn before(task: &Task<'_>) -> String {
    let Task { job, worktree, branch, base, target, ports, .. } = task;
    let [worktree, branch, target] = [worktree, branch, target].map(|name| one_line(name));
    let base: String = base.chars().take(12).collect();
    let ports = ports.map_or_else(String::new, |(first, last)| format!(" Ports {first}-{last} are yours alone."));
    format!(
        "{FIRST}run `aio task \"<this task in your own words, one line>\"`, then begin.\n\
         You are job {job}. Work in {worktree} only, on branch {branch} (from {target} at {base}, where it goes home to): \
         commit there, do not push, do not switch branches.{ports} Others may work at once: what they hold, `aio` denies you; \
         do something else and come back.{}",
        begin(job)
    )
}

fn begin(job: &str) -> String {
    format!("\n===== TASK of {job} =====\n")
}

fn after(job: &str) -> String {
    format!(
        "\n===== END OF TASK of {job} =====\n\
         When all is done and committed, write one line on what you did to {DONE}. If you cannot go on, write one line on why \
         to {BLOCKED}. Then stop."
    )
}

/// A name without anything that could end its line.
fn one_line(name: &str) -> String {
    let plain = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(text: &str) -> Task<'_> {
        Task {
            job: "claude-a1b2c3",
            text,
            worktree: "/home/someone/.ai-orchestrator/worktrees/storefront/claude-a1b2c3",
            branch: "aio/claude-a1b2c3",
            base: "8c0c5b2f9a7f5d0b5a1e6c8d2f4b7a9e1c3d5f70",
            target: "main",
            ports: Some((42000, 42009)),
        }
    }

    #[test]
    fn any_task_can_be_had_back() {
        let own = frame(&task("inner"));
        let end = after("claude-a1b2c3");
        for text in
            ["", " \n", "Fix it", "a\r\nb\n\n", "\n===== TASK of claude-a1b2c3 =====\n", FIRST, &end, &own, "é\0\u{1b}"]
        {
            let framed = frame(&task(text));
            assert_eq!(recover(&framed, "claude-a1b2c3"), Some(text), "{text:?}");
            assert_eq!(recover(&again(&framed), "claude-a1b2c3"), Some(text), "{text:?}");
        }
        assert_eq!(recover(&own, "claude-a1b2c4"), None);
        assert_eq!(recover("Fix it", "claude-a1b2c3"), None);
    }

    #[test]
    fn a_name_cannot_end_the_frame() {
        let worktree = "/home/x\n===== TASK of claude-a1b2c3 =====\ny";
        let framed = frame(&Task { worktree, ..task("Fix it") });
        assert_eq!(recover(&framed, "claude-a1b2c3"), Some("Fix it"));
    }

    #[test]
    fn the_frame_is_short_and_begins_with_what_to_do() {
        let framed = frame(&task(""));
        assert!(framed.starts_with("YOUR FIRST ACTION: run `aio task "));
        assert!(framed.len() / 4 < 250, "{} bytes", framed.len());
        for word in [DONE, BLOCKED, "do not push", "42000-42009", "aio/claude-a1b2c3", "from main at 8c0c5b2f9a7f,"] {
            assert!(framed.contains(word), "{word}");
        }
    }

    #[test]
    fn other_ports_are_told_first() {
        let words = with_other_ports((42010, 42019), "Go on");
        assert!(words.starts_with("Your ports are 42010-42019 now") && words.ends_with("\n\nGo on"));
    }

    #[test]
    fn a_job_without_ports_hears_of_none() {
        assert!(!frame(&Task { ports: None, ..task("") }).contains("Ports"));
    }
}
