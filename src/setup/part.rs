//! What one agent has of us in one file.

use std::path::{Path, PathBuf};

use super::agents::{Agent, Paths, Template};
use super::hooks::Hooks;
use super::json::{Document, Wrong};
use super::trust::Trust;
use super::{Scope, World, line, snippet};

/// Something of ours in a file.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Hooks among other settings.
    Hooks(Hooks),
    /// A file of our own.
    Plugin { agent: &'static str, text: String },
    /// Lines for the model among a person's instructions.
    Snippet(&'static str),
    /// That Codex may run our hooks, and its sandbox write our state.
    Trust(Box<Trust>),
}

/// A part, and where it belongs.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) agent: &'static str,
    /// The file, by the name that the agent knows.
    pub(super) path: PathBuf,
    pub(super) part: Part,
}

/// Everything that an agent has of us. `read` gives the text of a file.
pub(super) fn parts_of(
    agent: &'static Agent,
    world: &World<'_>,
    scope: &Scope,
    read: &dyn Fn(&Path) -> String,
) -> Vec<Placed> {
    let at = |paths: &Paths| match scope {
        Scope::User => agent.folder(world).join(paths.user),
        Scope::Project(project) => project.join(paths.project),
    };
    let placed = |path: PathBuf, part: Part| Placed { agent: agent.name, path, part };
    let dir = world.unusual_dir(scope);
    let path = at(&agent.hooks);
    let mut parts = Vec::new();
    match agent.template {
        Template::Plugin(text) => {
            parts.push(placed(path, Part::Plugin { agent: agent.name, text: line::plugin(text, dir) }));
        }
        Template::Hooks(text) => {
            let hooks = hooks_of(agent.name, text, dir);
            // A project cannot say what a person trusts.
            let trust = agent.trust.filter(|_| *scope == Scope::User).map(|file| {
                let trust = Trust::new(hooks.clone(), &path, read(&path), &world.dir);
                placed(agent.folder(world).join(file), Part::Trust(Box::new(trust)))
            });
            parts.push(placed(path, Part::Hooks(hooks)));
            parts.extend(trust);
        }
    }
    parts.extend(agent.memory.iter().map(|(paths, text)| placed(at(paths), Part::Snippet(text))));
    parts
}

fn hooks_of(agent: &'static str, template: &str, dir: Option<&Path>) -> Hooks {
    let template = Document::parse(template).ok().and_then(|doc| doc.get(&[])).expect("templates are JSON");
    Hooks { agent, template: template.map(&|text| line::hook_line(text, dir)) }
}

impl Part {
    /// The text with this part as it is now. A file that is not there reads as an empty one.
    ///
    /// # Errors
    /// Where the text is not what it should be.
    pub(super) fn put_in(&self, text: &str) -> Result<String, Wrong> {
        match self {
            Part::Hooks(hooks) => hooks.put_in(text),
            Part::Plugin { text: plugin, .. } if text.is_empty() || self.is_our_plugin(text) => Ok(plugin.clone()),
            Part::Plugin { .. } => Err(Wrong::at(text, 0, "somebody else's plugin stands where ours belongs")),
            Part::Snippet(snippet) => snippet::put_in(text, snippet),
            Part::Trust(trust) => trust.put_in(text),
        }
    }

    /// The text without this part. What was there `before` stays even if nothing is in it.
    ///
    /// # Errors
    /// As [`Part::put_in`].
    pub(super) fn take_out(&self, text: &str, before: Option<&str>) -> Result<String, Wrong> {
        match self {
            Part::Hooks(hooks) => hooks.take_out(text, before),
            Part::Plugin { .. } if self.is_our_plugin(text) => Ok(String::new()),
            Part::Plugin { .. } => Ok(text.to_owned()),
            Part::Snippet(_) => snippet::take_out(text),
            Part::Trust(trust) => trust.take_out(text, before),
        }
    }

    /// Whether a text that this part was taken out of says nothing any more.
    pub(super) fn leaves_nothing(&self, text: &str) -> bool {
        match self {
            Part::Hooks(hooks) => hooks.is_empty(text),
            _ => text.trim().is_empty(),
        }
    }

    /// Whether any version of this part is in a text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.take_out(text, None).is_ok_and(|without| without != text)
    }

    /// What is done to a file that has it in some version, or not, in words.
    pub(super) fn in_words(&self, path: &Path, is_in: bool) -> String {
        let path = path.display();
        let verb = if is_in { "renew" } else { "add" };
        match self {
            Part::Hooks(hooks) => format!("{verb} {} hooks in {path}", hooks.events().count()),
            Part::Plugin { .. } => format!("{verb} the plugin {path}"),
            Part::Snippet(_) => format!("{verb} a few lines for the model in {path}"),
            Part::Trust(trust) => format!("{} in {path}", trust.in_words()),
        }
    }

    fn is_our_plugin(&self, text: &str) -> bool {
        matches!(self, Part::Plugin { agent, .. } if text.contains(&format!("aio hook {agent} ")))
    }
}
