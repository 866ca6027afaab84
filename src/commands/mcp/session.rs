//! Who calls through this server, and one call from its words to its answer.

use std::ffi::OsString;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{self, Heard};
use super::tools;
use crate::app::App;
use crate::cli::{Globals, RegisterArgs};
use crate::commands::{self, register};
use crate::error::{Exit, Failure};
use crate::host::agents::AGENTS;
use crate::output::Report;
use crate::protocol::id;
use crate::protocol::op::{Attendance, Op, Outcome, Request, Turn};

/// What clients are called that call themselves nothing we could use.
const NAMELESS: &str = "mcp";

/// This server's identity. Everything else is asked anew at each call.
pub(super) struct Session {
    /// `--as`: then nobody is registered.
    named: Option<String>,
    member: Mutex<Option<Member>>,
}

#[derive(Clone)]
struct Member {
    id: String,
    /// It was registered here, and leaves with the client.
    is_ours: bool,
}

impl Session {
    pub(super) fn new(named: Option<&str>) -> Session {
        Session { named: named.map(str::to_owned), member: Mutex::new(None) }
    }

    /// Runs one tool.
    pub(super) fn call(
        &self,
        client: &str,
        tool: &str,
        arguments: JsonObject,
        interruption: Arc<AtomicUsize>,
    ) -> CallToolResult {
        let mut heard = Heard::default();
        let result = self.try_call(client, tool, &arguments, &interruption, &mut heard);
        answer::of(tool, result, heard)
    }

    fn try_call(
        &self,
        client: &str,
        tool: &str,
        arguments: &JsonObject,
        interruption: &Arc<AtomicUsize>,
        heard: &mut Heard,
    ) -> Result<Report, Failure> {
        let once = |heard: &mut Heard| {
            // Each time anew, for a verb is used up.
            let call = tools::parse(tool, arguments)?;
            let caller = self.caller(client, call.by_somebody)?;
            let mut app = app(caller.clone())?;
            app.interruption = Some(Arc::clone(interruption));
            if caller.is_some() {
                *heard = hear(&app);
            }
            commands::run(&app, call.verb)
        };
        match once(heard) {
            // Somebody unregistered it, or it was gone for a week.
            Err(failure) if failure.exit == Exit::NotRegistered && self.forget() => once(heard),
            result => result,
        }
    }

    /// The id to call by. Whoever only looks need not take part.
    fn caller(&self, client: &str, by_somebody: bool) -> Result<Option<String>, Failure> {
        if self.named.is_some() {
            return Ok(self.named.clone());
        }
        let mut member = self.lock();
        if member.is_none() && by_somebody {
            *member = Some(join(client)?);
        }
        Ok(member.as_ref().map(|member| member.id.clone()))
    }

    /// Whether there was anybody to forget.
    fn forget(&self) -> bool {
        self.lock().take().is_some()
    }

    /// Unregisters who was registered here. Nobody is left to be told of a failure, and the agent's end frees it anyway.
    pub(super) fn leave(&self) {
        if let Some(Member { id, is_ours: true }) = self.lock().take()
            && let Ok(app) = app(Some(id.clone()))
            && let Err(failure) = app.transact(&Request { actor: Some(id), op: Op::Unregister })
        {
            app.warn(&failure.message);
        }
    }

    /// It is changed in one step, so a panic elsewhere leaves it whole.
    fn lock(&self) -> MutexGuard<'_, Option<Member>> {
        self.member.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn app(as_id: Option<String>) -> Result<App, Failure> {
    App::new(&Globals { as_id, json: true })
}

/// The instance that this server's agent already is, by its hooks or by an earlier command; else a new one. It lives as
/// long as the agent's process or, where none is recognised, whatever started this server.
fn join(client: &str) -> Result<Member, Failure> {
    let app = app(None)?;
    let seen = app.ancestry();
    let tool = known_agent(client).or(seen.agent.map(|seen| seen.agent.tool)).map(str::to_owned);
    let tool = tool.or_else(|| id::tool_name(client)).unwrap_or_else(|| NAMELESS.to_owned());
    if let Some(id) = known(&app, &tool)? {
        return Ok(Member { id, is_ours: false });
    }
    let parent = seen.parent().map(|parent| parent.key.pid).filter(|_| seen.agent.is_none());
    let joined = register::join(&app, &RegisterArgs { tool: Some(tool), pid: parent, ..RegisterArgs::default() })?;
    Ok(Member { id: joined.id, is_ours: !joined.again })
}

/// Who the commands of this server's agent are done by. Where no agent is seen, whoever is recorded above may be another
/// client of the same starter: an editor has several.
fn known(app: &App, tool: &str) -> Result<Option<String>, Failure> {
    let found = app.with_state(|state| {
        let id = app.caller(state)?;
        let is_same = state.instance(&id).is_some_and(|instance| instance.tool == *tool);
        Ok((id, is_same))
    });
    match found {
        Err(failure) if failure.exit == Exit::NotRegistered => Ok(None),
        Err(failure) => Err(failure),
        Ok((id, is_same)) => {
            let is_told = app.variable("AIO_INSTANCE").is_some_and(|told| told == *id);
            Ok(Some(id).filter(|_| is_same || is_told || app.ancestry().agent.is_some()))
        }
    }
}

/// The agent that a client's name has a word of: `claude-code`, `gemini-cli-mcp-client`, `Cursor`.
fn known_agent(client: &str) -> Option<&'static str> {
    let client = client.to_lowercase();
    let mut words = client.split(|c: char| !c.is_ascii_alphanumeric());
    words.find_map(|word| AGENTS.iter().map(|agent| agent.tool).find(|tool| *tool == word))
}

/// What was lost, and what others left for this session. Trouble in hearing is the command's to tell.
fn hear(app: &App) -> Heard {
    let op = Op::Attend(Attendance { turn: Turn::GoesOn, hears: true });
    let outcome = app.look(&op).ok().and_then(|look| match look.answer {
        Some(answer) => answer.ok(),
        None => app.transact(&Request { actor: Some(look.caller), op: op.clone() }).ok(),
    });
    match outcome {
        Some(Outcome::Heard { lost, news }) => Heard { lost, news },
        _ => Heard::default(),
    }
}

/// Paths and names, as a command line has them.
pub(super) fn words(words: Vec<String>) -> Vec<OsString> {
    words.into_iter().map(OsString::from).collect()
}
