//! `aio doctor --repair`: a state that cannot be read is put aside, and what can be made out of it is kept.

use std::fs;

use crate::app::App;
use crate::error::Failure;
use crate::protocol::state::State;
use crate::protocol::{document, salvage};
use crate::store::StoreError;

/// What was done, in words; nothing when the state can be read.
///
/// # Errors
/// When the state cannot be locked, copied or written. It is as it was then.
pub(super) fn run(app: &App) -> Result<Vec<String>, Failure> {
    let stamp = app.stamp();
    let mut guard = app.store.lock(app.store.patience(), &stamp)?;
    let path = app.store.state_path();
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let bytes = fs::read(&path).map_err(StoreError::io("read", &path))?;
    let text = String::from_utf8_lossy(&bytes);
    if is_whole(&text) || document::schema_version(&text).is_some_and(|v| v > crate::protocol::state::SCHEMA_VERSION) {
        return Ok(Vec::new());
    }
    let copy = path.with_file_name(format!("state.json.corrupt-{}", stamp.replace(':', "")));
    fs::copy(&path, &copy).map_err(StoreError::io("write", &copy))?;
    let salvaged = salvage::salvage(&text);
    let (instances, claims, context) = (salvaged.instances.len(), salvaged.claims.len(), salvaged.context.len());
    let (projects, jobs) = (salvaged.projects.len(), salvaged.jobs.len());
    let mut state = salvaged.into_state();
    state.revision = guard.next_revision(state.revision);
    guard.use_revision(state.revision, String::new())?;
    app.store.replace(&guard, &document::write(&mut state))?;
    app.changed.set(true);
    Ok(vec![format!(
        "repaired: kept {instances} instances, {claims} claims, {context} context entries, {projects} projects, {jobs} jobs; \
         the old file is {}",
        copy.display()
    )])
}

/// Whether a text is a state down to each of its sections.
fn is_whole(text: &str) -> bool {
    document::read(text).is_ok_and(|state| unread(&state).is_none())
}

/// The first section that cannot be read, and why.
pub(super) fn unread(state: &State<'_>) -> Option<(&'static str, String)> {
    let context = ("context", state.context.entries().err());
    let projects = ("projects", state.projects.entries().err());
    let jobs = ("jobs", state.jobs.entries().err());
    [context, projects, jobs].into_iter().find_map(|(name, error)| Some((name, error?.to_string())))
}
