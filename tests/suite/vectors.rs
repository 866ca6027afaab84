//! The vectors of `spec/vectors`, held against the library. Their shapes are described in that folder's README.

use std::collections::BTreeSet;
use std::path::Path;

use aio::protocol::apply::{Applied, apply};
use aio::protocol::evidence::{CrossWorktree, Evidence, Fate, Machine, Moment, ProcessKey, Settings};
use aio::protocol::identity::{AgentSeen, Unidentified, Witness, resolve};
use aio::protocol::op::{
    Attendance, ClaimRequest, NewContext, Op, Outcome, Refusal, Registration, ReleaseRequest, ReleaseTarget, Request,
    Turn, Wait,
};
use aio::protocol::place::{Place, Prepared};
use aio::protocol::state::{Instance, Wanted};
use aio::protocol::{document, lease, spelling, time};
use serde_json::{Value, json};

fn vectors(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The cases of a file: at least so many, each with a name of its own.
fn cases(file: &Value, at_least: usize) -> &[Value] {
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= at_least, "{} cases are not {at_least}", cases.len());
    let names: BTreeSet<&str> = cases.iter().map(|case| text(&case["name"])).collect();
    assert_eq!(names.len(), cases.len(), "a name stands twice");
    cases
}

/// Fails once, with everything that was wrong.
fn conclude(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn optional(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn wanted(value: &Value) -> Wanted<'static> {
    let part = |key: &str| text(&value[key]).to_owned().into();
    Wanted {
        id: part("id"),
        kind: part("type"),
        target: part("target"),
        project: part("project"),
        repository: part("repository"),
        folds_case: value["foldsCase"] == true,
        ..Wanted::default()
    }
}

fn all_wanted(value: &Value) -> Vec<Wanted<'static>> {
    value.as_array().into_iter().flatten().map(wanted).collect()
}

/// `base` with the members of `change` in place of its own; `null` takes one away.
fn merged(base: &Value, change: &Value) -> Value {
    let mut result = base.clone();
    for (key, value) in change.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(result.as_object_mut().unwrap().remove(key)),
            value => result[key] = value.clone(),
        }
    }
    result
}

fn process(value: &Value) -> Option<ProcessKey> {
    let number = |key: &str| value[key].as_u64();
    Some(ProcessKey { pid: u32::try_from(number("pid")?).unwrap(), start: number("start")? })
}

fn machine(value: &Value) -> Machine {
    let part = |key: &str| text(&value[key]).to_owned();
    Machine { host: part("host"), boot_id: part("bootId"), pid_namespace: part("pidNamespace") }
}

fn evidence(value: &Value) -> Evidence {
    let later_ms = value["laterMs"].as_i64().unwrap_or(0);
    let awake_ms = value["awakeMs"].as_i64().unwrap() + value["laterAwakeMs"].as_i64().unwrap_or(later_ms);
    let fates = value["processes"].as_array().into_iter().flatten().map(|entry| {
        let fate = match text(&entry["fate"]) {
            "alive" => Fate::Alive { tool_call: false },
            "tool-call" => Fate::Alive { tool_call: true },
            "gone" => Fate::Gone,
            other => panic!("{other:?} is no fate"),
        };
        (process(entry).unwrap(), fate)
    });
    let usual = Settings::default();
    Evidence {
        now: Moment {
            wall_ms: time::unix_ms(text(&value["wall"])).unwrap() + later_ms,
            awake_ms: u64::try_from(awake_ms).unwrap(),
        },
        machine: machine(&value["machine"]),
        processes: fates.collect(),
        settings: Settings {
            quiet_limit_ms: value["quietLimitMs"].as_u64().unwrap_or(usual.quiet_limit_ms),
            cross_worktree: match text(&value["crossWorktree"]) {
                "block" => CrossWorktree::Block,
                "ignore" => CrossWorktree::Ignore,
                _ => CrossWorktree::Warn,
            },
            ..usual
        },
        nonce: value["nonce"].as_u64().unwrap_or(0),
    }
}

