//! Without a terminal: from the launch to the default branch, at once and in each other's way.

use aio::fleet::brief;
use aio::fleet::files::{JobFiles, digest};
use serde_json::json;

use super::*;

/// The turn before which an agent has edited its file and not committed it.
const EDITED: usize = 2;
const TASK: &str = "Make \"a file\" of your own\n\tand 'commit' it; é 漢字 🎉 $HOME `x` \\ %s\n\n";

#[test]
fn three_agents_work_at_once_and_are_brought_home() {
    let (open, gate) = gate();
    let fleet = Fleet::new(&THREE, move |agent, turn| {
        if turn.index == EDITED {
            gate();
        }
        diligent(agent, turn, &format!("src/{}.txt", agent.name()), "made\n")
    });
    fleet.launch(&["l:1", "c:1", "g:1", "--headless", TASK]);
    for agent in THREE {
        fleet.reach(agent, |turn| turn.index == EDITED);
        let job = fleet.job(agent);
        assert_eq!(
            (&job["state"], &job["claims"], &job["commits"]),
            (&json!("working"), &json!(1), &json!(0)),
            "{job:#}"
        );
    }
    assert_eq!(fleet.claims(), THREE.len());
    open();
    THREE.iter().for_each(|agent| ended_well(&fleet, *agent));
    assert_eq!(fleet.claims(), 0, "what ended holds nothing");

    let ids = THREE.map(|agent| fleet.id(agent));
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!((ran.code, &*ran.out), (0, "No conflicts among 3 jobs\n"), "{ran:?}");
    comes_home(&fleet, &ids);
}

/// What is known of a job when its agent has done its task.
fn ended_well(fleet: &Fleet, agent: Agent) {
    let job = fleet.once(agent, "review");
    let (id, file) = (job["id"].as_str().unwrap(), format!("src/{}.txt", agent.name()));
    assert_eq!(
        (&job["files"], &job["commits"], &job["said"]),
        (&json!(1), &json!(1), &json!(format!("Wrote {file}"))),
        "{job:#}"
    );
    was_told(fleet, agent, TASK);
    // Only Claude Code tells a cost; nobody set prices for the others.
    let cost = (job["costSource"].as_str().unwrap(), job["costMicros"].as_u64());
    assert_eq!(cost.0, if agent == Agent::Claude { "reported" } else { "unknown" });
    assert_eq!(cost.1.is_some(), agent == Agent::Claude, "{cost:?}");
    let turns = fleet.turns(agent).len() as u64;
    assert_eq!((&job["inputTokens"], &job["outputTokens"]), (&json!(1000 * turns), &json!(30 * turns)), "{job:#}");
    assert!(!fleet.record(agent)["session"].as_str().unwrap().is_empty());
    let diff = fleet.aio(&["diff", id]).out;
    assert!(diff.contains(&format!("+++ b/{file}\n")) && diff.contains("\n+made\n"), "{diff}");
}

/// Codex runs in its sandbox, as a job always does: it can commit in its worktree, and change nothing else of the repository.
#[test]
fn two_that_write_the_same_file_are_told_apart_before_they_are_merged() {
    let agents = [Agent::Claude, Agent::Codex];
    let fleet = Fleet::new(&agents, |agent, turn| match (agent, turn.index) {
        (Agent::Codex, 0) => {
            let common = "$(git rev-parse --git-common-dir)";
            Reply::Call(vec![agent.shell(&format!("touch \"{common}/hooks/pre-commit\" \"{common}/config.new\""))])
        }
        _ => diligent(agent, turn, "src/same.txt", agent.name()),
    });
    fleet.launch(&["l:1", "c:1", "Write the same file"]);
    let [claude, codex] = agents.map(|agent| fleet.once(agent, "review"));
    let [claude, codex] = [&claude, &codex].map(|job| job["id"].as_str().unwrap());
    let refused = fleet.reach(Agent::Codex, |turn| turn.index == 1).results.concat();
    assert_eq!(refused.matches("Read-only file system").count(), 2, "{refused}");

    let conflicts = fleet.aio(&["conflicts"]);
    assert_eq!(conflicts.code, 1, "{conflicts:?}");
    for word in ["1 conflict among 2 jobs\n", &format!("CONFLICT  {claude} and {codex}\n"), "  src/same.txt"] {
        assert!(conflicts.out.contains(word), "{word}: {conflicts:?}");
    }
    let before = fleet.git(&["rev-parse", "main"]);
    let both = fleet.aio(&["merge", claude, codex]);
    assert!(both.code == 1 && both.err.contains("nothing was merged; next: aio merge "), "{both:?}");
    assert_eq!(fleet.git(&["rev-parse", "main"]), before);

    assert_eq!(fleet.aio(&["merge", claude]).code, 0);
    let second = fleet.aio(&["merge", codex]);
    let worktree = fleet.job(Agent::Codex)["worktree"].as_str().unwrap().to_owned();
    assert!(
        second.code == 1 && second.err.contains(&format!("next: git -C {worktree} merge main, mend")),
        "{second:?}"
    );
    // As it says.
    let mended = git(Path::new(&worktree), &["merge", "-q", "-X", "ours", "-m", "Mend", "main"]);
    assert_eq!(mended.code, 0, "{mended:?}");
    let merged = fleet.aio(&["merge", codex]);
    assert_eq!(merged.code, 0, "{merged:?}");
    assert_eq!(fleet.stage.text("src/same.txt").trim_end(), "codex");
}

