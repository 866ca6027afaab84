//! `aio tell`: a message that its addressee's hooks deliver.

use serde_json::json;

use super::context;
use crate::app::App;
use crate::cli::TellArgs;
use crate::error::{Exit, Failure};
use crate::host::agents::AGENTS;
use crate::output::Report;
use crate::protocol::id::is_abbreviation;
use crate::protocol::news::EVERYBODY;
use crate::protocol::op::NewContext;
use crate::protocol::state::{Instance, State};

pub(super) fn run(app: &App, args: &TellArgs) -> Result<Report, Failure> {
    let (to, is_there) = app.with_state(|state| {
        let to = addressee(state, &args.to)?;
        let hears = |instance: &Instance<'_>| {
            instance.evicted_at.is_empty() && (to == EVERYBODY || [&*instance.key, &*instance.tool].contains(&&*to))
        };
        let is_there = state.instances.iter().any(hears);
        Ok((to, is_there))
    })?;
    let message = NewContext { category: "message".to_owned(), to: Some(to.clone()), ..NewContext::default() };
    let (id, _) = context::write(app, message, &args.words)?;
    let data = json!({ "id": id, "to": to });
    let mut report = Report::done("told", format!("Message left for {to}: {id}")).with(data);
    if !is_there {
        report.notes.push(format!("{to} is not at work now: only a session that is resumed will hear it"));
    }
    Ok(report)
}

/// An agent, whether or not it takes part yet; an instance by its id or an end of it; or everybody.
fn addressee(state: &State<'_>, word: &str) -> Result<String, Failure> {
    let is_agent = || AGENTS.iter().any(|agent| agent.tool == word);
    let is_tool = || state.instances.iter().any(|instance| instance.tool == *word);
    if word == EVERYBODY || state.instance(word).is_some() || is_agent() || is_tool() {
        return Ok(word.to_owned());
    }
    let ids = state.instances.iter().map(|instance| instance.key.to_string());
    match &*ids.filter(|id| is_abbreviation(id, word)).collect::<Vec<_>>() {
        [only] => Ok(only.clone()),
        [] => {
            let message = format!("{word:?} is no instance, agent or `all`");
            Err(Failure::new(Exit::Usage, "unknown", message).hint("aio status lists instances"))
        }
        several => {
            let message = format!("{word:?} names more than one instance: {}", several.join(" "));
            Err(Failure::new(Exit::Usage, "ambiguous", message).hint("use more of the id"))
        }
    }
}
