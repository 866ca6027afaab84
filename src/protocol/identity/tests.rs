//! The order in which what was seen counts.

use std::slice::from_ref;

use super::*;

const SHELL: ProcessKey = ProcessKey { pid: 30, start: 300 };
const AGENT: ProcessKey = ProcessKey { pid: 20, start: 200 };
const OUTER: ProcessKey = ProcessKey { pid: 10, start: 100 };

fn here() -> Machine {
    Machine { host: "here".to_owned(), boot_id: "boot".to_owned(), pid_namespace: "1".to_owned() }
}

/// `tool`, its session, and its process if it recorded one.
fn instance(
    key: &'static str,
    tool: &'static str,
    session: &'static str,
    process: Option<ProcessKey>,
) -> Instance<'static> {
    let process = process.unwrap_or_default();
    Instance {
        key: key.into(),
        tool: tool.into(),
        session: session.into(),
        project: "/p".into(),
        host: "here".into(),
        boot_id: "boot".into(),
        pid_namespace: "1".into(),
        pid: process.pid,
        process_start: process.start,
        ..Instance::default()
    }
}

fn state(instances: &[Instance<'static>]) -> State<'static> {
    State { instances: instances.to_vec(), ..State::empty() }
}

fn agent(tool: &'static str, process: ProcessKey) -> Option<AgentSeen> {
    Some(AgentSeen { tool, process, launcher: None })
}

fn witness() -> Witness {
    Witness { ancestors: vec![SHELL], project: "/p".to_owned(), ..Witness::default() }
}

fn resolved(witness: &Witness, instances: &[Instance<'static>]) -> Result<String, Unidentified> {
    resolve(witness, &state(instances), &here())
}

#[test]
fn a_name_given_decides_alone() {
    let all = [instance("claude-1-aaaa", "claude", "s", Some(AGENT)), instance("codex-2-bbbb", "codex", "", None)];
    let named = |name: &str| {
        let seen = Witness { named: Some(name.to_owned()), agent: agent("claude", AGENT), ..witness() };
        resolved(&seen, &all)
    };
    assert_eq!(named("codex-2-bbbb"), Ok("codex-2-bbbb".to_owned()));
    assert_eq!(named("bbbb"), Ok("codex-2-bbbb".to_owned()), "an end of it will do");
    assert_eq!(named("gone-1-0000"), Err(Unidentified::NoSuch("gone-1-0000".to_owned())), "it is never guessed");
}

#[test]
fn the_variable_counts_unless_a_nearer_agent_inherited_it() {
    let outer = instance("claude-1-aaaa", "claude", "", Some(OUTER));
    let inner = instance("codex-2-bbbb", "codex", "", Some(AGENT));
    let all = [outer, inner];
    let inherited = Some("claude-1-aaaa".to_owned());
    let alone = Witness { inherited: inherited.clone(), ..witness() };
    assert_eq!(resolved(&alone, &all), Ok("claude-1-aaaa".to_owned()));
    let own = Witness { agent: agent("claude", OUTER), ..alone.clone() };
    assert_eq!(resolved(&own, &all), Ok("claude-1-aaaa".to_owned()));
    let nested = Witness { agent: agent("codex", AGENT), ..alone.clone() };
    assert_eq!(resolved(&nested, &all), Ok("codex-2-bbbb".to_owned()));
    assert_eq!(resolved(&nested, &all[..1]), Err(Unidentified::Unknown), "the inner one has not registered");
    let below = Witness { ancestors: vec![SHELL, OUTER], ..nested };
    assert_eq!(resolved(&below, &all[..1]), Ok("claude-1-aaaa".to_owned()), "what aio run started within the agent");
    let unrecorded = [instance("claude-1-aaaa", "claude", "", None)];
    let nested = Witness { agent: agent("codex", AGENT), ..alone };
    assert_eq!(resolved(&nested, &unrecorded), Ok("claude-1-aaaa".to_owned()), "nothing speaks against it");
}

#[test]
fn the_nearest_agent_decides_by_its_session_then_by_its_process() {
    let all = [
        instance("claude-1-aaaa", "claude", "S", None),
        instance("claude-2-bbbb", "claude", "T", Some(AGENT)),
        instance("codex-3-cccc", "codex", "S", None),
    ];
    let with = |sessions: Vec<(&'static str, String)>| Witness { agent: agent("claude", AGENT), sessions, ..witness() };
    assert_eq!(resolved(&with(vec![("claude", "S".to_owned())]), &all), Ok("claude-1-aaaa".to_owned()));
    assert_eq!(resolved(&with(vec![("codex", "S".to_owned())]), &all), Ok("claude-2-bbbb".to_owned()));
    assert_eq!(resolved(&with(vec![]), &all), Ok("claude-2-bbbb".to_owned()));
    let launched = AgentSeen { tool: "claude", process: OUTER, launcher: Some(AGENT) };
    let launched = Witness { agent: Some(launched), ..witness() };
    assert_eq!(resolved(&launched, &all), Ok("claude-2-bbbb".to_owned()));
    let reused = Witness { agent: agent("claude", ProcessKey { start: 201, ..AGENT }), ..witness() };
    assert_eq!(resolved(&reused, &all), Err(Unidentified::Unknown), "another process of that id");
}

#[test]
fn an_agent_with_two_names_for_its_session_is_one() {
    let twice = vec![("codex", "S".to_owned()), ("codex", "S".to_owned())];
    let seen = Witness { agent: agent("codex", AGENT), sessions: twice, ..witness() };
    assert_eq!(resolved(&seen, &[instance("codex-1-aaaa", "codex", "S", None)]), Ok("codex-1-aaaa".to_owned()));
}

#[test]
fn a_session_variable_alone_counts_only_where_ancestors_are_cut_off() {
    let sandboxed = instance("codex-1-aaaa", "codex", "S", None);
    let visible = instance("codex-1-aaaa", "codex", "S", Some(AGENT));
    let free = Witness { sessions: vec![("codex", "S".to_owned())], ..witness() };
    let cut_off = Witness { cut_off: true, ..free.clone() };
    assert_eq!(resolved(&free, from_ref(&sandboxed)), Err(Unidentified::Unknown));
    assert_eq!(resolved(&cut_off, &[sandboxed]), Ok("codex-1-aaaa".to_owned()));
    assert_eq!(resolved(&cut_off, &[visible]), Err(Unidentified::Unknown), "it would have been seen");
    let outside = Instance { pid_namespace: "2".into(), ..instance("codex-1-aaaa", "codex", "S", Some(AGENT)) };
    assert_eq!(resolved(&cut_off, &[outside]), Ok("codex-1-aaaa".to_owned()));
}

#[test]
fn without_an_agent_the_shell_or_the_parent_that_registered_counts() {
    let shell = instance("droid-1-aaaa", "droid", "", Some(SHELL));
    assert_eq!(resolved(&witness(), from_ref(&shell)), Ok("droid-1-aaaa".to_owned()));
    let child =
        Instance { parent_pid: SHELL.pid, parent_start: SHELL.start, ..instance("droid-2-bbbb", "droid", "", None) };
    assert_eq!(resolved(&witness(), from_ref(&child)), Ok("droid-2-bbbb".to_owned()));
    assert_eq!(resolved(&witness(), &[child.clone(), shell]), Ok("droid-1-aaaa".to_owned()), "a record comes first");
    let elsewhere = Instance { host: "there".into(), ..child.clone() };
    assert_eq!(resolved(&witness(), &[elsewhere]), Err(Unidentified::Unknown));
    let under_agent = Witness { agent: agent("claude", AGENT), ..witness() };
    assert_eq!(resolved(&under_agent, &[child]), Err(Unidentified::Unknown), "an agent's shell is transient");
}

#[test]
fn what_fits_several_is_told_apart_by_project_or_asked() {
    let (one, other) =
        (instance("claude-1-aaaa", "claude", "", Some(AGENT)), instance("claude-2-bbbb", "claude", "", Some(AGENT)));
    let elsewhere = Instance { project: "/q".into(), ..other.clone() };
    let seen = Witness { agent: agent("claude", AGENT), ..witness() };
    assert_eq!(resolved(&seen, &[one.clone(), elsewhere]), Ok("claude-1-aaaa".to_owned()));
    let both = vec!["claude-1-aaaa".to_owned(), "claude-2-bbbb".to_owned()];
    assert_eq!(resolved(&seen, &[one, other]), Err(Unidentified::Ambiguous(both)));
}
