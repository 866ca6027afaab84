//! Who is calling: named, inherited, seen among the ancestors, or not told apart.
//!
//! The agents here are bash under an agent's name, running scripts that call aio as an agent's shell tool would.

use crate::harness::{Sleeper, World, run};

/// `Registered: ID` of each line that is one.
fn ids(out: &str) -> Vec<String> {
    out.lines().filter_map(|line| line.strip_prefix("Registered: ")).map(str::to_owned).collect()
}

/// Instance of the line after `who: `, as `claim` on somebody's own file shows it.
fn callers(out: &str) -> Vec<&str> {
    out.lines().filter_map(|line| line.strip_prefix("who: ")).collect()
}

/// Prints who calls, as aio sees it.
const WHO: &str = r#"who() {
    aio --json heartbeat >"$HOME/who.$$"
    echo "who: $(sed -E 's/.*"instance":"([^"]*)".*/\1/; t; s/.*"code":"([^"]*)".*/\1/' "$HOME/who.$$")"
}"#;

#[test]
fn an_agent_is_found_among_the_ancestors() {
    let world = World::new();
    let ran = world.in_agent("claude", &format!("{WHO}\naio register\n(who)\n/bin/sh -c 'aio heartbeat; :'"));
    let id = ran.registered().to_owned();
    assert!(id.starts_with("claude-"), "the tool is the agent it runs in: {ran:?}");
    assert_eq!(callers(&ran.out), [&id]);
    assert!(ran.out.ends_with("Heartbeat updated\n"), "{ran:?}");
    assert!(world.instance(&id)["pid"].as_u64().is_some_and(|pid| pid > 0));
    assert_eq!(ran.err, "");
}

#[test]
fn as_names_an_instance_before_everything_else() {
    let world = World::new();
    let other = world.register("codex");
    let script = format!("{WHO}\naio register >/dev/null\naio --as {other} --json heartbeat\nAIO_INSTANCE={other} who");
    let ran = world.in_agent("claude", &script);
    assert!(ran.first().contains(&format!("\"instance\":\"{other}\"")), "{ran:?}");
}

#[test]
fn the_variable_names_the_caller_where_no_agent_stands_nearer() {
    let world = World::new();
    let mut sleeper = Sleeper::new();
    let (claude, _) = (world.register_process("claude", &sleeper.0), world.register("codex"));
    let ran = world.detached(&format!("{WHO}\nAIO_INSTANCE={claude} who\nAIO_INSTANCE=claude-1-0000 who"));
    assert_eq!(callers(&ran.out), [&*claude, "not-registered"], "{ran:?}");
    sleeper.kill();
}

#[test]
fn an_inherited_variable_does_not_make_an_agent_another() {
    let world = World::new();
    let inner = world.agent("codex", &format!("{WHO}\nwho\naio register\nwho"));
    let script = format!(
        "aio register >registered\ncat registered\nexport AIO_INSTANCE=$(cut -d' ' -f2 registered)\n{inner}\n{WHO}\nwho"
    );
    let ran = world.in_agent("claude", &script);
    let ids = ids(&ran.out);
    assert!(ids[0].starts_with("claude-") && ids[1].starts_with("codex-"), "{ran:?}");
    assert_eq!(callers(&ran.out), ["not-registered", &ids[1], &ids[0]], "{ran:?}");
}

#[test]
fn an_agent_inside_another_with_its_whole_environment_is_not_mistaken() {
    let world = World::new();
    let inner =
        world.agent("claude", "aio register; aio claim mine; aio check mine; aio claim theirs; aio release theirs");
    let script = format!(
        "export CLAUDE_CODE_SESSION_ID=outer\naio register\naio claim theirs\n\
         CLAUDE_CODE_SESSION_ID=inner {inner}\naio check theirs\naio check mine"
    );
    let ran = world.in_agent("claude", &script);
    let ids = ids(&ran.out);
    assert_eq!(ids.len(), 2, "{ran:?}");
    assert_ne!(ids[0], ids[1]);
    assert!(ran.out.contains(&format!("Already claimed by: {}", ids[0])), "{ran:?}");
    assert!(ran.err.contains("not yours to release"), "{ran:?}");
    assert_eq!(ran.out.matches("YOURS ").count(), 2, "each its own: {ran:?}");
    assert!(ran.out.ends_with("AVAILABLE\n"), "the inner agent has ended, and so have its claims: {ran:?}");
}

#[test]
fn only_the_nearest_agents_own_session_variable_counts() {
    let world = World::new();
    let claude = world.aio(["register", "claude", "--session", "S"]).registered().to_owned();
    let codex = world.aio(["register", "codex", "--session", "T"]).registered().to_owned();
    let script = format!("{WHO}\nexport CLAUDE_CODE_SESSION_ID=S CODEX_THREAD_ID=T\nwho");
    assert_eq!(callers(&world.in_agent("claude", &script).out), [&claude]);
    assert_eq!(callers(&world.in_agent("codex", &script).out), [&codex]);
    assert_eq!(callers(&world.in_agent("gemini", &script).out), ["not-registered"]);
}

