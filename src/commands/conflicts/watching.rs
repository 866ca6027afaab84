//! `aio conflicts --watch`: a line for each conflict that appears, changes or is gone.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::picture::{Conflict, Picture};
use crate::app::App;
use crate::cli::ConflictsArgs;
use crate::commands::interrupting::Interruption;
use crate::error::Failure;
use crate::output::{Line, Report, Style};
use crate::store::watch::Changes;

/// Files and branches change without a word in the state.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

type Seen = BTreeMap<(PathBuf, String, String), (Conflict, String)>;

/// Goes on until the reader goes away. What is there at the beginning appears.
pub(super) fn run(app: &App, args: &ConflictsArgs) -> Result<Report, Failure> {
    let changes = Changes::of(app.store.dir());
    let interruption = Interruption::catch(Some(changes.waker()))?;
    let mut pictures = match super::look(app, args) {
        Err(_) if interruption.came() => return Ok(interruption.end(app, Report::silent("watched"), "", None)),
        looked => looked?.pictures,
    };
    let (mut before, mut told) = (Seen::new(), Vec::new());
    loop {
        let after = see(&pictures);
        match show(app, &before, &after) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Report::silent("watched")),
            shown => shown.map_err(|error| Failure::environment(format!("cannot print: {error}")))?,
        }
        before = after;
        told = tell(app, told, &pictures);
        pictures = loop {
            changes.wait(LOOK_AGAIN);
            if interruption.came() {
                return Ok(interruption.end(app, Report::silent("watched"), "", None));
            }
            // What cannot be looked at just now is looked at again.
            if let Ok(looked) = super::look(app, args) {
                break looked.pictures;
            }
        };
    }
}

fn see(pictures: &[Picture]) -> Seen {
    let conflicts =
        pictures.iter().flat_map(|picture| picture.conflicts.iter().map(move |conflict| (picture, conflict)));
    conflicts
        .map(|(picture, conflict)| {
            let key = (picture.project.clone(), conflict.ours.clone(), conflict.theirs.clone());
            (key, (conflict.clone(), picture.pair(conflict)))
        })
        .collect()
}

/// Says each note once, for as long as it holds.
fn tell(app: &App, told: Vec<String>, pictures: &[Picture]) -> Vec<String> {
    let notes: Vec<String> = pictures.iter().flat_map(|picture| picture.survey.notes.iter().cloned()).collect();
    notes.iter().filter(|note| !told.contains(note)).for_each(|note| app.warn(note));
    notes
}

fn show(app: &App, before: &Seen, after: &Seen) -> std::io::Result<()> {
    for (key, (conflict, pair)) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        print(app, "cleared", &key.0, conflict, pair)?;
    }
    for (key, (conflict, pair)) in after {
        let files = |conflict: &Conflict| {
            let paths = conflict.files.iter().map(|file| file.path.clone());
            (paths.collect::<Vec<_>>(), conflict.more)
        };
        match before.get(key) {
            None => print(app, "appeared", &key.0, conflict, pair)?,
            Some((old, _)) if files(old) != files(conflict) => print(app, "changed", &key.0, conflict, pair)?,
            Some(_) => {}
        }
    }
    Ok(())
}

fn print(app: &App, change: &str, project: &Path, conflict: &Conflict, pair: &str) -> std::io::Result<()> {
    if app.output.json {
        let project = project.display().to_string();
        return app.output.emit(&json!({ "change": change, "project": project, "conflict": conflict }));
    }
    let (style, word) = match change {
        "cleared" => (Style::Good, "CLEAR"),
        _ => (Style::Bad, "CONFLICT"),
    };
    let files = conflict.files.iter().map(|file| file.path.as_str());
    let files: Vec<&str> = conflict.without_files().into_iter().chain(files).collect();
    let about = if change == "cleared" { String::new() } else { format!(": {}", files.join(", ")) };
    app.output.lines(&[Line(vec![(style, word.to_owned()), (Style::Plain, format!("  {pair}{about}"))])])
}
