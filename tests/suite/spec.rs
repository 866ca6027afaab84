//! What `spec/` says, held against what is there: codes, exits, fields, caps, and the shape of real files.

use std::collections::BTreeSet;
use std::path::Path;

use aio::error::Exit;
use aio::output::Report;
use aio::protocol::{apply, context, overlap};
use serde_json::Value;

use crate::harness::World;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The cells of the table rows below a heading, without the head.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|') && !line.starts_with("|--")).skip(1);
    let plain = |cell: &str| cell.trim().replace('`', "");
    rows.map(|row| row.trim_matches('|').split('|').map(plain).collect()).collect()
}

/// Every file of `src`, as far as its tests.
fn sources() -> Vec<String> {
    let mut texts = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
                texts.push(text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
            }
        }
    }
    texts
}

/// What stands between a call's name and the end of its arguments, each time.
fn calls<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let starts = text.match_indices(name).map(|(at, _)| &text[at + name.len()..]);
    starts.map(|rest| &rest[..rest.find(';').unwrap_or(rest.len())]).collect()
}

fn literals(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The codes in the sources, each with the exit it is made with, where that stands beside it.
fn codes() -> BTreeSet<(String, Option<String>)> {
    let mut codes = BTreeSet::new();
    for text in sources() {
        for call in calls(&text, "Failure::new(") {
            let exit = call.trim_start().strip_prefix("Exit::").and_then(|rest| rest.split(',').next());
            codes.extend(literals(call).into_iter().next().map(|code| (code, exit.map(str::to_owned))));
        }
        for name in ["Report::done(", "Report::silent(", "text_report("] {
            for call in calls(&text, name) {
                let first = call.split([',', ')']).next().unwrap_or_default();
                codes.extend(literals(first).into_iter().map(|code| (code, None)));
            }
        }
        codes.extend(calls(&text, ".code = ").iter().flat_map(|rest| literals(rest)).map(|code| (code, None)));
    }
    codes
}

#[test]
fn every_code_is_in_the_table_and_every_code_of_the_table_is_used() {
    let rows = table(&read("spec/EXIT-CODES.md"), "Codes");
    let listed: BTreeSet<String> = rows.iter().map(|row| row[0].clone()).collect();
    let used: BTreeSet<String> = codes().into_iter().map(|(code, _)| code).collect();
    assert_eq!(listed.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new(), "not in src");
    assert_eq!(used.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the table");
    for (code, exit) in codes() {
        let Some(number) = exit.as_deref().and_then(number) else { continue };
        let row = rows.iter().find(|row| row[0] == code).unwrap();
        assert!(row[1].split(", ").any(|exit| exit.parse() == Ok(number)), "{code} ends with {number}, not {}", row[1]);
    }
}

fn number(exit: &str) -> Option<u8> {
    Some(match exit {
        "Refused" => Exit::Refused.code(),
        "Usage" => Exit::Usage.code(),
        "NotRegistered" => Exit::NotRegistered.code(),
        "State" => Exit::State.code(),
        "Busy" => Exit::Busy.code(),
        "Environment" => Exit::Environment.code(),
        "Run" => Exit::Run.code(),
        _ => return None,
    })
}

#[test]
fn every_exit_is_in_the_table() {
    use Exit::{Busy, Done, Environment, NotRegistered, Refused, Run, State, Usage};
    let exits =
        [Done, Refused, Usage, NotRegistered, State, Busy, Environment, Run].map(|exit| exit.code().to_string());
    let listed: Vec<String> =
        table(&read("spec/EXIT-CODES.md"), "Exits").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(listed[..exits.len()], exits);
}

#[test]
fn codes_end_as_the_table_says() {
    let world = World::new();
    let (a, b) = (world.register("claude"), world.register("codex"));
    world.aio_as(&a, ["claim", "a"]);
    let rows = table(&read("spec/EXIT-CODES.md"), "Codes");
    for (who, args) in [
        (&b, vec!["claim", "a"]),
        (&b, vec!["claim", "b"]),
        (&b, vec!["check", "a"]),
        (&b, vec!["check", "free"]),
        (&b, vec!["claim", "a", "--wait", "10ms"]),
        (&b, vec!["release", "a"]),
        (&b, vec!["release", "nothing"]),
        (&b, vec!["guard", "a"]),
        (&b, vec!["guard", "b"]),
        (&b, vec!["claim", ""]),
        (&b, vec!["heartbeat"]),
        (&b, vec!["task", "x"]),
        (&b, vec!["status"]),
        (&b, vec!["log"]),
        (&b, vec!["context", "add", "x"]),
        (&b, vec!["context", "get"]),
        (&b, vec!["context", "export"]),
        (&b, vec!["context", "prune"]),
        (&b, vec!["register", "--session", "s", "amp"]),
        (&b, vec!["cleanup"]),
        (&b, vec!["init"]),
        (&b, vec!["man"]),
        (&b, vec!["completions", "bash"]),
        (&b, vec!["release", "all"]),
        (&b, vec!["no-such-verb"]),
        (&b, vec!["register", "amp", "/no/such/folder"]),
        (&b, vec!["merge", "nothing"]),
        (&b, vec!["pr", "nothing"]),
        (&b, vec!["diff", "nothing"]),
        (&b, vec!["logs", "nothing"]),
        (&b, vec!["attach", "nothing"]),
        (&b, vec!["send", "nothing", "x"]),
        (&b, vec!["stop", "nothing"]),
        (&b, vec!["resume", "nothing"]),
        (&b, vec!["retry", "nothing"]),
        (&b, vec!["remove", "nothing"]),
        (&b, vec!["jobs", "--project", "nothing"]),
        (&b, vec!["conflicts", "nothing"]),
        (&b, vec!["projects", "remove", "nothing"]),
        (&b, vec!["tell", "nothing", "x"]),
        (&b, vec!["context", "close", "nothing"]),
        (&b, vec!["unregister"]),
        (&b, vec!["heartbeat"]),
    ] {
        let answer = world.json(who, args.iter());
        assert!(args[1..] != ["nothing"] || answer["code"] == "unknown", "{args:?}: {answer}");
        let row = rows.iter().find(|row| answer["code"] == row[0]).unwrap_or_else(|| panic!("{args:?}: {answer}"));
        assert!(row[1].split(", ").any(|exit| exit.parse().ok() == answer["exit"].as_u64()), "{args:?}: {answer}");
        assert!(row[2].split(", ").any(|retryable| retryable == yes(&answer["retryable"])), "{args:?}: {answer}");
        let is_named = row[3].split([' ', ',', '`']).any(|word| word == "all" || word == args[0]);
        assert!(is_named, "{args:?} is none of {}: {answer}", row[3]);
    }
}

#[test]
fn a_report_is_retryable_where_the_table_says_so() {
    for row in
        table(&read("spec/EXIT-CODES.md"), "Codes").iter().filter(|row| row[1].split(", ").any(|exit| exit == "1"))
    {
        let code: &'static str = Box::leak(row[0].clone().into_boxed_str());
        let report = Report { exit: Exit::Refused, ..Report::silent(code) };
        // What only ends as a failure says it itself.
        let is_listed = row[2].contains("yes") && code != "wait-timeout";
        assert_eq!(report.is_retryable(), is_listed, "{code}");
        assert!(!Report::silent(code).is_retryable(), "{code}");
    }
}

fn yes(value: &Value) -> &'static str {
    if *value == true { "yes" } else { "no" }
}

#[test]
fn every_command_has_its_output_described() {
    let page = read("spec/OUTPUT.md");
    for verb in aio::cli::VERBS {
        assert!(page.contains(&format!("`aio {verb}")), "{verb}");
    }
}

#[test]
fn every_field_is_described() {
    let (page, schema) = (read("spec/PROTOCOL.md"), read("spec/state.schema.json"));
    let records = read("src/protocol/state.rs") + &read("src/protocol/fleet.rs");
    let fields = records.lines().filter(|line| line.contains("= always \"") || line.contains("= sparse \""));
    let names: BTreeSet<String> = fields.flat_map(literals).collect();
    assert!(names.len() > 40, "the fields were not found");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in PROTOCOL.md");
        assert!(schema.contains(&format!("\"{name}\": {{")), "{name} is not in state.schema.json");
    }
}