/// The whole task, to the byte, and what the agent's own hook saw of it.
fn was_told(fleet: &Fleet, agent: Agent, task: &str) {
    let id = fleet.id(agent);
    let words = words_of(&fleet.turns(agent)[0]);
    assert_eq!(brief::recover(&words, &id), Some(task));
    let witness = JobFiles::of(&fleet.stage.world.dir, &id).witness().unwrap();
    assert_eq!((witness.prompts, witness.prompt_digest), (1, digest(&words)));
    let job = fleet.job(agent);
    assert_eq!(job["delivery"], "acknowledged");
    // The stream may say so before the hook has.
    let receipt = job["receipt"].as_str().unwrap();
    assert!(receipt == "hook: to the byte" || receipt == "stream", "{receipt}");
}

/// Merged, each commit there, and then removed with nothing left.
pub(super) fn comes_home(fleet: &Fleet, ids: &[String]) {
    let words: Vec<&str> = ids.iter().map(String::as_str).collect();
    let commits: Vec<String> = ids.iter().map(|id| fleet.git(&["rev-parse", &format!("aio/{id}")])).collect();
    let merged = fleet.aio(&[&["merge"], &words[..]].concat());
    assert_eq!((merged.code, merged.out.matches(" into main, 1 commit (").count()), (0, ids.len()), "{merged:?}");
    assert_eq!(merged.err, format!("aio: next: aio remove {}\n", in_order(&merged.out).join(" ")));
    for (id, commit) in ids.iter().zip(&commits) {
        let is_there = git(&fleet.stage.world.project, &["merge-base", "--is-ancestor", commit.trim(), "main"]);
        assert_eq!(is_there.code, 0, "{id} is not in main");
    }
    for agent in THREE.iter().filter(|agent| ids.iter().any(|id| id.starts_with(agent.name()))) {
        assert_eq!(fleet.stage.text(&format!("src/{}.txt", agent.name())), "made\n");
    }
    let worktrees: Vec<String> = fleet.jobs().iter().map(|job| job["worktree"].as_str().unwrap().to_owned()).collect();

    let removed = fleet.aio(&[&["remove"], &words[..]].concat());
    let lines: String = ids.iter().map(|id| format!("Removed: {id}\n")).collect();
    assert_eq!((removed.code, &*removed.out), (0, &*lines), "all of it is merged: {removed:?}");
    assert!(worktrees.iter().all(|worktree| !Path::new(worktree).exists()), "{worktrees:?}");
    assert_eq!(fleet.git(&["branch", "--list", "aio/*"]), "");
    assert_eq!(fleet.git(&["for-each-ref", "refs/aio"]), "");
    assert_eq!(fleet.git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(fleet.aio(&["jobs"]).out, "No jobs: aio multi c:1 \"task\"\n");
    assert_eq!(fleet.claims(), 0);
}

/// The ids in the order in which they were merged.
fn in_order(out: &str) -> Vec<&str> {
    out.lines().filter_map(|line| line.strip_prefix("Merged: ")?.split(' ').next()).collect()
}
