//! In tmux: the same, with a long task pasted; and an agent that asks before it takes one.
//!
//! All three work there without a network, once a person has answered what they ask at first: Claude Code wants to know
//! whether to use the key and to trust the repository (not: each worktree), Codex whether to trust it; Gemini CLI is told by its
//! command line. Claude Code's onboarding itself needs the network, and ends without it.

use aio::fleet::brief;
use serde_json::json;

use super::headless::comes_home;
use super::*;

/// What would not survive a shell, a key binding or a completion: 20 KB of lines that begin in every way that agents know, but
/// for the `@` by which Gemini CLI reads files.
fn awkward_task() -> String {
    let start = "-rf --help \"double\" 'single' `tick` $HOME ${HOME} \\n %s {prompt} <b>&amp;\n\n\tsecond line, é 漢字 🎉\n\
                 /help\n!ls\n#memory\n?\n> quoted \\\n";
    let long = (0..480).map(|line| format!("line {line} of a long task with \"quotes\" in it\n")).collect::<String>();
    format!("{start}{long}the end; no line break")
}

#[test]
fn three_agents_work_in_terminals_and_are_brought_home() {
    let fleet = Fleet::new(&THREE, |agent, turn| diligent(agent, turn, &format!("src/{}.txt", agent.name()), "made\n"));
    // Escape would stop an agent, and what ends a paste would have the rest typed.
    let (task, end) = (awkward_task(), "\u{1b}[201~\u{3}");
    assert!(task.len() > 20_000);
    fleet.launch(&["--tmux", "l:1", "c:1", "g:1", "--", &format!("{task}{end}")]);
    for agent in THREE {
        let job = fleet.once(agent, "review");
        let words = words_of(&fleet.turns(agent)[0]);
        let (text, spaces) = match agent {
            Agent::Claude => (task.replace('\t', "    "), ", with spaces for tabs"),
            _ => (task.clone(), ""),
        };
        assert_eq!(brief::recover(&words, job["id"].as_str().unwrap()), Some(&*text));
        let receipt = format!("hook: to the byte{spaces}; left out: 1 × end of paste, 1 × ETX");
        assert_eq!((&job["delivery"], &job["receipt"]), (&json!("acknowledged"), &json!(receipt)), "{job:#}");
        assert_eq!((&job["commits"], &job["claims"]), (&json!(1), &json!(0)), "{job:#}");
        assert!(!fleet.record(agent)["session"].as_str().unwrap().is_empty());
    }
    let ids = THREE.map(|agent| fleet.id(agent));
    comes_home(&fleet, &ids);
    for id in ids {
        fleet.until(&format!("the end of {id}"), || fleet.running(&id).is_empty().then_some(()));
    }
}

#[test]
fn agents_in_terminals_are_spoken_to_and_go_on_in_the_session_they_had() {
    const FIRST: &str = "The first task";
    const SAID: &str = "Words that were sent,\nand 'more' of \"them\"";
    let fleet = Fleet::new(&THREE, |agent, turn| match (turn.told.contains(SAID), turn.told.contains("interrupted")) {
        (false, _) => done(),
        (true, false) => hold(),
        (true, true) if !turn.told.contains("Went on") => Reply::Call(vec![agent.shell("echo 'Went on' > .aio/done")]),
        (true, true) => done(),
    });
    fleet.launch(&["--tmux", "l:1", "c:1", "g:1", FIRST]);
    let sessions = THREE.map(|agent| {
        fleet.once(agent, "waiting for you");
        fleet.record(agent)["session"].clone()
    });
    let sent = fleet.aio(&["send", "all", SAID, "--wait", "60s"]);
    assert_eq!((sent.code, sent.out.lines().count()), (0, THREE.len()), "{sent:?}");
    for agent in THREE {
        // What it asks its model for besides, a title say, is no turn of the conversation.
        fleet.reach(agent, |turn| turn.index == 1 && turn.told.contains(FIRST) && turn.told.contains(SAID));
    }
    let ids = THREE.map(|agent| fleet.id(agent));
    let stopped = fleet.aio(&["stop", &ids[0], &ids[1], &ids[2]]);
    assert_eq!((stopped.code, stopped.out.matches("Stopped: ").count()), (0, THREE.len()), "{stopped:?}");
    for id in ids {
        fleet.until(&format!("the end of {id}"), || fleet.running(&id).is_empty().then_some(()));
    }
    for (agent, session) in THREE.into_iter().zip(sessions) {
        assert_eq!(fleet.aio(&["resume", &fleet.id(agent)]).code, 0);
        let job = fleet.once(agent, "done");
        assert_eq!((&job["attempt"], &job["said"]), (&json!(2), &json!("Went on")), "{job:#}");
        assert_eq!(fleet.record(agent)["session"], session);
        let went_on = |turn: &Turn| [FIRST, SAID, "interrupted"].iter().all(|words| turn.told.contains(words));
        assert!(fleet.turns(agent).iter().any(went_on));
    }
}

/// Nothing is typed at a question, which it might answer; when a person has answered, the task arrives.
#[test]
fn a_task_waits_until_a_person_has_trusted_the_repository() {
    let agents = [Agent::Claude, Agent::Codex];
    let fleet =
        Fleet::new(&agents, |agent, turn| diligent(agent, turn, &format!("src/{}.txt", agent.name()), "made\n"));
    fleet.distrust();
    let launched = fleet.aio(&["multi", "--tmux", "l:1", "c:1", "A task"]);
    assert_eq!((launched.code, launched.out.matches("WAITING ").count()), (1, agents.len()), "{launched:?}");
    // Claude Code has chosen to end, Codex to trust.
    for (agent, question, answer) in
        [(Agent::Claude, "trust", &["Down", "Enter"][..]), (Agent::Codex, "Trust this folder?", &["Enter"])]
    {
        let asking =
            || fleet.jobs().into_iter().find(|job| job["profile"] == agent.name() && job["state"] == "waiting for you");
        let job = fleet.until(&format!("the question of {agent:?}"), asking);
        assert!(job["question"].as_str().unwrap().contains(question), "{job:#}");
        assert!(fleet.turns(agent).is_empty() && job["delivery"] != "delivered", "{job:#}");
        answer.iter().for_each(|key| fleet.press(job["id"].as_str().unwrap(), key));
        let job = fleet.once(agent, "review");
        assert_eq!(
            (&job["delivery"], &job["receipt"]),
            (&json!("acknowledged"), &json!("hook: to the byte")),
            "{job:#}"
        );
        assert_eq!((&job["commits"], fleet.turns(agent)[0].index), (&json!(1), 0));
    }
}

impl Fleet {
    /// Nobody has said yet that this repository is to be trusted.
    pub(super) fn distrust(&self) {
        let home = &self.stage.world.home;
        let path = home.join(".claude.json");
        let mut memory: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        memory["projects"] = json!({});
        std::fs::write(&path, memory.to_string()).unwrap();
        let path = home.join(".codex/config.toml");
        let trusting = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, trusting.replace("trust_level = \"trusted\"", "")).unwrap();
    }

    /// As a person who looks at the job.
    fn press(&self, id: &str, key: &str) {
        let mut tmux = Command::new("tmux");
        tmux.arg("-S").arg(self.stage.world.dir.join("tmux.sock")).args([
            "send-keys",
            "-t",
            &format!("=aio-{id}:"),
            key,
        ]);
        assert!(tmux.status().unwrap().success());
    }
}