#[test]
fn the_caps_are_the_code_s() {
    let page = read("spec/PROTOCOL.md");
    for (what, cap) in [
        ("pattern", overlap::MAX_PATTERN_BYTES),
        ("braces", overlap::MAX_NESTING),
        ("entries in the state", apply::KEPT_ENTRIES),
        ("handoffs, and warnings, of a project", apply::KEPT_PER_PROJECT),
        ("content of an entry", context::MAX_CONTENT_BYTES),
    ] {
        let row = table(&page, "Caps").into_iter().find(|row| row[0].starts_with(what));
        assert!(row.is_some_and(|row| row[1].replace(',', "").starts_with(&cap.to_string())), "{what}: {cap}");
    }
}

/// The little of JSON Schema that ours use; another word in a schema fails rather than being passed over. With
/// `declared`, a member that the schema does not name is wrong, too.
struct Schema {
    root: Value,
    declared: bool,
}

impl Schema {
    fn load(name: &str, declared: bool) -> Schema {
        Schema { root: serde_json::from_str(&read(name)).unwrap(), declared }
    }

    fn errors(&self, value: &Value) -> Vec<String> {
        let mut errors = Vec::new();
        self.check(&self.root, value, "$", &mut errors);
        errors
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
        for (word, rule) in schema.as_object().unwrap() {
            match &**word {
                "$ref" => {
                    let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    self.check(&self.root["$defs"][name], value, at, errors);
                }
                "type" if !has_type(rule, value) => errors.push(format!("{at} is no {rule}: {value}")),
                "enum" if !rule.as_array().unwrap().contains(value) => errors.push(format!("{at}: {value}")),
                "minimum" if value.as_u64().is_none_or(|number| number < rule.as_u64().unwrap()) => {
                    errors.push(format!("{at}: {value}"));
                }
                "required" => errors.extend(missing(rule, value).map(|name| format!("{at}.{name} is missing"))),
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}[{index}]"), errors);
                    }
                }
                "additionalProperties"
                | "properties"
                | "type"
                | "enum"
                | "minimum"
                | "description"
                | "$schema"
                | "$defs"
                | "title"
                | "$id" => {}
                other => panic!("{other} is no word this knows"),
            }
        }
        for (name, member) in value.as_object().into_iter().flatten() {
            let at = format!("{at}.{name}");
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (rule @ Value::Object(_), _) | (_, rule @ Value::Object(_)) => self.check(rule, member, &at, errors),
                (_, Value::Bool(true)) if self.declared => errors.push(format!("{at} is not declared")),
                _ => {}
            }
        }
    }
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type this knows"),
    };
    rule.as_str().is_some_and(is) || rule.as_array().is_some_and(|names| names.iter().any(|n| is(n.as_str().unwrap())))
}

