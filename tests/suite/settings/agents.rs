//! Which agents are set up, where, and with whose consent.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{init, remove};
use crate::harness::{Ran, World, binary, run};

/// With nothing on the path but what a machine without agents has.
fn plain(world: &World, args: &[&str]) -> Ran {
    run(world.command("aio").env("PATH", world.home.join("bin")).args(args))
}

fn put_on_path(world: &World, program: &str) {
    let path = world.home.join("bin").join(program);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn agents_are_found_by_their_program_or_their_folder() {
    let world = World::new();
    assert!(plain(&world, &["init", "--yes"]).out.contains("no agent was found"));
    put_on_path(&world, "copilot");
    fs::create_dir_all(world.home.join(".config/opencode")).unwrap();
    let ran = plain(&world, &["init", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(world.home.join(".copilot/hooks/aio.json").exists(), "{ran:?}");
    assert!(world.home.join(".config/opencode/plugins/aio.js").exists(), "{ran:?}");
    assert!(!world.home.join(".claude").exists() && !world.home.join(".config/amp").exists());
    assert!(plain(&world, &["init", "--yes"]).out.contains("set up: copilot, opencode"));
}

#[test]
fn variables_move_an_agents_settings() {
    let world = World::new();
    let place = world.home.join("elsewhere");
    for (agent, variable, file) in [
        ("claude", "CLAUDE_CONFIG_DIR", "settings.json"),
        ("codex", "CODEX_HOME", "hooks.json"),
        ("opencode", "XDG_CONFIG_HOME", "opencode/plugins/aio.js"),
    ] {
        let args = ["init", "--yes", "--agents", agent];
        let ran = run(world.command("aio").env(variable, &place).args(args));
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(place.join(file).exists(), "{agent}: {ran:?}");
    }
    assert!(!world.home.join(".claude").exists());
}

#[test]
fn without_a_terminal_settings_change_only_when_that_was_said() {
    let world = World::new();
    fs::create_dir(world.home.join(".claude")).unwrap();
    let told = plain(&world, &["init"]);
    assert_eq!(told.code, 0);
    assert!(told.out.contains("would add 9 hooks in ") && told.err.contains("aio init --yes does it"), "{told:?}");
    assert!(world.dir.join("bin/aio").exists(), "the machine is set up");
    assert!(!world.home.join(".claude/settings.json").exists());
    let shown = plain(&world, &["init", "--dry-run", "--agents", "codex"]);
    assert!(shown.out.contains("+trusted_hash = ") && shown.out.contains("+++ "), "{shown:?}");
    assert!(shown.err.contains("aio init --yes --agents codex does it"), "{shown:?}");
    assert!(!world.home.join(".codex").exists());
    let dry = World::new();
    assert_eq!(plain(&dry, &["init", "--dry-run"]).code, 0);
    assert!(!dry.dir.exists(), "it changes nothing, not even here");
}

#[test]
fn what_codex_trusts_is_named_by_itself() {
    let world = World::new();
    let told = plain(&world, &["init", "--agents", "codex"]);
    let lines: Vec<&str> = told.out.lines().filter(|line| line.contains("config.toml")).collect();
    assert_eq!(lines.len(), 1, "{told:?}");
    assert!(lines[0].contains("trust these hooks") && lines[0].contains(world.dir.to_str().unwrap()), "{told:?}");
}

#[test]
fn an_unknown_agent_is_refused_and_nothing_changed() {
    let world = World::new();
    let refused = init(&world, "claude,cluade");
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("cluade") && refused.err.contains("claude,codex,"), "{refused:?}");
    assert!(!world.home.join(".claude").exists());
}

#[test]
fn a_projects_settings_are_for_everybody() {
    let world = World::new();
    let args = ["init", "--yes", "--scope", "project", "--agents", "claude,codex,copilot,cursor,gemini,opencode,amp"];
    let ran = run(world.command("aio").env("AIO_DIR", world.home.join("own")).args(args));
    assert_eq!(ran.code, 0, "{ran:?}");
    for file in [
        ".claude/settings.json",
        ".codex/hooks.json",
        ".github/hooks/aio.json",
        ".cursor/hooks.json",
        ".gemini/settings.json",
        ".opencode/plugins/aio.js",
        ".amp/plugins/aio.ts",
        "CLAUDE.md",
        "AGENTS.md",
        "GEMINI.md",
    ] {
        let text = fs::read_to_string(world.project.join(file)).unwrap();
        assert!(!text.contains(world.home.to_str().unwrap()), "{file} names this person's folders: {text}");
    }
    assert!(!world.home.join(".codex").exists() && !world.home.join(".claude").exists());
    let told = run(world.command("aio").env("AIO_DIR", world.home.join("own")).args(["init", "--remove", "--yes"]));
    assert!(told.err.contains("--scope project"), "what is left is named: {told:?}");
    let args = ["init", "--remove", "--yes", "--scope", "project", "."];
    let removed = run(world.command("aio").env("AIO_DIR", world.home.join("own")).args(args));
    assert_eq!(removed.code, 0, "{removed:?}");
    let mut left: Vec<_> = fs::read_dir(&world.project).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".git", "src"]);
}

