//! Whether an agent's settings say what they should.
//!
//! Looks at files only; whether the hooks then really reach us is for the caller to try, with the line given here.

use std::path::Path;

use super::agents::{Agent, Template};
use super::file::Original;
use super::json::{Document, Step, Tree};
use super::part::{Part, Placed, parts_of};
use super::plan::text_at;
use super::trust::boolean_at;
use super::{Scope, World, line};

/// How an agent stands.
#[derive(Debug, Default)]
pub struct Standing {
    /// Whether anything of ours is in its settings.
    pub is_set_up: bool,
    /// What keeps it from working.
    pub broken: Vec<String>,
    /// What is not as this version would have it.
    pub outdated: Vec<String>,
    /// The shell line that it runs before an edit, if it would.
    pub line: Option<String>,
}

/// Examines one agent's settings.
pub fn examine(agent: &'static Agent, world: &World<'_>, scope: &Scope) -> Standing {
    let mut standing = Standing::default();
    let parts = parts_of(agent, world, scope, &text_at);
    standing.is_set_up =
        parts.iter().filter(|placed| is_hooks(placed)).any(|placed| placed.part.is_in(&text_at(&placed.path)));
    if !standing.is_set_up {
        return standing;
    }
    for placed in &parts {
        match Original::read(&placed.path) {
            Ok(_) => look(placed, &mut standing),
            Err(reason) => standing.broken.push(format!("{} cannot be read: {reason}", placed.path.display())),
        }
    }
    if let Scope::Project(project) = scope
        && agent.trusts.is_some_and(|trusts| !trusts(&|name| text_at(&agent.folder(world).join(name)), project))
    {
        standing
            .broken
            .push(format!("it does not trust {}, and runs no hooks of a project it does not trust", project.display()));
    }
    if let Some(switch) = switched_off(agent, world) {
        standing.broken.push(format!("all its hooks are switched off by {switch}; remove that"));
    }
    standing.line = standing.line.or_else(|| plugin_line(agent, world, scope));
    standing
}

fn is_hooks(placed: &Placed) -> bool {
    matches!(placed.part, Part::Hooks(_) | Part::Plugin { .. })
}

fn look(placed: &Placed, standing: &mut Standing) {
    let (text, path) = (text_at(&placed.path), placed.path.display());
    if let Part::Trust(trust) = &placed.part {
        if !trust.is_trusted(&text) {
            standing.broken.push(format!("{path} does not trust our hooks, so they are skipped silently"));
        }
        if !trust.is_writable(&text) {
            standing.outdated.push(format!("{path} does not let the sandbox write the state"));
        }
        return;
    }
    match placed.part.put_in(&text) {
        Err(wrong) => standing.broken.push(format!("{path}: {wrong}")),
        // Whoever took the words for the model out does not want them.
        Ok(_) if !is_hooks(placed) && !placed.part.is_in(&text) => {}
        Ok(current) if current != text => standing.outdated.push(format!("{path} is not as this aio would have it")),
        Ok(_) => {}
    }
    if let Part::Hooks(hooks) = &placed.part {
        let event =
            super::agents::AGENTS.iter().find(|agent| agent.name == placed.agent).map(|agent| agent.trial.event);
        let places = hooks.places(&text).unwrap_or_default();
        let place = places.iter().find(|place| Some(&*place.event) == event);
        let line = place.and_then(|place| ["command", "bash"].iter().find_map(|key| place.handler.get(key)?.text()));
        standing.line = line.map(str::to_owned);
    }
}

/// What a plugin does, as a shell line.
fn plugin_line(agent: &Agent, world: &World<'_>, scope: &Scope) -> Option<String> {
    let Template::Plugin(_) = agent.template else { return None };
    let line = format!("{} aio hook {} {}", line::USUAL_LINE, agent.name, agent.trial.event);
    Some(line::hook_line(&line, world.unusual_dir(scope)))
}

/// A shell line that uses another state directory instead of this one.
pub fn elsewhere(line: &str, dir: &Path, other: &Path) -> String {
    let named = |dir: &Path| format!("AIO_DIR={}", line::quoted(dir));
    line.replacen(&named(dir), &named(other), 1)
}

/// What in a person's own settings keeps an agent from running any hook.
fn switched_off(agent: &Agent, world: &World<'_>) -> Option<String> {
    let switch = agent.switch?;
    let path = agent.folder(world).join(switch.file);
    let text = text_at(&path);
    let is_off = if switch.file.ends_with(".toml") {
        boolean_at(&text, switch.keys) == Some(switch.off)
    } else {
        let steps: Vec<Step<'_>> = switch.keys.iter().map(|key| Step::Key(key)).collect();
        let value = Document::parse(&text).ok().and_then(|document| document.get(&steps));
        value == Some(Tree::Other(switch.off.to_string()))
    };
    is_off.then(|| format!("{} in {}", switch.keys.join("."), path.display()))
}
