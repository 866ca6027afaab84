//! The agents that can be set up, a file each: how one is found, and which of its files say what.

mod amp;
mod claude;
mod codex;
mod copilot;
mod cursor;
mod gemini;
mod opencode;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::World;

/// All of them.
pub const AGENTS: &[Agent] =
    &[claude::CLAUDE, codex::CODEX, gemini::GEMINI, copilot::COPILOT, cursor::CURSOR, opencode::OPENCODE, amp::AMP];

/// How one agent is found and set up. Paths for a person are below its folder, those for a project below the project.
#[derive(Clone, Copy, Debug)]
pub struct Agent {
    /// As `aio register` and `aio hook` call it.
    pub name: &'static str,
    /// Its programs.
    pub programs: &'static [&'static str],
    /// Where its settings lie.
    pub folder: Folder,
    /// Its hooks as we want them.
    pub template: Template,
    /// The files of its hooks.
    pub hooks: Paths,
    /// The files of instructions its model reads, and what we say there.
    pub memory: Option<(Paths, &'static str)>,
    /// The file in which a person trusts hooks, where they do not run untrusted.
    pub trust: Option<&'static str>,
    /// What in a person's settings keeps all hooks from running.
    pub(super) switch: Option<Switch>,
    /// Whether it runs what a project says. None where it needs no trust, or keeps that where we cannot look.
    pub(super) trusts: Option<Trusts>,
    /// How its edits are announced, for a trial.
    pub trial: Trial,
}

/// Whether a project is trusted, by the texts of the files in the agent's folder, which are given by name.
pub(super) type Trusts = fn(read: &dyn Fn(&str) -> String, project: &Path) -> bool;

/// A setting by which hooks are switched off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch {
    /// Below the agent's folder; JSON or TOML, by its name.
    pub(super) file: &'static str,
    /// The keys that lead to it.
    pub(super) keys: &'static [&'static str],
    /// What it says then.
    pub(super) off: bool,
}

/// A folder below the home directory, unless a variable moves it.
#[derive(Clone, Copy, Debug)]
pub struct Folder {
    /// Below the home directory.
    pub usual: &'static str,
    /// A variable, and the folder below its value.
    pub moved: Option<(&'static str, &'static str)>,
}

/// What stands in an agent's file.
#[derive(Clone, Copy, Debug)]
pub enum Template {
    /// Hooks among other settings.
    Hooks(&'static str),
    /// A file of our own.
    Plugin(&'static str),
}

/// A file for a person, and for a project.
#[derive(Clone, Copy, Debug)]
pub struct Paths {
    /// Below the agent's folder.
    pub user: &'static str,
    /// Below the project.
    pub project: &'static str,
}

/// An edit announced as this agent announces one.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// The agent's own name of the event.
    pub event: &'static str,
    /// What it says, with `{cwd}` for the folder and `{file}` for the file's absolute path.
    pub payload: &'static str,
}

impl Agent {
    /// Where this person's settings of it lie.
    pub(super) fn folder(&self, world: &World<'_>) -> PathBuf {
        let moved = self.folder.moved.and_then(|(variable, below)| {
            let base = PathBuf::from((world.variable)(variable)?);
            let base = if below.is_empty() { base } else { base.join(below) };
            base.is_absolute().then_some(base)
        });
        moved.unwrap_or_else(|| world.home.join(self.folder.usual))
    }

    /// Whether it is on this machine: its program, or its settings.
    pub fn is_found(&self, world: &World<'_>) -> bool {
        self.folder(world).is_dir() || self.programs.iter().any(|program| is_on_path(world, program))
    }
}

fn is_on_path(world: &World<'_>, program: &str) -> bool {
    let is_executable = |path: &Path| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    world.path.iter().any(|folder| is_executable(&folder.join(program)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for (index, agent) in AGENTS.iter().enumerate() {
            assert!(AGENTS[index + 1..].iter().all(|other| other.name != agent.name));
            assert!(crate::host::agents::AGENTS.iter().any(|known| known.tool == agent.name), "{}", agent.name);
            let words = format!("aio hook {} ", agent.name);
            let (Template::Hooks(text) | Template::Plugin(text)) = agent.template;
            assert!(text.contains(&words), "{}", agent.name);
            let payload = agent.trial.payload.replace("{cwd}", "/p").replace("{file}", "/p/f");
            serde_json::from_str::<serde_json::Value>(&payload).expect(agent.name);
        }
    }

    #[test]
    fn the_events_that_are_hooked_are_those_that_are_understood() {
        for agent in AGENTS {
            let known: Vec<&str> = crate::hooks::adapters::find(agent.name).expect(agent.name).events().collect();
            assert!(known.contains(&agent.trial.event), "{}", agent.name);
            let Template::Hooks(text) = agent.template else { continue };
            let words = format!("aio hook {} ", agent.name);
            let mut hooked: Vec<&str> = text.split(&*words).skip(1).filter_map(|rest| rest.split(' ').next()).collect();
            let mut known = known.clone();
            hooked.sort_unstable();
            known.sort_unstable();
            assert_eq!(hooked, known, "{}", agent.name);
        }
    }

    #[test]
    fn what_the_model_is_told_is_short() {
        for (_, snippet) in AGENTS.iter().filter_map(|agent| agent.memory) {
            // Four letters a token, as everywhere in English.
            assert!(snippet.len() < 4 * 120, "{} bytes", snippet.len());
        }
    }
}
