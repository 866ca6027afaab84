//! `config.toml`: the person's settings, every one optional.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::error::Failure;
use crate::fleet::profile::{self, Profile, Runtime};
use crate::protocol::evidence::{CrossWorktree, Settings};

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

#[derive(Debug, Default, Deserialize)]
struct Written {
    lock_timeout: Option<String>,
    quiet_limit: Option<String>,
    cross_worktree: Option<String>,
    auto_ttl: Option<String>,
    on_failure: Option<String>,
    beads: Option<String>,
    runtime: Option<String>,
    default_task: Option<String>,
    restart_backoff: Option<String>,
    ports: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, toml::Table>,
}

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
        let wrong = |reason: String| {
            Failure::environment(format!("{} cannot be understood: {reason}", path.display()))
                .hint("mend that line, or remove it")
        };
        let written: Written = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
        let mut config = Config::default();
        if let Some(text) = &written.lock_timeout {
            config.lock_timeout = duration("lock_timeout", text).map_err(&wrong)?;
        }
        if let Some(text) = &written.quiet_limit {
            let limit = duration("quiet_limit", text).map_err(&wrong)?;
            config.settings.quiet_limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        }
        if let Some(text) = &written.auto_ttl {
            let limit = duration("auto_ttl", text).map_err(&wrong)?;
            config.settings.auto_ttl_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        }
        if let Some(text) = &written.restart_backoff {
            config.restart_backoff = duration("restart_backoff", text).map_err(&wrong)?;
        }
        if let Some(text) = &written.on_failure {
            config.on_failure = on_failure(text).map_err(&wrong)?;
        }
        if let Some(text) = &written.beads {
            config.beads = beads(text).map_err(&wrong)?;
        }
        if let Some(text) = &written.cross_worktree {
            config.settings.cross_worktree = cross_worktree(text).map_err(&wrong)?;
        }
        if let Some(text) = &written.runtime {
            config.runtime = profile::runtime(text).map_err(&wrong)?;
        }
        if let Some(text) = &written.ports {
            config.ports = ports(text).map_err(&wrong)?;
        }
        config.default_task = written.default_task.clone();
        let profiles = written.profiles.iter().map(|(name, table)| profile::from_table(name, table));
        config.profiles = profiles.collect::<Result<_, _>>().map_err(&wrong)?;
        Ok(config)
    }
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
    range
        .filter(|(first, last)| *first >= 1024 && first < last)
        .ok_or_else(|| format!("ports = {text:?} is no range of ports from 1024 on: write it as 21000-23999"))
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
        assert!(load("profiles = 3\n").is_err());
        assert!(load("[profiles]\nfast = 3\n").is_err());
    }
}
