//! `config.toml`: the person's settings, every one optional.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::error::Failure;
use crate::fleet::profile::{self, Profile, Runtime};
use crate::protocol::evidence::{CrossWorktree, Settings};
use crate::protocol::fleet::PORTS_PER_JOB;

/// The file's name in the state directory.
pub const FILE: &str = "config.toml";
/// Above those that servers have and below those that systems give out.
const PORTS: (u16, u16) = (21_000, 23_999);
const RESTART_BACKOFF: Duration = Duration::from_secs(5);
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// Beads, and its sibling in Rust.
const ISSUE_TRACKERS: &[&str] = &["bd", "br"];

/// All settings, with their defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long a writer waits for the lock.
    pub lock_timeout: Duration,
    /// What rules depend on.
    pub settings: Settings,
    /// What a hook answers where aio itself fails.
    pub on_failure: OnFailure,
    /// The programs that are told of tasks; the first that is there is asked.
    pub beads: &'static [&'static str],
    /// The person's own ways to launch agents, by name. See [`profile::all`].
    pub profiles: Vec<Profile>,
    /// Where agents run where nobody says.
    pub runtime: Runtime,
    /// The task where none is given.
    pub default_task: Option<String>,
    /// Before a crashed agent is started again, the first time.
    pub restart_backoff: Duration,
    /// The first and the last port that jobs may have.
    pub ports: (u16, u16),
}

/// See [`Config::on_failure`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The edit passes: an agent is not kept from its work by a fault of ours.
    #[default]
    Allow,
    /// The edit is denied.
    Deny,
}

/// A value and where it stands.
type Value<T> = Option<Spanned<T>>;

#[derive(Debug, Default, Deserialize)]
struct Written {
    lock_timeout: Value<String>,
    quiet_limit: Value<String>,
    cross_worktree: Value<String>,
    auto_ttl: Value<String>,
    on_failure: Value<String>,
    beads: Value<String>,
    runtime: Value<String>,
    default_task: Option<String>,
    restart_backoff: Value<String>,
    ports: Value<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Spanned<toml::Table>>,
}

/// What is wrong in the file, and after how many bytes.
struct Wrong(usize, String);

impl Config {
    /// Reads the file; no file is no settings. Keys of other versions are left alone.
    ///
    /// # Errors
    /// When a value cannot be understood: a setting somebody relies on is not silently dropped.
    pub fn load(dir: &Path) -> Result<Config, Failure> {
        let path = dir.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            // Without a directory there is no file either; the state's own error says more.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Config::default());
            }
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.display());
                return Err(Failure::environment(message).hint("make it a file of text that you may read"));
            }
        };
        Config::understand(&text).map_err(|Wrong(at, reason)| {
            let line = text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1;
            Failure::environment(format!("{}:{line} cannot be understood: {reason}", path.display()))
                .hint("mend that line, or remove it")
        })
    }

    fn understand(text: &str) -> Result<Config, Wrong> {
        let written: Written = toml::from_str(text)
            .map_err(|error| Wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let mut config = Config::default();
        set(&mut config.lock_timeout, &written.lock_timeout, |text| duration("lock_timeout", text))?;
        set(&mut config.settings.quiet_limit_ms, &written.quiet_limit, |text| milliseconds("quiet_limit", text))?;
        set(&mut config.settings.auto_ttl_ms, &written.auto_ttl, |text| milliseconds("auto_ttl", text))?;
        set(&mut config.restart_backoff, &written.restart_backoff, |text| duration("restart_backoff", text))?;
        set(&mut config.on_failure, &written.on_failure, on_failure)?;
        set(&mut config.beads, &written.beads, beads)?;
        set(&mut config.settings.cross_worktree, &written.cross_worktree, cross_worktree)?;
        set(&mut config.runtime, &written.runtime, profile::runtime)?;
        set(&mut config.ports, &written.ports, ports)?;
        config.default_task = written.default_task;
        for (name, table) in &written.profiles {
            let profile = profile::from_table(name, table.get_ref());
            config.profiles.push(profile.map_err(|reason| Wrong(table.span().start, reason))?);
        }
        Ok(config)
    }
}

/// What is written, if anything is.
fn set<T>(setting: &mut T, written: &Value<String>, read: impl Fn(&str) -> Result<T, String>) -> Result<(), Wrong> {
    if let Some(text) = written {
        *setting = read(text.get_ref()).map_err(|reason| Wrong(text.span().start, reason))?;
    }
    Ok(())
}