fn missing<'r>(rule: &'r Value, value: &'r Value) -> impl Iterator<Item = &'r str> {
    let names = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| value.get(name).is_none())
}

/// A world in which everything happened that a state can show, with one wait under way.
fn busy_world() -> (World, std::process::Child) {
    let world = World::new();
    let (a, b) = (world.register("claude"), world.register("codex"));
    world.aio_as(&a, ["claim", "directory", "src", "--reason", "a rewrite", "--ttl", "30m"]);
    world.aio_as(&a, ["claim", "pattern", "docs/*.md", "--shared"]);
    world.aio_as(&a, ["claim", "resource", "port:5173"]);
    world.aio_as(&a, ["claim", "task", "T-1"]);
    world.aio_as(&a, ["task", "the parser", "T-1"]);
    world.aio_as(&b, ["release", "T-1", "--force", "--reason", "mine"]);
    world.aio_as(&b, ["claim", "task", "T-1"]);
    world.aio_as(&a, ["heartbeat"]);
    world.aio_as(&b, ["handoff", "where things stand"]);
    let id = world.state()["context"][0]["id"].as_str().unwrap().to_owned();
    world.aio_as(&a, ["context", "close", &id]);
    world.aio_as(&a, ["context", "add", "decision", "tabs", "--global"]);
    let mut waiting = world.command("aio");
    waiting.args(["--as", &b, "claim", "src/x", "--wait", "60s", "--ttl", "5m", "--reason", "next"]);
    let waiting = waiting.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let began = std::time::Instant::now();
    while world.state()["waiters"].as_array().unwrap().is_empty() {
        assert!(began.elapsed().as_secs() < 50, "nobody waits");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    (world, waiting)
}

#[test]
fn what_we_write_is_what_the_schemas_say() {
    let (world, mut waiting) = busy_world();
    assert_eq!(Schema::load("spec/state.schema.json", true).errors(&world.state()), Vec::<String>::new());
    let schema = Schema::load("spec/journal.schema.json", true);
    let journal = std::fs::read_to_string(world.dir.join("journal.jsonl")).unwrap();
    assert!(journal.lines().count() > 10);
    for line in journal.lines() {
        assert_eq!(schema.errors(&serde_json::from_str(line).unwrap()), Vec::<String>::new(), "{line}");
    }
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    world.aio(["cleanup"]);
    world.edit(|state| {
        state["instances"]
            .as_object_mut()
            .unwrap()
            .values_mut()
            .for_each(|i| i["lastHeartbeat"] = "2020-01-01T00:00:00Z".into())
    });
    world.aio(["cleanup"]);
    let evicted = world.state();
    assert!(evicted["instances"].as_object().unwrap().values().all(|instance| instance["evictedAt"].is_string()));
    assert_eq!(Schema::load("spec/state.schema.json", true).errors(&evicted), Vec::<String>::new());
}

/// As the original scripts wrote it.
const ORIGINAL: &str = r#"{"schemaVersion":1,"instances":{"claude-1700000000-ab12":{"id":"claude-1700000000-ab12","tool":"claude",
"project":"/p","status":"working","currentTask":"x","beadsIssue":null,"startedAt":"2026-01-01T00:00:00Z",
"lastHeartbeat":"2026-01-01T00:00:00Z","claims":["claim-1700000000-ff"]}},"claims":{"claim-1700000000-ff":
{"id":"claim-1700000000-ff","instanceId":"claude-1700000000-ab12","type":"file","target":"./src/a.rs","project":"/p",
"exclusive":true,"claimedAt":"2026-01-01T00:00:00Z"}},"context":[{"id":"ctx-1700000000-ee","project":null,
"category":"learning","content":"x","source":"claude","createdAt":"2026-01-01T00:00:00Z"}],"updatedAt":"2026-01-01T00:00:00Z"}"#;