#[test]
fn overlap() {
    let file = vectors("overlap.json");
    let mut wrong = Vec::new();
    for case in cases(&file, 40) {
        let (a, b) = (wanted(&case["a"]), wanted(&case["b"]));
        let (place_a, place_b) = (Prepared::new(&a), Prepared::new(&b));
        let mut see = |what: &str, found: bool| {
            if case.get(what).is_some_and(|expected| *expected != found) {
                wrong.push(format!("{}: {what} is {found}", text(&case["name"])));
            }
        };
        see("overlaps", place_a.overlaps(&Place::from(&b)));
        see("overlaps", place_b.overlaps(&Place::from(&a)));
        see("shadows", place_a.shadows(&Place::from(&b)));
        see("shadows", place_b.shadows(&Place::from(&a)));
        see("covers", place_a.covers(&place_b));
    }
    conclude(&wrong);
}

#[test]
fn spelling_of_path_bytes() {
    let file = vectors("spelling.json");
    let mut wrong = Vec::new();
    for case in cases(&file, 15) {
        let bytes: Vec<u8> = case["bytes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
            .collect();
        let spelled = text(&case["text"]);
        if *spelling::decode(spelled) != *bytes {
            wrong.push(format!("{}: decoded as {:?}", text(&case["name"]), spelling::decode(spelled)));
        }
        let canonical = spelling::encode(&bytes) == spelled;
        if canonical != (case["canonical"] != false) {
            wrong.push(format!("{}: encoded as {:?}", text(&case["name"]), spelling::encode(&bytes)));
        }
    }
    conclude(&wrong);
}

#[test]
fn liveness() {
    let file = vectors("liveness.json");
    let mut wrong = Vec::new();
    for case in cases(&file, 20) {
        let record = merged(&file["instance"], &case["instance"]).to_string();
        let instance: Instance<'_> = serde_json::from_str(&record).unwrap();
        let evidence = evidence(&merged(&file["evidence"], &case["evidence"]));
        let found = lease::liveness(&instance, &evidence).name();
        if case["liveness"] != found {
            wrong.push(format!("{}: {found}", text(&case["name"])));
        }
    }
    conclude(&wrong);
}

#[test]
fn identity() {
    let file = vectors("identity.json");
    let here = machine(&file["machine"]);
    let mut wrong = Vec::new();
    for case in cases(&file, 12) {
        let with = case["instances"].as_array().unwrap().iter().map(|id| (text(id), &file["instances"][text(id)]));
        let state = json!({ "schemaVersion": 1, "instances": serde_json::Map::from_iter(with.map(|(id, i)| (id.to_owned(), i.clone()))) });
        let state = state.to_string();
        let found = match resolve(&witness(&case["witness"]), &document::read(&state).unwrap(), &here) {
            Ok(id) => json!({ "id": id }),
            Err(Unidentified::NoSuch(word)) => json!({ "noSuch": word }),
            Err(Unidentified::Unknown) => json!({ "unknown": true }),
            Err(Unidentified::Ambiguous(mut ids)) => {
                ids.sort();
                json!({ "ambiguous": ids })
            }
        };
        if case["expect"] != found {
            wrong.push(format!("{}: {found}", text(&case["name"])));
        }
    }
    conclude(&wrong);
}

fn witness(value: &Value) -> Witness {
    // The library knows its agents by names that live as long as it does.
    let tool = |value: &Value| -> &'static str { Box::leak(text(value).to_owned().into_boxed_str()) };
    let sessions = value["sessions"].as_array().into_iter().flatten();
    Witness {
        named: optional(&value["named"]),
        inherited: optional(&value["inherited"]),
        agent: value.get("agent").map(|agent| AgentSeen {
            tool: tool(&agent["tool"]),
            process: process(&agent["process"]).unwrap(),
            launcher: process(&agent["launcher"]),
        }),
        ancestors: value["ancestors"].as_array().into_iter().flatten().filter_map(process).collect(),
        cut_off: value["cutOff"] == true,
        sessions: sessions.map(|one| (tool(&one["tool"]), text(&one["session"]).to_owned())).collect(),
        project: text(&value["project"]).to_owned(),
    }
}

#[test]
fn transitions() {
    let file = vectors("transitions.json");
    let mut wrong = Vec::new();
    for case in cases(&file, 30) {
        let mut state = filled(&file["states"][text(&case["given"])], &case["fill"]);
        for (number, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            let evidence = evidence(&merged(&file["evidence"], &step["evidence"]));
            let (found, after) = perform(&state, &request(step), &evidence);
            let mut see = |what: &str, expected: &Value, found: &Value| {
                if let Err(difference) = matches(expected, found) {
                    wrong.push(format!("{}, step {}: {what}{difference}", text(&case["name"]), number + 1));
                }
            };
            see("result", &step["expect"], &found);
            state = after;
            see("after", &step["after"], &sections(&state, &step["after"]));
        }
    }
    conclude(&wrong);
}

/// A state with as many context entries added as the case asks for.
fn filled(state: &Value, fill: &Value) -> String {
    let mut state = state.clone();
    for group in fill.as_array().into_iter().flatten() {
        for number in 1..=group["count"].as_u64().unwrap() {
            let mut entry = group["entry"].clone();
            entry["id"] = json!(format!("{}{number}", text(&entry["id"])));
            state["context"].as_array_mut().unwrap().push(entry);
        }
    }
    state.to_string()
}

/// What came of a request, and the text of the state after it.
fn perform(text: &str, request: &Request, evidence: &Evidence) -> (Value, String) {
    let mut state = document::read(text).unwrap();
    state.revision += 1;
    match apply(state, request, evidence) {
        Err(refusal) => (refused(&refusal), text.to_owned()),
        Ok(Applied { mut state, outcome, changes, archived }) => {
            let mut found = told(&outcome);
            found["events"] = changes.iter().map(|change| serde_json::to_value(change.event).unwrap()).collect();
            found["archived"] = archived.iter().map(|entry| json!(&*entry.id)).collect();
            let written = !changes.is_empty();
            let after = if written { String::from_utf8(document::write(&mut state)).unwrap() } else { text.to_owned() };
            (found, after)
        }
    }
}

fn request(step: &Value) -> Request {
    let op = &step["op"];
    let number = |key: &str| op[key].as_u64();
    let op = match text(&op["op"]) {
        "register" => Op::Register(Registration {
            tool: text(&op["tool"]).to_owned(),
            project: text(&op["project"]).to_owned(),
            session: optional(&op["session"]),
            process: process(&op["process"]),
            hooks: op["hooks"] == true,
            ..Registration::default()
        }),
        "heartbeat" => Op::Heartbeat,
        "attend" => {
            let turn = match &op["turn"] {
                Value::Null => Turn::GoesOn,
                turn if turn == "ends" => Turn::Ends,
                _ => Turn::Begins { task: optional(&op["task"]) },
            };
            Op::Attend(Attendance { hears: turn != Turn::Ends && op["hears"] != false, turn })
        }
        "end-session" => Op::EndSession,
        "unregister" => Op::Unregister,
        "task" => Op::SetTask { description: text(&op["description"]).to_owned(), issue: optional(&op["issue"]) },
        "claim" => Op::Claim(ClaimRequest {
            wanted: all_wanted(&op["wanted"]),
            shared: op["shared"] == true,
            ttl_ms: number("ttlMs"),
            reason: optional(&op["reason"]),
            wait: op.get("wait").map(|wait| Wait {
                id: text(&wait["id"]).to_owned(),
                process: process(&wait["process"]),
                timeout_ms: wait["timeoutMs"].as_u64().unwrap(),
                again: wait["again"].as_bool().unwrap_or(false),
            }),
            auto: op["auto"] == true,
            clear: all_wanted(&op["clear"]),
        }),
        "cancel-wait" => Op::CancelWait { waiter: text(&op["waiter"]).to_owned() },
        "release" => Op::Release(ReleaseRequest {
            targets: op["targets"].as_array().into_iter().flatten().map(release_target).collect(),
            force: op["force"] == true,
            reason: optional(&op["reason"]),
        }),
        "guard" => Op::Guard { wanted: all_wanted(&op["wanted"]) },
        "add-context" => Op::AddContext(NewContext {
            id: text(&op["id"]).to_owned(),
            project: optional(&op["project"]),
            category: text(&op["category"]).to_owned(),
            content: text(&op["content"]).to_owned(),
            source: text(&op["source"]).to_owned(),
            to: optional(&op["to"]),
        }),
        "close-context" => Op::CloseContext { id: text(&op["id"]).to_owned() },
        "prune-context" => Op::PruneContext { older_than_ms: number("olderThanMs").unwrap() },
        "cleanup" => Op::Cleanup,
        other => panic!("{other:?} is no operation"),
    };
    Request { actor: optional(&step["actor"]), op }
}

fn release_target(value: &Value) -> ReleaseTarget {
    ReleaseTarget { word: text(&value["word"]).to_owned(), places: all_wanted(&value["places"]) }
}

fn told(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Registered { id, again } => json!({ "outcome": "registered", "id": id, "again": again }),
        Outcome::Done => json!({ "outcome": "done" }),
        Outcome::Heard { lost, news } => json!({ "outcome": "heard", "lost": lost, "news": news }),
        Outcome::Heartbeat { lost } => json!({ "outcome": "heartbeat", "lost": lost }),
        Outcome::Unregistered { released } => json!({ "outcome": "unregistered", "released": released }),
        Outcome::Claimed { grants, taken_over, shadows } => {
            json!({ "outcome": "claimed", "grants": grants, "takenOver": taken_over, "shadows": shadows })
        }
        Outcome::Waiting { conflicts } => json!({ "outcome": "waiting", "conflicts": conflicts }),
        Outcome::Released { claims } => json!({ "outcome": "released", "claims": claims }),
        Outcome::Guarded { lost } => json!({ "outcome": "guarded", "lost": lost }),
        Outcome::Context { id } => json!({ "outcome": "context", "id": id }),
        Outcome::Pruned { count } => json!({ "outcome": "pruned", "count": count }),
        Outcome::Cleaned { instances, claims, waiters, .. } => {
            json!({ "outcome": "cleaned", "instances": instances, "claims": claims, "waiters": waiters })
        }
        Outcome::Project { name } => json!({ "outcome": "project", "name": name }),
        Outcome::Jobs { next } => json!({ "outcome": "jobs", "next": next }),
        Outcome::JobStarted { port, attempt } => json!({ "outcome": "job-started", "port": port, "attempt": attempt }),
        Outcome::JobWaits { reason, .. } => json!({ "outcome": "job-waits", "reason": reason }),
    }
}