#[test]
fn two_agents_at_once_stay_apart() {
    let world = World::new();
    let script = format!("{WHO}\naio register\nfor n in 1 2 3; do who; done");
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| world.in_agent("claude", &script));
        let other = scope.spawn(|| world.in_agent("claude", &script));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_ne!(one.registered(), other.registered());
    for ran in [&one, &other] {
        assert_eq!(callers(&ran.out), [ran.registered(); 3], "{ran:?}");
    }
}

#[test]
fn without_an_agent_the_same_parent_process_is_the_same_instance() {
    let world = World::new();
    let ran = world.detached(&format!("{WHO}\naio register droid\nwho\naio claim a\naio check a"));
    assert_eq!(callers(&ran.out), [ran.registered()], "{ran:?}");
    assert!(ran.out.contains("YOURS "), "{ran:?}");
    let stranger = world.detached(&format!("{WHO}\nwho\naio check a"));
    assert_eq!(callers(&stranger.out), ["not-registered"], "{stranger:?}");
    assert!(stranger.out.contains(&format!("CLAIMED by {}", ran.registered())), "{stranger:?}");
}

#[test]
fn who_could_be_two_is_asked_which() {
    let world = World::new();
    let ran = world.detached(
        "aio register droid --session a\naio register goose --session b\naio claim x\necho code $?\naio --json claim x",
    );
    let ids = ids(&ran.out);
    assert!(ran.out.contains("code 3"), "{ran:?}");
    for id in &ids {
        assert!(ran.err.contains(&**id), "the candidates: {ran:?}");
    }
    assert!(ran.err.contains("--as"), "{ran:?}");
    assert!(ran.out.contains("\"code\":\"identity-ambiguous\"") && ran.out.contains("\"candidates\":["), "{ran:?}");
    let named = world.detached(&format!("aio --as {} claim x", ids[1]));
    assert_eq!(named.code, 0, "{named:?}");
}

#[test]
fn two_instances_of_one_process_are_told_apart_by_project() {
    let world = World::new();
    std::fs::create_dir(world.home.join("elsewhere")).unwrap();
    let elsewhere = world.home.join("elsewhere").display().to_string();
    let script =
        format!("{WHO}\naio register\naio register claude '{elsewhere}'\nwho\ncd '{elsewhere}'\nwho\ncd /\nwho");
    let ran = world.in_agent("claude", &script);
    let ids = ids(&ran.out);
    assert_eq!(ids.len(), 2);
    assert_eq!(callers(&ran.out), [&ids[0], &ids[1], "identity-ambiguous"], "{ran:?}");
}

#[test]
fn registering_again_in_the_same_agent_is_the_same_instance() {
    let world = World::new();
    let ran = world.in_agent(
        "claude",
        "aio register\naio claim a\naio register\naio check a\nCLAUDE_CODE_SESSION_ID=n aio register",
    );
    let ids = ids(&ran.out);
    assert_eq!(ids[0], ids[1]);
    assert!(ran.out.contains("YOURS "));
    assert_eq!(ids[2], ids[0], "what had no session takes the one it gets: {ran:?}");
    let ran = world.in_agent("claude", "CLAUDE_CODE_SESSION_ID=n aio register\nCLAUDE_CODE_SESSION_ID=m aio register");
    let more: Vec<String> = ran.out.lines().map(str::to_owned).collect();
    assert_eq!(more[0], format!("Registered: {}", ids[0]), "the session goes on in another process: {ran:?}");
    assert_ne!(more[1], more[0], "another session never is the same instance");
}

#[test]
fn a_shell_tool_that_moves_away_stays_the_agents() {
    let world = World::new();
    let ran = world.in_agent("claude", &format!("{WHO}\naio register\n( ( cd / && who ) )\ncd /\nwho"));
    assert_eq!(callers(&ran.out), [ran.registered(), ran.registered()], "{ran:?}");
}

#[test]
fn a_script_called_like_an_agent_is_none() {
    let world = World::new();
    let script = world.home.join("claude");
    std::fs::write(&script, "aio register droid\n").unwrap();
    let ran = world.detached(&format!("bash '{}'\naio register goose", script.display()));
    assert!(ran.err.contains("not known for certain"), "{ran:?}");
    assert_eq!(world.instance(&ids(&ran.out)[0])["pid"], serde_json::Value::Null);
}

#[test]
fn a_reader_that_cannot_be_told_apart_is_answered_as_nobody() {
    let world = World::new();
    let claude = world.register("claude");
    world.register("codex");
    world.claim(&claude, "a");
    let ran =
        world.detached("aio check a b; aio status >/dev/null && aio context get && aio log >/dev/null && echo fine");
    assert!(ran.out.contains("CLAIMED by ") && ran.out.contains("AVAILABLE") && ran.out.ends_with("fine\n"), "{ran:?}");
    let wrong = run(world.command("aio").args(["--as", "claude-1-0000", "check", "a"]));
    assert_eq!(wrong.code, 3, "a name that is given must be somebody's");
}