impl Default for Config {
    fn default() -> Self {
        Config {
            lock_timeout: LOCK_TIMEOUT,
            settings: Settings::default(),
            on_failure: OnFailure::default(),
            beads: ISSUE_TRACKERS,
            profiles: Vec::new(),
            runtime: Runtime::Headless,
            default_task: None,
            restart_backoff: RESTART_BACKOFF,
            ports: PORTS,
        }
    }
}

fn duration(key: &str, text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{key} = {text:?}: {error}"))
}

fn milliseconds(key: &str, text: &str) -> Result<u64, String> {
    Ok(u64::try_from(duration(key, text)?.as_millis()).unwrap_or(u64::MAX))
}

fn on_failure(text: &str) -> Result<OnFailure, String> {
    match text {
        "allow" => Ok(OnFailure::Allow),
        "deny" => Ok(OnFailure::Deny),
        _ => Err(format!("on_failure = {text:?} is none of allow, deny")),
    }
}

fn beads(text: &str) -> Result<&'static [&'static str], String> {
    match text {
        "found" => Ok(ISSUE_TRACKERS),
        "bd" => Ok(&ISSUE_TRACKERS[..1]),
        "br" => Ok(&ISSUE_TRACKERS[1..]),
        "off" => Ok(&[]),
        _ => Err(format!("beads = {text:?} is none of found, bd, br, off")),
    }
}

fn ports(text: &str) -> Result<(u16, u16), String> {
    let range =
        text.split_once('-').and_then(|(first, last)| Some((first.trim().parse().ok()?, last.trim().parse().ok()?)));
    let (first, last) = range
        .filter(|(first, last)| *first >= 1024 && first < last)
        .ok_or_else(|| format!("ports = {text:?} is no range of ports from 1024 on: write it as 21000-23999"))?;
    if last - first < PORTS_PER_JOB - 1 {
        return Err(format!("ports = {text:?} has fewer than the {PORTS_PER_JOB} ports that each job gets"));
    }
    Ok((first, last))
}

fn cross_worktree(text: &str) -> Result<CrossWorktree, String> {
    match text {
        "warn" => Ok(CrossWorktree::Warn),
        "block" => Ok(CrossWorktree::Block),
        "ignore" => Ok(CrossWorktree::Ignore),
        _ => Err(format!("cross_worktree = {text:?} is none of warn, block, ignore")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, Failure> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), text).unwrap();
        Config::load(dir.path())
    }

    #[test]
    fn profiles_are_read_beside_other_settings() {
        let config = load(
            "auto_ttl = \"1min\"\n[profiles.fast]\nagent = \"claude\"\n[profiles.codex]\nargs = [\"-m\", \"x\"]\n",
        );
        let profiles = config.unwrap().profiles;
        let read: Vec<_> = profiles.iter().map(|profile| (&*profile.name, profile.agent.name)).collect();
        assert_eq!(read, [("codex", "codex"), ("fast", "claude")]);
        assert!(load("").unwrap().profiles.is_empty());
    }

    #[test]
    fn a_wrong_profile_is_named() {
        let failure = load("[profiles.fast]\nagent = \"vi\"\n").unwrap_err();
        assert!(failure.message.ends_with("cannot be understood: profiles.fast.agent = \"vi\" is none of codex, claude, gemini, amp, copilot, opencode"), "{}", failure.message);
        assert!(failure.message.contains("config.toml:1 "), "{}", failure.message);
        assert!(load("profiles = 3\n").is_err());
        assert!(load("[profiles]\nfast = 3\n").is_err());
    }
    #[test]
    fn a_wrong_line_is_named() {
        for (text, line, reason) in [
            ("runtime = \"tmux\"\n\nauto_ttl = \"soon\"\n", 3, "auto_ttl = \"soon\": "),
            ("# ports\nports = \"9-1\"\n", 2, "ports = \"9-1\" is no range of ports"),
            ("ports = \"22000-22008\"\n", 1, "ports = \"22000-22008\" has fewer than the 10 ports that each job gets"),
            ("beads = \"off\"\nbeads\n", 2, ""),
            ("\n\n\nlock_timeout = 3\n", 4, "invalid type: integer"),
            ("[profiles.fast]\nagent = \"codex\"\n[profiles.slow]\nspeed = 1\n", 3, "profiles.slow.agent is missing"),
        ] {
            let message = load(text).unwrap_err().message;
            assert!(message.contains(&format!("config.toml:{line} cannot be understood: {reason}")), "{message}");
        }
    }
}