fn refused(refusal: &Refusal) -> Value {
    match refusal {
        Refusal::NotRegistered(id) => json!({ "refusal": "not-registered", "id": id }),
        Refusal::Held(conflicts) => json!({ "refusal": "held", "conflicts": conflicts }),
        Refusal::Deadlock(cycle) => json!({ "refusal": "deadlock", "cycle": cycle }),
        Refusal::NotYours(conflict) => json!({ "refusal": "not-yours", "conflicts": [conflict] }),
        Refusal::Unknown { word, .. } => json!({ "refusal": "unknown", "word": word }),
        Refusal::Ambiguous { candidates, .. } => json!({ "refusal": "ambiguous", "candidates": candidates }),
        Refusal::Taken { word, .. } => json!({ "refusal": "taken", "word": word }),
        Refusal::Malformed(_) => json!({ "refusal": "state-unreadable" }),
    }
}

/// The sections of a state that are asked about: of those by id, all their ids, so that one too many shows.
fn sections(state: &str, asked: &Value) -> Value {
    let mut state: Value = serde_json::from_str(state).unwrap();
    for section in ["instances", "claims"] {
        if let Some(expected) = asked[section].as_object() {
            let there: BTreeSet<&String> = state[section].as_object().unwrap().keys().collect();
            if there != expected.keys().collect() {
                state[section] = json!(there);
            }
        }
    }
    state
}

/// Whether everything that is expected was found; `null` expects nothing there. The error begins with where it differs.
fn matches(expected: &Value, found: &Value) -> Result<(), String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().try_for_each(|(key, value)| {
            matches(value, found.get(key).unwrap_or(&Value::Null)).map_err(|error| format!(".{key}{error}"))
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let mut pairs = expected.iter().zip(found).enumerate();
            pairs.try_for_each(|(at, (a, b))| matches(a, b).map_err(|error| format!("[{at}]{error}")))
        }
        (Value::Null, Value::Object(_)) => Ok(()),
        _ if expected == found => Ok(()),
        _ => Err(format!(": expected {expected}, found {found}")),
    }
}
