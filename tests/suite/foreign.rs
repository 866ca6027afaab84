//! State from elsewhere: the original scripts', a person's, a newer version's, and what is none at all.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::harness::{World, seconds_ago};

/// As the original scripts wrote it.
fn original(project: &str) -> Value {
    let now = seconds_ago(10);
    json!({
        "schemaVersion": 1,
        "instances": {"claude-1795000000-ab12": {
            "id": "claude-1795000000-ab12", "tool": "claude", "project": project, "status": "working",
            "currentTask": "the parser", "beadsIssue": null, "startedAt": now, "lastHeartbeat": now,
            "claims": ["claim-1795000001-cd34"]}},
        "claims": {"claim-1795000001-cd34": {
            "id": "claim-1795000001-cd34", "instanceId": "claude-1795000000-ab12", "type": "file", "target": "./src//a.rs",
            "project": project, "exclusive": true, "claimedAt": now}},
        "context": [{"id": "ctx-1795000002-ef56", "project": null, "category": "decision", "content": "old words",
            "source": "claude", "createdAt": now}],
        "updatedAt": now,
    })
}

/// Every command that writes, one after the other.
fn write_everything(world: &World, id: &str) {
    let commands: [&[&str]; 13] = [
        &["heartbeat"],
        &["task", "x", "bd-1"],
        &["claim", "a"],
        &["claim", "a", "--ttl", "1h"],
        &["claim", "dir", "d", "--shared"],
        &["claim", "dir", "d"],
        &["context", "add", "words"],
        &["handoff", "words"],
        &["context", "prune"],
        &["cleanup"],
        &["release", "a"],
        &["register", "amp", "--session", "another"],
        &["guard", "a"],
    ];
    for args in commands {
        let ran = world.aio_as(id, args);
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    }
}

#[test]
fn the_original_scripts_state_is_a_state() {
    let world = World::new();
    world.write_state(&original(world.project.to_str().unwrap()).to_string());
    let claude = "claude-1795000000-ab12";
    let codex = world.register("codex");
    assert_eq!(
        world.aio_as(&codex, ["claim", "src/a.rs"]).answer(),
        (1, format!("Already claimed by: {claude}").as_str())
    );
    assert!(world.aio_as(claude, ["check", "src/a.rs"]).out.starts_with("YOURS claim-1795000001-cd34"));
    assert!(world.aio(["context", "get"]).out.ends_with("claude: old words\n"));
    assert!(world.aio(["status"]).out.contains("the parser"));
    assert_eq!(world.aio_as(claude, ["release", "claim-1795000001-cd34"]).answer(), (0, "Released"));
    let state = world.state();
    assert_eq!(state["instances"][claude]["claims"], json!([]));
    assert_eq!(state["instances"][claude]["currentTask"], "the parser");
}

#[test]
fn the_reset_line_resets_and_revisions_go_on() {
    let world = World::new();
    let claude = world.register("claude");
    world.claim(&claude, "a");
    let revision = world.state()["revision"].as_u64().unwrap();
    world.write_state("{\"schemaVersion\":1,\"instances\":{},\"claims\":{},\"context\":[]}\n");
    let codex = world.register("codex");
    world.claim(&codex, "a");
    let state = world.state();
    assert_eq!(state["claims"].as_object().unwrap().len(), 1);
    let fence = state["claims"].as_object().unwrap().values().next().unwrap()["fence"].as_u64().unwrap();
    assert!(fence > revision, "a fence never repeats, not even after a reset");
}