#[test]
fn a_project_is_named_where_there_is_no_worktree() {
    let world = World::bare();
    let refused = world.aio(["init", "--scope", "project", "--yes"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("next: "), "{refused:?}");
}

#[test]
fn another_state_directory_is_in_every_line() {
    let world = World::new();
    let dir = world.home.join("it's mine");
    let aio = |args: &[&str]| run(world.command("aio").env("AIO_DIR", &dir).args(args));
    assert_eq!(aio(&["init", "--yes", "--agents", "claude,codex,opencode"]).code, 0);
    let settings = fs::read_to_string(world.home.join(".claude/settings.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&settings).unwrap();
    let line = value["hooks"]["PreToolUse"][0]["hooks"][0]["command"].as_str().unwrap();
    // The shell that the agent runs finds program and directory.
    let probe = line.split(';').next().unwrap().to_owned() + "; command -v aio; echo \"$AIO_DIR\"";
    let ran = run(Command::new("/bin/sh").env_clear().env("PATH", "/usr/bin:/bin").args(["-c", &probe]));
    let expected = format!("{0}/bin/aio\n{0}\n", dir.display());
    assert_eq!(ran.out, expected);
    let plugin = fs::read_to_string(world.home.join(".config/opencode/plugins/aio.js")).unwrap();
    assert!(plugin.contains(&format!("AIO_DIR: \"{}\"", dir.display())), "{plugin}");
    let config = fs::read_to_string(world.home.join(".codex/config.toml")).unwrap();
    assert!(config.contains(&format!("writable_roots = [\"{}\"]", dir.display())), "{config}");
    assert_eq!(aio(&["init", "--remove", "--yes"]).code, 0);
    assert!(!world.home.join(".claude").exists() && !world.home.join(".codex").exists());
}

#[test]
fn programs_are_told_what_would_change() {
    let world = World::new();
    fs::create_dir(world.home.join(".gemini")).unwrap();
    fs::write(world.home.join(".gemini/settings.json"), "{").unwrap();
    let ran = run(world.command("aio").args(["--json", "init", "--dry-run", "--agents", "gemini"]));
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &answer["code"], &answer["ok"]), (6, &"incomplete".into(), &false.into()));
    let data = &answer["data"];
    assert_eq!(data["agents"], serde_json::json!(["gemini"]));
    assert!(data["changes"][0]["path"].as_str().unwrap().ends_with("GEMINI.md"), "{data}");
    assert!(data["changes"][0]["difference"].as_str().unwrap().contains("+<!-- aio:begin -->"), "{data}");
    assert!(data["problems"][0]["reason"].as_str().unwrap().starts_with("line 1, column 1: "), "{data}");
}

#[test]
fn somebody_elses_plugin_is_not_replaced() {
    let world = World::new();
    let plugin = world.home.join(".config/amp/plugins/aio.ts");
    fs::create_dir_all(plugin.parent().unwrap()).unwrap();
    fs::write(&plugin, "// my own\n").unwrap();
    assert_eq!(init(&world, "amp").code, 6);
    assert_eq!(remove(&world, "amp").code, 0);
    assert_eq!(fs::read_to_string(&plugin).unwrap(), "// my own\n");
}

/// What doctor says of an agent.
fn doctor(world: &World, agent: &str) -> (i32, String) {
    let ran = plain(world, &["doctor"]);
    let line = ran.out.lines().find(|line| line.contains(&format!(" {agent}: "))).unwrap_or_default();
    (ran.code, line.to_owned())
}

#[test]
fn doctor_tries_each_agents_hook() {
    let world = World::new();
    put_on_path(&world, "git");
    for agent in ["claude", "codex", "gemini", "copilot", "cursor", "opencode", "amp"] {
        assert_eq!(doctor(&world, agent).1, "", "neither here nor set up");
        assert_eq!(init(&world, agent).code, 0);
        let (code, line) = doctor(&world, agent);
        assert!(code == 0 && line.starts_with("ok ") && line.contains("claimed a file"), "{agent}: {line}");
        remove(&world, agent);
    }
    assert!(!world.state_path().exists(), "the trials left nothing behind");
}

#[test]
fn doctor_tells_what_keeps_hooks_from_working() {
    let world = World::new();
    fs::create_dir(world.home.join(".codex")).unwrap();
    let (code, line) = doctor(&world, "codex");
    assert!(code == 0 && line.contains("not set up") && line.contains("aio init --yes --agents codex"), "{line}");
    init(&world, "codex");
    let config = world.home.join(".codex/config.toml");
    let trusted = fs::read_to_string(&config).unwrap();
    fs::write(&config, trusted.replace("sha256:", "sha256:0")).unwrap();
    let (code, line) = doctor(&world, "codex");
    assert!(code == 6 && line.starts_with("broken") && line.contains("does not trust our hooks"), "{line}");
    fs::write(&config, trusted.replace("writable_roots", "others")).unwrap();
    assert!(doctor(&world, "codex").1.contains("does not let the sandbox write"));
    init(&world, "codex");
    let hooks = world.home.join(".codex/hooks.json");
    let text = fs::read_to_string(&hooks).unwrap();
    fs::write(&hooks, text.replace("PreToolUse", "PreCompact")).unwrap();
    assert!(doctor(&world, "codex").1.starts_with("broken"), "no hook runs before its edits");
    fs::write(&hooks, "{").unwrap();
    init(&world, "claude");
    fs::remove_file(world.dir.join("bin/aio")).unwrap();
    let (code, line) = doctor(&world, "claude");
    assert!(code == 6 && line.contains("aio was not found there"), "{line}");
}

#[test]
fn doctor_tells_that_all_hooks_are_switched_off() {
    let world = World::new();
    for (agent, file, switch) in [
        ("claude", ".claude/settings.json", "{ \"disableAllHooks\": true, // for now\n}"),
        ("gemini", ".gemini/settings.json", "{ \"hooksConfig\": { \"enabled\": false } }"),
        ("codex", ".codex/config.toml", "[features]\nhooks = false\n"),
    ] {
        let path = world.home.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, switch).unwrap();
        assert_eq!(init(&world, agent).code, 0);
        let (code, line) = doctor(&world, agent);
        assert!(code == 6 && line.starts_with("broken") && line.contains("switched off by"), "{agent}: {line}");
        remove(&world, agent);
    }
}

#[test]
fn doctor_looks_at_the_projects_settings_too() {
    let world = World::new();
    let args = ["init", "--yes", "--scope", "project", "--agents", "gemini"];
    assert_eq!(world.aio(args).code, 0);
    let (code, line) = doctor(&world, "gemini");
    assert!(code == 6 && line.contains("does not trust"), "{line}");
    fs::create_dir_all(world.home.join(".gemini")).unwrap();
    let trust = serde_json::json!({ world.project.to_str().unwrap(): "TRUST_FOLDER" });
    fs::write(world.home.join(".gemini/trustedFolders.json"), trust.to_string()).unwrap();
    let (code, line) = doctor(&world, "gemini");
    assert!(code == 0 && line.starts_with("ok "), "{line}");
    assert!(fs::exists(binary("aio")).unwrap());
}
