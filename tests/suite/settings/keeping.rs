//! What others do to the same files, before, between and after, is kept.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::{Fixture, fixtures, init, plain, remove};
use crate::harness::World;

/// A change that somebody else makes, to the file with ours as to the one without.
fn edited(text: &str, kind: &str) -> String {
    match kind {
        "json" => {
            let place = text.find('{').map_or(text.len(), |brace| brace + 1);
            format!("{}\n  \"foreign\": [\"{{}}\", 2],{}", &text[..place], &text[place..])
        }
        "toml" => {
            let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
            format!("{text}\n\n# somebody else's\n[foreign]\nkey = 1\n").replace("\r\n", "\n").replace('\n', newline)
        }
        _ => format!("{text}\nsomebody else's line\n"),
    }
}

/// The files that differ, by no more than space, from what they would be if we had never been there: nothing stood where
/// ours came to stand, or no line end, or something that says nothing. (And one where ours took the place of what trusted
/// a hook that was gone.) All others are exactly that.
const SPACED_OTHERWISE: [&str; 12] = [
    "02-empty",
    "03-empty-object",
    "04-empty-object-lines",
    "17-hooks-null",
    "18-event-null",
    "22-blank-lines",
    "25-brackets-in-odd-places",
    "27-only-comments",
    "29-only-space",
    "02-no-newline-at-the-end",
    "06-trust-of-others",
    "08-no-newline-at-the-end",
];

#[test]
fn an_edit_in_between_stays() {
    let mut differ = Vec::new();
    for fixture in fixtures().iter().filter(|fixture| !fixture.is_refused() && !fixture.has_ours()) {
        let kind = fixture.source.extension().unwrap().to_str().unwrap();
        let (world, path) = fixture.world();
        let before = fs::read_to_string(&path).unwrap();
        init(&world, fixture.agent);
        let after = fs::read_to_string(&path).unwrap();
        fs::write(&path, edited(&after, kind)).unwrap();
        let removed = remove(&world, fixture.agent);
        assert_eq!(removed.code, 0, "{removed:?}");
        let left = fs::read_to_string(&path).unwrap();
        assert_same_meaning(&before, &left, kind, fixture);
        if left != edited(&before, kind) {
            let name = fixture.source.file_name().unwrap().to_str().unwrap();
            differ.push(name[..name.find('.').unwrap()].to_owned());
        }
    }
    assert_eq!(differ, SPACED_OTHERWISE);
}

fn assert_same_meaning(before: &str, left: &str, kind: &str, fixture: &Fixture) {
    let name = fixture.source.display();
    match kind {
        "json" => {
            let mut value = plain::value(left);
            assert_eq!(value.as_object_mut().unwrap().remove("foreign").unwrap()[1], 2, "{name}: {left}");
            let before = plain::without_ours(plain::value(before), fixture.agent);
            assert_eq!(plain::without_ours(value, fixture.agent), before, "{name}: {left}");
            assert!(
                !left.contains(&format!(" aio hook {} ", fixture.agent)) || before.to_string().contains("aio hook")
            );
        }
        "toml" => {
            let [before, left]: [toml::Table; 2] =
                [edited(before, kind).as_str(), left].map(|text| toml::from_str(text).unwrap());
            // Trust in a hook that was not there when ours took its place.
            if !name.to_string().contains("06-trust") {
                assert_eq!(left, before, "{name}");
            }
        }
        _ => assert!(left.contains("somebody else's line") && !left.contains("aio claim"), "{name}: {left}"),
    }
}

#[test]
fn nothing_that_was_not_there_stays_behind() {
    for agent in ["claude", "codex", "gemini", "copilot", "cursor", "opencode", "amp"] {
        let world = World::new();
        let made = init(&world, agent);
        assert_eq!(made.code, 0, "{made:?}");
        let installed = below(&world.home);
        assert!(installed.len() > 1, "{agent}: {installed:?}");
        assert_eq!(remove(&world, agent).code, 0);
        assert_eq!(below(&world.home), [""; 0], "{agent}");
    }
}

