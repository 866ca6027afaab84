//! A session's registration, its turns' beginnings, and the brief it starts with.

use super::{Answer, App, Failure, Hook, Op, Outcome, Registration, Request, Turn, told};
use crate::fleet::files::{JobFiles, Witness, digest};
use crate::hooks::words::{self, Colleague};
use crate::protocol::lease;
use crate::protocol::news;
use crate::protocol::state::{Instance, State};

/// Agents that run the hooks in another's settings.
const BORROWERS: [&str; 2] = ["copilot", "cursor"];
/// Of a prompt, this much says what a session is about.
const TASK_CHARS: usize = 100;

impl Hook<'_> {
    pub(super) fn start_session(&self) -> Result<Answer, Failure> {
        // It has begun, after all that an agent asks first.
        self.tell_parent(|_| {});
        let id = self.register()?;
        // Whatever was under way when it stopped is not any more.
        self.forget_calls(&id);
        let text = self.app.with_state(|state| brief(self.app, state, &id))?;
        Ok(told(text))
    }

    /// The first words of a session are its task, until it names another.
    pub(super) fn begin_turn(&self, prompt: &str) -> Result<Answer, Failure> {
        self.tell_parent(|witness| {
            witness.is_working = true;
            witness.prompts += 1;
            (witness.question, witness.trouble) = Default::default();
            witness.prompt_digest = digest(said(prompt));
        });
        let task = words::one_line(said(prompt), TASK_CHARS);
        let task = (!task.is_empty()).then_some(task);
        // A session that goes on in another process says so here at the latest.
        let has_process = self.app.with_state(|state| {
            let known = self.app.caller_if_any(state)?;
            Ok(known.and_then(|id| state.instance(&id)).is_some_and(|instance| instance.pid != 0))
        })?;
        if !has_process {
            self.register()?;
        }
        let (_, news) = self.attend(Turn::Begins { task })?;
        Ok(told(news))
    }

    /// Takes part under the session's id, with the agent's process where it stands above.
    pub(super) fn register(&self) -> Result<String, Failure> {
        let seen = self.app.ancestry().agent;
        let borrower = seen.map(|seen| seen.agent.tool).filter(|tool| BORROWERS.contains(tool));
        let tool = borrower.unwrap_or(self.adapter.agent);
        let known = self.app.with_state(|state| Ok(self.app.caller_if_any(state)?.or_else(|| self.job(state))))?;
        let registration = Registration {
            tool: tool.to_owned(),
            project: self.app.project_of(&self.cwd()),
            session: Some(self.event.session.clone()),
            process: seen.filter(|seen| seen.agent.tool == tool).map(|seen| seen.process),
            id: known,
            hooks: true,
            ..Registration::default()
        };
        let request = Request { actor: None, op: Op::Register(registration) };
        match self.app.transact_within(&request, super::LOCK_PATIENCE)? {
            Outcome::Registered { id, .. } => Ok(id),
            _ => Ok(String::new()),
        }
    }
}

impl Hook<'_> {
    /// The instance that was registered for the job this agent is, until it has a session: an agent that the job's agent starts
    /// has the same variables.
    fn job(&self, state: &State<'_>) -> Option<String> {
        self.app.variable("AIO_JOB")?;
        let id = self.app.variable("AIO_INSTANCE")?.into_string().ok()?;
        state.instance(&id).filter(|instance| instance.session.is_empty()).map(|instance| instance.key.to_string())
    }

    /// Tells the process above a job's agent what this hook saw. Only of the session that is the job's.
    pub(super) fn tell_parent(&self, change: impl FnOnce(&mut Witness)) {
        let Some(job) = self.app.variable("AIO_JOB").and_then(|job| job.into_string().ok()) else { return };
        let files = JobFiles::of(self.app.store.dir(), &job);
        let before = files.witness().unwrap_or_default();
        let mut witness = before.clone();
        if witness.session.is_empty() {
            witness.session.clone_from(&self.event.session);
        }
        if witness.session == self.event.session {
            change(&mut witness);
        }
        if witness != before {
            // Otherwise less is known of the job.
            files.note_witness(&witness).unwrap_or_default();
        }
    }
}

/// What the person said. Gemini CLI hands a hook's words, ours among them, back with the next prompt; Claude Code frames what
/// was pasted into a terminal, and when that is the whole prompt, it is what was said.
fn said(prompt: &str) -> &str {
    match prompt.split_once("</hook_context>") {
        Some((context, rest)) if context.trim_start().starts_with("<hook_context>") => rest,
        _ => pasted(prompt).unwrap_or(prompt),
    }
}

fn pasted(prompt: &str) -> Option<&str> {
    let (id, rest) = prompt.strip_prefix("\n\n<pasted_content id=\"")?.split_once("\">\n")?;
    rest.strip_suffix(&format!("\n</pasted_content id=\"{id}\">\n"))
}

/// Who else works in the instance's project, and what stands open there.
fn brief(app: &App, state: &State<'_>, id: &str) -> Result<String, Failure> {
    let Some(own) = state.instance(id) else { return Ok(String::new()) };
    let is_near =
        |other: &&Instance<'_>| other.key != *id && other.evicted_at.is_empty() && other.project == own.project;
    let near: Vec<&Instance<'_>> = state.instances.iter().filter(is_near).collect();
    let evidence = app.evidence(state, &near);
    let alive = near.into_iter().filter(|other| lease::liveness(other, &evidence).holds());
    let colleagues: Vec<Colleague> = alive.map(|other| colleague(state, other)).collect();
    let entries = state.context.entries().unwrap_or_default();
    let standing: Vec<_> =
        news::standing(&entries, own, &evidence).into_iter().map(|entry| news::told(entry, &evidence)).collect();
    Ok(words::brief(&colleagues, &standing))
}

fn colleague(state: &State<'_>, other: &Instance<'_>) -> Colleague {
    Colleague {
        id: other.key.to_string(),
        task: other.current_task.as_ref().map(ToString::to_string),
        holds: state.claims_of(&other.key).map(|claim| claim.target.to_string()).collect(),
    }
}
