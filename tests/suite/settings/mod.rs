//! Agents' settings: what `aio init` makes of files as people have them, and how it takes that back.
//!
//! `tests/fixtures/settings` has a folder for each kind of file. Beside each file stands what it must become, read and
//! agreed to; `AIO_BLESS=1` writes those anew. Files named `refused` are never written, and beside them stands what is said
//! of them. Files named `ours` have something of ours from before, so what removal leaves stands there too.

mod agents;
mod keeping;
mod killing;
mod plain;

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Ran, World};

/// A kind of file: its folder, the agent, and where it lies below the home directory.
const KINDS: [(&str, &str, &str); 6] = [
    ("claude", "claude", ".claude/settings.json"),
    ("claude-memory", "claude", ".claude/CLAUDE.md"),
    ("codex", "codex", ".codex/hooks.json"),
    ("codex-config", "codex", ".codex/config.toml"),
    ("cursor", "cursor", ".cursor/hooks.json"),
    ("gemini", "gemini", ".gemini/settings.json"),
];
/// The home that fixtures speak of.
const HOME: &str = "/home/user";

/// One file as a person has it.
struct Fixture {
    agent: &'static str,
    /// Below the home directory.
    below: &'static str,
    source: PathBuf,
    bytes: Vec<u8>,
}

impl Fixture {
    fn is_refused(&self) -> bool {
        self.source.to_str().unwrap().contains(".refused.")
    }

    /// Whether something of ours is there already, that nobody remembers.
    fn has_ours(&self) -> bool {
        self.source.to_str().unwrap().contains(".ours.")
    }

    /// A home in which this file lies.
    fn world(&self) -> (World, PathBuf) {
        let world = World::new();
        let path = world.home.join(self.below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, self.bytes_in(&world)).unwrap();
        (world, path)
    }

    /// The file's bytes with the home they have there.
    fn bytes_in(&self, world: &World) -> Vec<u8> {
        match str::from_utf8(&self.bytes) {
            Ok(text) => text.replace(HOME, world.home.to_str().unwrap()).into_bytes(),
            Err(_) => self.bytes.clone(),
        }
    }

    /// Compares with what stands beside the fixture.
    fn assert_reviewed(&self, world: &World, kind: &str, found: &[u8]) {
        let path = self.source.with_extension(format!("{kind}{}", extension(&self.source)));
        let home = world.home.to_str().unwrap();
        let found = match str::from_utf8(found) {
            Ok(text) => text.replace(home, HOME).into_bytes(),
            Err(_) => found.to_owned(),
        };
        if std::env::var_os("AIO_BLESS").is_some() {
            fs::write(&path, &found).unwrap();
        }
        let reviewed = fs::read(&path).unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(found == reviewed, "{}:\n{}\nis now\n{}", path.display(), text(&reviewed), text(&found));
    }
}

fn extension(path: &Path) -> String {
    format!(".{}", path.extension().unwrap().to_str().unwrap())
}

fn fixtures() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/settings");
    let mut fixtures = Vec::new();
    for (folder, agent, below) in KINDS {
        let mut sources: Vec<PathBuf> =
            fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        sources.retain(|path| {
            [".after.", ".said.", ".removed."].iter().all(|kind| !path.to_str().unwrap().contains(kind))
        });
        sources.sort();
        let fixture = |source: PathBuf| Fixture { agent, below, bytes: fs::read(&source).unwrap(), source };
        fixtures.extend(sources.into_iter().map(fixture));
    }
    assert!(fixtures.len() > 60, "only {} fixtures were found", fixtures.len());
    fixtures
}

fn init(world: &World, agent: &str) -> Ran {
    world.aio(["init", "--yes", "--agents", agent])
}

fn remove(world: &World, agent: &str) -> Ran {
    world.aio(["init", "--remove", "--yes", "--agents", agent])
}

#[test]
fn settings_become_what_was_reviewed_and_again_what_they_were() {
    for fixture in fixtures().iter().filter(|fixture| !fixture.is_refused()) {
        let (world, path) = fixture.world();
        let before = fs::read(&path).unwrap();
        let ran = init(&world, fixture.agent);
        assert_eq!(ran.code, 0, "{}: {ran:?}", fixture.source.display());
        let after = fs::read(&path).unwrap();
        fixture.assert_reviewed(&world, "after", &after);
        let metadata = fs::metadata(&path).unwrap();
        let again = init(&world, fixture.agent);
        assert!(again.out.contains(&format!("set up: {}", fixture.agent)), "{}: {again:?}", fixture.source.display());
        let same = |now: fs::Metadata| now.modified().unwrap() == metadata.modified().unwrap();
        assert!(same(fs::metadata(&path).unwrap()) && fs::read(&path).unwrap() == after, "written twice");
        let removed = remove(&world, fixture.agent);
        assert_eq!(removed.code, 0, "{}: {removed:?}", fixture.source.display());
        match fixture.has_ours() {
            true => fixture.assert_reviewed(&world, "removed", &fs::read(&path).unwrap()),
            false => assert!(fs::read(&path).unwrap() == before, "{}", fixture.source.display()),
        }
    }
}

#[test]
fn what_is_not_understood_is_said_and_never_written() {
    for fixture in fixtures().iter().filter(|fixture| fixture.is_refused()) {
        let (world, path) = fixture.world();
        let before = fs::read(&path).unwrap();
        let ran = init(&world, fixture.agent);
        assert_eq!(ran.code, 6, "{}: {ran:?}", fixture.source.display());
        let said = ran.err.lines().find(|line| line.contains(fixture.below)).unwrap_or_default();
        fixture.assert_reviewed(&world, "said", format!("{said}\n").as_bytes());
        assert!(ran.out.contains("in "), "the others were set up: {ran:?}");
        remove(&world, fixture.agent);
        assert_eq!(fs::read(&path).unwrap(), before, "{}", fixture.source.display());
    }
}

#[test]
fn others_hooks_and_settings_mean_what_they_meant() {
    for fixture in fixtures().iter().filter(|fixture| !fixture.is_refused()) {
        let (world, path) = fixture.world();
        let before = fs::read_to_string(&path).unwrap();
        init(&world, fixture.agent);
        let after = fs::read_to_string(&path).unwrap();
        match fixture.source.extension().unwrap().to_str().unwrap() {
            "json" => {
                let [before, after] =
                    [before, after].map(|text| plain::without_ours(plain::value(&text), fixture.agent));
                assert_eq!(without_version(before), without_version(after), "{}", fixture.source.display());
            }
            "toml" => {
                let [before, after]: [toml::Table; 2] = [before, after].map(|text| toml::from_str(&text).unwrap());
                assert!(is_within(&before, &after), "{}: {after:?}", fixture.source.display());
            }
            _ => {}
        }
    }
}

/// Cursor's files begin with one, and one without it gets it.
fn without_version(mut value: serde_json::Value) -> serde_json::Value {
    value.as_object_mut().unwrap().remove("version");
    value
}

/// Whether all that one table says is said by the other.
fn is_within(one: &toml::Table, other: &toml::Table) -> bool {
    one.iter().all(|(key, value)| match (value, other.get(key)) {
        (toml::Value::Table(one), Some(toml::Value::Table(other))) => is_within(one, other),
        (toml::Value::Array(one), Some(toml::Value::Array(other))) => other.starts_with(one),
        // Ours now: what stood there was trust in a hook that is gone.
        (_, Some(_)) if key == "trusted_hash" => true,
        (value, found) => found == Some(value),
    })
}