/// Everything below a home but our own directory.
fn below(home: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![home.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_name() != ".ai-orchestrator" {
                found.push(entry.path().strip_prefix(home).unwrap().to_str().unwrap().to_owned());
                folders.extend(entry.file_type().unwrap().is_dir().then(|| entry.path()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn dotfiles_are_written_through_their_links() {
    let world = World::new();
    let dotfiles = world.home.join("dotfiles/claude");
    fs::create_dir_all(&dotfiles).unwrap();
    fs::write(dotfiles.join("settings.json"), "{\n  \"model\": \"opus\"\n}\n").unwrap();
    fs::create_dir(world.home.join(".claude")).unwrap();
    let link = world.home.join(".claude/settings.json");
    symlink("../dotfiles/claude/settings.json", &link).unwrap();
    // One that leads to nothing yet.
    symlink("../dotfiles/claude/CLAUDE.md", world.home.join(".claude/CLAUDE.md")).unwrap();
    assert_eq!(init(&world, "claude").code, 0);
    assert_eq!(fs::read_link(&link).unwrap().to_str(), Some("../dotfiles/claude/settings.json"));
    assert!(fs::read_to_string(dotfiles.join("settings.json")).unwrap().contains("aio hook claude Stop"));
    assert!(fs::read_to_string(dotfiles.join("CLAUDE.md")).unwrap().contains("aio claim"));
    assert_eq!(remove(&world, "claude").code, 0);
    assert_eq!(fs::read_to_string(dotfiles.join("settings.json")).unwrap(), "{\n  \"model\": \"opus\"\n}\n");
    assert!(link.is_symlink() && world.home.join(".claude/CLAUDE.md").is_symlink());
    assert!(!dotfiles.join("CLAUDE.md").exists());
}

#[test]
fn two_names_of_one_file_are_one_file() {
    let world = World::new();
    fs::write(world.project.join("AGENTS.md"), "# Rules\n").unwrap();
    symlink("AGENTS.md", world.project.join("CLAUDE.md")).unwrap();
    let args = ["init", "--yes", "--scope", "project", "--agents", "claude,codex"];
    assert_eq!(world.aio(args).code, 0);
    let text = fs::read_to_string(world.project.join("AGENTS.md")).unwrap();
    assert_eq!(text.matches("aio:begin").count(), 1, "{text}");
    assert_eq!(world.aio(["init", "--remove", "--yes", "--scope", "project"]).code, 0);
    assert_eq!(fs::read_to_string(world.project.join("AGENTS.md")).unwrap(), "# Rules\n");
    assert!(!world.project.join(".claude").exists() && !world.project.join(".codex").exists());
}

#[test]
fn a_read_only_file_and_one_with_other_names_are_left_alone() {
    let world = World::new();
    fs::create_dir(world.home.join(".claude")).unwrap();
    let (settings, memory) = (world.home.join(".claude/settings.json"), world.home.join(".claude/CLAUDE.md"));
    fs::write(&settings, "{}\n").unwrap();
    fs::set_permissions(&settings, Permissions::from_mode(0o444)).unwrap();
    fs::write(&memory, "# Mine\n").unwrap();
    fs::hard_link(&memory, world.home.join("kept.md")).unwrap();
    let ran = init(&world, "claude");
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(ran.err.contains("settings.json was left alone: it is read-only"), "{ran:?}");
    assert!(ran.err.contains("CLAUDE.md was left alone: it has other names"), "{ran:?}");
    assert_eq!(fs::read_to_string(&settings).unwrap(), "{}\n");
    assert_eq!(fs::metadata(&memory).unwrap().nlink(), 2);
}

#[test]
fn mode_and_owner_stay() {
    let world = World::new();
    fs::create_dir(world.home.join(".gemini")).unwrap();
    let settings = world.home.join(".gemini/settings.json");
    fs::write(&settings, "{}\n").unwrap();
    fs::set_permissions(&settings, Permissions::from_mode(0o640)).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(&settings, Some(4711), Some(4712)).unwrap();
    }
    let before = fs::metadata(&settings).unwrap();
    for run in [init, remove] {
        assert_eq!(run(&world, "gemini").code, 0);
        let now = fs::metadata(&settings).unwrap();
        assert_eq!((now.mode(), now.uid(), now.gid()), (before.mode(), before.uid(), before.gid()));
    }
}

#[test]
fn what_is_not_remembered_is_taken_out_entry_by_entry() {
    for fixture in fixtures().iter().filter(|fixture| !fixture.is_refused() && !fixture.has_ours()) {
        let (world, path) = fixture.world();
        let before = fs::read_to_string(&path).unwrap();
        init(&world, fixture.agent);
        fs::remove_dir_all(world.dir.join("integrations")).unwrap();
        let removed = remove(&world, fixture.agent);
        assert_eq!(removed.code, 0, "{removed:?}");
        let left = fs::read_to_string(&path).unwrap_or_default();
        match fixture.source.extension().unwrap().to_str().unwrap() {
            "json" => {
                let [before, mut left] =
                    [&before, &left].map(|text| plain::without_ours(plain::value(text), fixture.agent));
                if before["version"].is_null() {
                    left.as_object_mut().unwrap().remove("version");
                }
                assert_eq!(left, before, "{}", fixture.source.display());
            }
            "md" => assert_eq!(left.trim_end(), before.trim_end(), "{}", fixture.source.display()),
            _ => assert!(!left.contains(world.dir.to_str().unwrap()), "{}: {left}", fixture.source.display()),
        }
    }
}

#[test]
fn a_new_version_renews_ours_and_removal_still_restores() {
    let world = World::new();
    fs::create_dir(world.home.join(".claude")).unwrap();
    let settings = world.home.join(".claude/settings.json");
    let before = "{ \"model\": \"opus\",\n  \"hooks\": { \"Stop\": [] } }\n";
    fs::write(&settings, before).unwrap();
    // What an older version wrote, as far as its own notes say.
    init(&world, "claude");
    let new = fs::read_to_string(&settings).unwrap();
    let old = new.replace("\"timeout\": 10", "\"timeout\": 30").replace("|NotebookEdit", "");
    assert_ne!(old, new);
    fs::write(&settings, &old).unwrap();
    let manifest = world.dir.join("integrations/installed.json");
    let notes = fs::read_to_string(&manifest).unwrap();
    let [new_hash, old_hash] = [&new, &old].map(|text| sha256(&world, text));
    assert!(notes.contains(&new_hash), "{notes}");
    fs::write(&manifest, notes.replace(&new_hash, &old_hash)).unwrap();
    let renewed = init(&world, "claude");
    assert!(renewed.out.contains("renew 9 hooks in"), "{renewed:?}");
    assert_eq!(fs::read_to_string(&settings).unwrap(), new);
    remove(&world, "claude");
    assert_eq!(fs::read_to_string(&settings).unwrap(), before);
}

fn sha256(world: &World, text: &str) -> String {
    let path = world.home.join("hashed");
    fs::write(&path, text).unwrap();
    let ran = crate::harness::run(std::process::Command::new("sha256sum").arg(&path));
    ran.out.split(' ').next().unwrap().to_owned()
}

#[test]
fn trust_in_others_hooks_moves_with_them() {
    let world = World::new();
    init(&world, "codex");
    let (hooks, config) = (world.home.join(".codex/hooks.json"), world.home.join(".codex/config.toml"));
    // The person adds a hook behind ours, and trusts it.
    let text = fs::read_to_string(&hooks).unwrap();
    let mut value = plain::value(&text);
    let theirs = serde_json::json!({ "hooks": [{ "type": "command", "command": "beep" }] });
    value["hooks"]["Stop"].as_array_mut().unwrap().push(theirs);
    fs::write(&hooks, serde_json::to_string_pretty(&value).unwrap()).unwrap();
    let key = |index: usize| format!("[hooks.state.\"{}:stop:{index}:0\"]", hooks.display());
    let trusted = fs::read_to_string(&config).unwrap() + &format!("\n{}\ntrusted_hash = \"sha256:theirs\"\n", key(1));
    fs::write(&config, trusted).unwrap();
    assert_eq!(remove(&world, "codex").code, 0);
    let left = fs::read_to_string(&config).unwrap();
    assert!(left.contains(&key(0)) && left.contains("theirs") && !left.contains(&key(1)), "{left}");
    assert!(fs::read_to_string(&hooks).unwrap().contains("beep"));
}