#[test]
fn states_from_elsewhere_are_states() {
    let schema = Schema::load("spec/state.schema.json", false);
    for text in [r#"{"schemaVersion":1,"instances":{},"claims":{},"context":[]}"#, ORIGINAL, "{}", r#"{"future":1}"#] {
        assert_eq!(schema.errors(&serde_json::from_str(text).unwrap()), Vec::<String>::new(), "{text}");
        let world = World::new();
        world.write_state(text);
        assert_eq!(world.aio(["status"]).code, 0, "{text}");
    }
}

#[test]
fn what_is_no_state_is_none_by_the_schema_either() {
    let schema = Schema::load("spec/state.schema.json", false);
    for text in [
        "[]",
        r#"{"schemaVersion":"1"}"#,
        r#"{"revision":-1}"#,
        r#"{"claims":[]}"#,
        r#"{"context":{}}"#,
        r#"{"claims":{"c":{"exclusive":"yes"}}}"#,
        r#"{"instances":{"i":{"pid":"7"}}}"#,
        r#"{"waiters":[{"claims":[7]}]}"#,
    ] {
        assert!(!schema.errors(&serde_json::from_str(text).unwrap()).is_empty(), "{text}");
        let world = World::new();
        world.write_state(text);
        // Context is read only by who needs it.
        assert_eq!(world.aio(["context", "get"]).code, 4, "{text}");
    }
}

#[test]
fn agents_are_pinned_at_the_versions_their_adapters_were_verified_with() {
    let pinned = read("integrations/VERSIONS");
    let page = table(&read("spec/HOOKS.md"), "Dialects");
    for line in pinned.lines().filter(|line| !line.starts_with('#')) {
        let [agent, _package, version] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert_eq!(aio::hooks::adapters::find(agent).unwrap().verified, version);
        assert!(
            read(&format!("integrations/{agent}/README.md")).contains(&format!("Verified with {version}")),
            "{agent}"
        );
        assert!(page.iter().any(|row| row[0] == agent && row[1].split(',').next() == Some(version)), "{agent}");
    }
}