#[test]
fn what_is_spelled_otherwise_means_the_same() {
    let world = World::new();
    let codex = world.register("codex");
    let mine = world.state();
    let text = |state: &Value| state.to_string();
    let mut state = original(world.project.to_str().unwrap());
    state["instances"][&codex] = mine["instances"][&codex].clone();
    let plain = text(&state);
    let escaped = plain.replace("./src//a.rs", r"\u002e\/src\/\u0061.rs").replace("\"target\"", r#""\u0074arget""#);
    let reordered = {
        let (instances, claims) = (state["instances"].to_string(), state["claims"].to_string());
        format!(r#"{{"context":[],"claims":{claims},"instances":{instances},"schemaVersion":1}}"#)
    };
    let spellings = [
        ("plain", plain.clone()),
        ("pretty", serde_json::to_string_pretty(&state).unwrap()),
        ("a byte order mark", format!("\u{feff}{plain}")),
        ("carriage returns", serde_json::to_string_pretty(&state).unwrap().replace('\n', "\r\n")),
        ("escapes", escaped),
        ("another order", reordered),
        ("a line feed at the end", format!("{plain}\n\n")),
        ("no version", plain.replace("\"schemaVersion\":1,", "").replace(",\"schemaVersion\":1", "")),
        ("nulls", plain.replace("\"exclusive\":true", "\"exclusive\":null,\"reason\":null,\"expiresAt\":null")),
    ];
    for (name, spelling) in spellings {
        world.write_state(&spelling);
        let refused = world.aio_as(&codex, ["claim", "src/a.rs"]);
        assert_eq!(refused.answer(), (1, "Already claimed by: claude-1795000000-ab12"), "{name}: {refused:?}");
        assert_eq!(world.aio_as(&codex, ["claim", "b"]).code, 0, "{name}");
        assert_eq!(world.aio_as(&codex, ["check", "src/a.rs"]).code, 1, "{name}: after our rewrite");
    }
}

#[test]
fn a_key_written_twice_hides_no_claim() {
    let world = World::new();
    let codex = world.register("codex");
    let instance = world.state()["instances"][&codex].to_string();
    let project = world.project.to_str().unwrap();
    let now = seconds_ago(1);
    let claim = |target: &str| {
        format!(
            r#""c":{{"id":"c","instanceId":"claude-1-aa","type":"file","target":"{target}","project":"{project}","exclusive":true,"claimedAt":"{now}"}}"#
        )
    };
    world.write_state(&format!(
        r#"{{"instances":{{"{codex}":{instance}}},"claims":{{{},{}}},"claims":{{{}}}}}"#,
        claim("one"),
        claim("two"),
        claim("three")
    ));
    for target in ["one", "two", "three"] {
        assert_eq!(world.aio_as(&codex, ["claim", target]).code, 1, "{target}");
    }
    world.claim(&codex, "four");
    for target in ["one", "two", "three"] {
        assert_eq!(world.aio_as(&codex, ["check", target]).code, 1, "{target}: after our rewrite");
    }
}

#[test]
fn fields_we_do_not_know_survive_every_writing_command_exactly() {
    let world = World::new();
    let (claude, other) = (world.register("claude"), world.register("codex"));
    world.claim(&other, "theirs");
    world.aio_as(&claude, ["claim", "dir", "d", "--shared"]);
    world.aio_as(&claude, ["context", "add", "warning", "kept"]);
    // Numbers as no float keeps them, and text as it stands.
    let odd = [
        r#""xBig":12345678901234567890123"#,
        r#""xTrailing":1.10"#,
        r#""xExponent":1E+02"#,
        r#""xDeep":{"b":[1, 2,{"c":null}],"a":"\u0041"}"#,
        r#""xNull":null"#,
    ];
    let marks = odd.join(",");
    let with_marks = |text: &str, after: &str| {
        assert!(text.contains(after), "{after}");
        text.replace(after, &format!("{after}{marks},"))
    };
    let mut text = world.state_text();
    for id in [&claude, &other] {
        text = with_marks(&text, &format!("\"{id}\":{{"));
    }
    let claims: Vec<String> = world.state()["claims"].as_object().unwrap().keys().cloned().collect();
    for id in &claims {
        text = with_marks(&text, &format!("\"{id}\":{{"));
    }
    text = with_marks(&text, "\"context\":[\n{");
    text = text.replacen('{', &format!("{{{marks},\"xSection\":{{\"tasks\": [ 1.0 ]}},"), 1);
    world.write_state(&text);
    let places = 1 + 2 + claims.len() + 1;
    let whole = |step: &str| {
        let text = world.state_text();
        for field in odd {
            assert_eq!(text.matches(field).count(), places, "{field} after {step}");
        }
        assert!(text.contains(r#""xSection":{"tasks": [ 1.0 ]}"#), "{step}");
    };
    whole("our reading");
    let commands: [&[&str]; 12] = [
        &["heartbeat"],
        &["task", "x", "bd-1"],
        &["claim", "a"],
        &["claim", "a", "--ttl", "1h"],
        &["claim", "dir", "d", "--reason", "r", "--shared"],
        &["claim", "dir", "d"],
        &["context", "add", "words"],
        &["handoff", "words"],
        &["context", "prune"],
        &["cleanup"],
        &["release", "a"],
        &["register", "amp", "--session", "another"],
    ];
    for args in commands {
        let ran = world.aio_as(&claude, args);
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        whole(&args.join(" "));
    }
    let entry = world.state()["context"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(world.aio_as(&claude, ["context", "close", &entry]).code, 0);
    whole("close");
}

#[test]
fn what_was_archived_keeps_its_fields_too() {
    let world = World::new();
    let claude = world.register("claude");
    let mut entry = original("/p")["context"][0].clone();
    entry["createdAt"] = json!(seconds_ago(40 * 86_400));
    let text = world.state_text();
    let entry = entry.to_string().replacen('{', "{\"xBig\":12345678901234567890123,", 1);
    world.write_state(&text.replace("\"context\":[", &format!("\"context\":[{entry}")));
    assert_eq!(world.aio_as(&claude, ["context", "prune"]).code, 0);
    let archive = fs::read_dir(world.dir.join("archive")).unwrap().next().unwrap().unwrap().path();
    assert!(fs::read_to_string(archive).unwrap().contains("\"xBig\":12345678901234567890123"));
}

#[test]
fn a_newer_state_is_read_and_never_written() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "a");
    world.age(&claude, 100);
    world.edit(|state| state["schemaVersion"] = json!(2));
    let before = fs::read(world.state_path()).unwrap();
    assert_eq!(world.aio_as(&codex, ["check", "a"]).code, 1);
    assert_eq!(world.aio_as(&claude, ["check", "a"]).code, 0, "even one whose heartbeat is due");
    assert_eq!(world.aio(["status"]).code, 0);
    assert_eq!(world.aio(["context", "get"]).code, 0);
    let writing: [&[&str]; 8] = [
        &["heartbeat"],
        &["task", "x"],
        &["claim", "b"],
        &["release", "a"],
        &["context", "add", "x"],
        &["cleanup"],
        &["unregister"],
        &["register", "amp"],
    ];
    for args in writing {
        let refused = world.aio_as(&claude, args);
        assert_eq!((refused.code, refused.out.as_str()), (4, ""), "{args:?}: {refused:?}");
        assert!(refused.err.contains("schemaVersion 2") && refused.err.contains("next: "), "{refused:?}");
    }
    assert_eq!(fs::read(world.state_path()).unwrap(), before);
}

#[test]
fn what_is_no_state_is_never_reset() {
    let world = World::new();
    let claude = world.register("claude");
    let whole = world.state_text();
    let texts: [&[u8]; 10] = [
        b"",
        b"  \n",
        b"garbage",
        &whole.as_bytes()[..whole.len() / 2],
        b"[]",
        b"null",
        b"\"state\"",
        b"{\"instances\":[1]}",
        b"\xff\xfe{}",
        b"{\"schemaVersion\":1,\"claims\":{\"c\":{\"target\":\"\xff\"}}}",
    ];
    for text in texts {
        fs::write(world.state_path(), text).unwrap();
        let commands: [&[&str]; 7] = [
            &["claim", "a"],
            &["check", "a"],
            &["status"],
            &["heartbeat"],
            &["register", "amp"],
            &["cleanup"],
            &["handoff", "x"],
        ];
        for args in commands {
            let refused = world.aio_as(&claude, args);
            let shown = String::from_utf8_lossy(text);
            assert_eq!((refused.code, refused.out.as_str()), (4, ""), "{args:?} of {shown:?}: {refused:?}");
            assert_eq!(refused.err.lines().count(), 1, "{refused:?}");
            assert!(refused.err.contains("state.json") && refused.err.contains("doctor --repair"), "{refused:?}");
            assert_eq!(fs::read(world.state_path()).unwrap(), text, "{args:?}");
        }
    }
}

#[test]
fn unreadable_comes_before_not_registered() {
    let world = World::new();
    world.write_state("garbage");
    assert_eq!(world.detached("aio claim a").code, 4);
}

#[test]
fn a_link_is_written_through_and_stays_one() {
    let world = World::new();
    let real = world.home.join("dotfiles");
    fs::create_dir_all(&real).unwrap();
    fs::create_dir_all(&world.dir).unwrap();
    fs::write(real.join("aio.json"), "{}").unwrap();
    std::os::unix::fs::symlink(real.join("aio.json"), world.state_path()).unwrap();
    let claude = world.register("claude");
    write_everything(&world, &claude);
    assert!(fs::symlink_metadata(world.state_path()).unwrap().file_type().is_symlink());
    assert!(fs::read_to_string(real.join("aio.json")).unwrap().contains(&claude));
    let left: Vec<_> = fs::read_dir(&real).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["aio.json"], "nothing temporary stays");
}

#[test]
fn a_mode_a_person_chose_is_kept() {
    let world = World::new();
    let claude = world.register("claude");
    fs::set_permissions(world.state_path(), fs::Permissions::from_mode(0o640)).unwrap();
    write_everything(&world, &claude);
    assert_eq!(fs::metadata(world.state_path()).unwrap().permissions().mode() & 0o777, 0o640);
}
