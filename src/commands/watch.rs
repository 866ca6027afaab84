//! `aio watch`: one JSON line per change.
//!
//! What is printed is the difference between two states as they stand in the file, so changes by an editor or another
//! implementation show as well as ours. Two changes that undo each other between two looks leave no line; `aio log
//! --follow` has them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Failure;
use crate::output::Report;
use crate::protocol::state::State;
use crate::store::watch::Changes;

/// Where a watch does not work, this is how soon a change is seen.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub(super) fn run(app: &App) -> Result<Report, Failure> {
    let changes = Changes::of(app.store.dir());
    let mut before = picture(app)?;
    loop {
        changes.wait(LOOK_AGAIN);
        // A state that cannot be read just now is looked at again; `aio doctor` tells what is wrong with it.
        let Ok(after) = picture(app) else { continue };
        for line in differences(&before, &after) {
            match app.output.emit(&line) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Report::silent("watched")),
                result => result.map_err(|error| Failure::environment(format!("cannot print: {error}")))?,
            }
        }
        before = after;
    }
}

/// Every entry of a state, by section and id. Heartbeats are left out: they are no news.
#[derive(Default)]
struct Picture {
    revision: u64,
    entries: BTreeMap<(&'static str, String), Value>,
}

fn picture(app: &App) -> Result<Picture, Failure> {
    app.with_state(|state| Ok(draw(state)))
}

fn draw(state: &State<'_>) -> Picture {
    let mut entries = BTreeMap::new();
    for instance in &state.instances {
        let mut value = as_value(instance);
        for key in ["lastHeartbeat", "heartbeatMonotonicMs", "heartbeatStamp", "claims"] {
            value.as_object_mut().and_then(|object| object.remove(key));
        }
        entries.insert(("instance", instance.key.to_string()), value);
    }
    entries.extend(state.claims.iter().map(|claim| (("claim", claim.key.to_string()), as_value(claim))));
    entries.extend(state.waiters.iter().map(|waiter| (("waiter", waiter.id.to_string()), as_value(waiter))));
    let context = state.context.entries().unwrap_or_default();
    entries.extend(context.iter().map(|entry| (("context", entry.id.to_string()), as_value(entry))));
    Picture { revision: state.revision, entries }
}

fn as_value(record: &impl Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}

fn differences(before: &Picture, after: &Picture) -> Vec<Value> {
    let line = |change: &str, (section, id): &(&str, String), value: &Value| json!({ "revision": after.revision, "change": change, "section": section, "id": id, "entry": value });
    let gone = before.entries.iter().filter(|(key, _)| !after.entries.contains_key(*key));
    let gone = gone.map(|(key, value)| line("removed", key, value));
    let fresh = after.entries.iter().filter_map(|(key, value)| match before.entries.get(key) {
        None => Some(line("added", key, value)),
        Some(old) if old != value => Some(line("changed", key, value)),
        Some(_) => None,
    });
    gone.chain(fresh).collect()
}
