//! The agents: whether their settings are as they should be, and whether what those say really reaches us.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use super::Finding;
use crate::app::App;
use crate::commands::init::world;
use crate::host::repository;
use crate::setup::agents::{AGENTS, Agent};
use crate::setup::check::{Standing, elsewhere, examine};
use crate::setup::{Scope, World};

/// Where an agent's shell looks for programs that nobody told it about.
const PLAIN_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A finding for each agent that is here, or set up.
pub(super) fn findings(app: &App) -> Vec<Finding> {
    let variable = |name: &str| app.variable(name);
    let Some(world) = world(app, &variable) else { return Vec::new() };
    let found = |agent: &'static Agent| match standing(agent, &world, &app.cwd) {
        standing if standing.is_set_up => Some(judge(agent, &world, standing)),
        _ if agent.is_found(&world) => Some(Finding::notice(agent.name, "not set up", remedy(agent))),
        _ => None,
    };
    AGENTS.iter().filter_map(found).collect()
}

/// For the person, or else for the project around a folder.
fn standing(agent: &'static Agent, world: &World<'_>, folder: &Path) -> Standing {
    let standing = examine(agent, world, &Scope::User);
    if standing.is_set_up {
        return standing;
    }
    let project = repository::worktree_of(folder).map(|worktree| Scope::Project(worktree.root));
    project.map(|scope| examine(agent, world, &scope)).filter(|there| there.is_set_up).unwrap_or(standing)
}

/// What sets up an agent whose hooks say nothing in a project; none where they do, or cannot.
pub(in crate::commands) fn missing(app: &App, name: &str, project: &Path) -> Option<String> {
    let variable = |name: &str| app.variable(name);
    let world = world(app, &variable)?;
    let agent = AGENTS.iter().find(|agent| agent.name == name)?;
    (!standing(agent, &world, project).is_set_up).then(|| remedy(agent))
}

fn remedy(agent: &Agent) -> String {
    format!("aio init --yes --agents {}", agent.name)
}

fn judge(agent: &Agent, world: &World<'_>, standing: Standing) -> Finding {
    if !standing.broken.is_empty() {
        return Finding::broken(agent.name, standing.broken.join("; "), remedy(agent));
    }
    let Some(line) = &standing.line else {
        return Finding::broken(agent.name, "no hook of ours runs before its edits", remedy(agent));
    };
    match tried(agent, world, line) {
        Err(reason) => Finding::broken(agent.name, format!("a trial of its hook failed: {reason}"), remedy(agent)),
        Ok(()) if standing.outdated.is_empty() => {
            Finding::fine(agent.name, "set up; a trial of its hook claimed a file")
        }
        Ok(()) => Finding::notice(agent.name, standing.outdated.join("; "), remedy(agent)),
    }
}

/// Announces an edit as the agent would, from a plain environment and to a state of its own, and looks whether it was
/// claimed there.
fn tried(agent: &Agent, world: &World<'_>, line: &str) -> Result<(), String> {
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (state, folder) = (place.path().join("state"), place.path().join("project"));
    let (payload, file) = (place.path().join("payload"), folder.join("aio-doctor.txt"));
    let text = agent.trial.payload.replace("{cwd}", &json_text(&folder)).replace("{file}", &json_text(&file));
    fs::create_dir(&folder).and_then(|()| fs::write(&payload, text)).map_err(|error| error.to_string())?;
    let stdin = File::open(&payload).map_err(|error| error.to_string())?;
    let ran = Command::new("/bin/sh")
        .args(["-c", &elsewhere(line, &world.dir, &state)])
        .current_dir(&folder)
        .env_clear()
        .env("HOME", &world.home)
        .env("PATH", PLAIN_PATH)
        .env("AIO_DIR", &state)
        .stdin(stdin)
        .output()
        .map_err(|error| format!("/bin/sh cannot be run: {error}"))?;
    let (said, errors) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let errors = errors.trim();
    let is_claimed = fs::read_to_string(state.join("state.json")).is_ok_and(|text| text.contains("aio-doctor.txt"));
    match ran.status.code() {
        Some(0) if is_claimed => is_answer(said.trim()),
        Some(0) if errors.is_empty() => Err(format!("{line} did nothing: aio was not found there")),
        _ => Err(format!("{}: {errors}", ran.status)),
    }
}

/// Agents take nothing, or one JSON object.
fn is_answer(said: &str) -> Result<(), String> {
    let is_object = serde_json::from_str::<serde_json::Value>(said).is_ok_and(|value| value.is_object());
    if said.is_empty() || is_object { Ok(()) } else { Err(format!("it answered {said:?}")) }
}

/// A path within a JSON string.
fn json_text(path: &Path) -> String {
    let quoted = serde_json::Value::from(path.to_string_lossy()).to_string();
    quoted.trim_matches('"').to_owned()
}
