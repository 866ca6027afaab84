//! Changes that nobody announced: files of others that are not, after a shell command, what they were before it.
//!
//! A command that is not understood passes, and may write anything. What it wrote is noticed by comparing, and told to both; a
//! change that the holder itself made, or may have made, is laid at nobody's door.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Failure, Hook};
use crate::app::{pause, spell, unspell};
use crate::hooks::words::{self, Changed};
use crate::host::repository::worktree_of;
use crate::host::stat::fingerprint;
use crate::protocol::op::{NewContext, Op};
use crate::protocol::place::Kind;
use crate::protocol::state::{Claim, Instance, State};
use crate::store::calls::Calls;

/// How many files are compared at most.
const MOST_FILES: usize = 200;
/// An edit of the holder's is noted right after it was made; so long it may take.
const NOTING: Duration = Duration::from_millis(250);
/// Where an instance notes its own edits.
const EDITS: &str = "edits";
/// The name of a call whose agent gives it none.
const UNNAMED: &str = "call";

/// What others held when a command began.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Before {
    files: Vec<File>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct File {
    claim: String,
    holder: String,
    path: String,
    print: String,
}

/// Which file was left how, by its holder's last edits.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Edits(BTreeMap<String, String>);

impl Hook<'_> {
    /// Notes what others hold here, before a command runs. Nothing where nobody else is at work.
    pub(super) fn note_before(&self, caller: &str) -> Result<(), Failure> {
        let Some(root) = self.worktree() else { return Ok(()) };
        let files =
            self.app.with_state(|state| Ok(is_shared(state, caller, &root).then(|| held(state, caller, &root))))?;
        if let Some(files) = files {
            Calls::of(self.app.store.dir(), caller).note(self.call(), &Before { files });
        }
        Ok(())
    }

    /// Compares, after it ran.
    pub(super) fn compare_after(&self, caller: &str) -> Result<String, Failure> {
        let calls = Calls::of(self.app.store.dir(), caller);
        let before: Option<Before> = calls.read(self.call());
        calls.forget(self.call());
        let mut changed: Vec<File> = before.unwrap_or_default().files;
        changed.retain(|file| fingerprint(&unspell(&file.path)) != file.print);
        if changed.is_empty() {
            return Ok(String::new());
        }
        pause(NOTING);
        let found = self.app.with_state(|state| Ok(self.unannounced(state, caller, &changed)))?;
        for one in found.iter().filter(|one| one.is_certain) {
            self.tell_holder(caller, one)?;
        }
        Ok(words::changed(&found))
    }

    fn unannounced(&self, state: &State<'_>, caller: &str, changed: &[File]) -> Vec<Changed> {
        let still_held = |file: &&File| state.claim(&file.claim).is_some_and(|claim| claim.instance_id == *file.holder);
        let by_holder = |file: &&File| {
            let edits: Option<Edits> = Calls::of(self.app.store.dir(), &file.holder).read(EDITS);
            edits.is_some_and(|edits| {
                edits.0.get(&file.path).is_some_and(|print| *print == fingerprint(&unspell(&file.path)))
            })
        };
        let files = changed.iter().filter(still_held).filter(|file| !by_holder(file) && file.holder != caller);
        files
            .map(|file| Changed {
                path: self.name(&file.path),
                holder: file.holder.clone(),
                is_certain: state.instance(&file.holder).is_some_and(|holder| self.is_idle(holder)),
            })
            .collect()
    }

    /// Whether a change cannot be the holder's own: its hooks would have told of an edit, and no command of its runs.
    fn is_idle(&self, holder: &Instance<'_>) -> bool {
        let calls = Calls::of(self.app.store.dir(), &holder.key);
        holder.hooks && calls.names().iter().all(|call| call == EDITS)
    }

    fn tell_holder(&self, caller: &str, changed: &Changed) -> Result<(), Failure> {
        let message = NewContext {
            id: self.app.new_id(),
            category: "message".to_owned(),
            content: format!(
                "{} changed while a shell command of mine ran: read it again before you edit",
                changed.path
            ),
            source: self.adapter.agent.to_owned(),
            to: Some(changed.holder.clone()),
            ..NewContext::default()
        };
        self.commit(caller, Op::AddContext(message), super::LOCK_PATIENCE)?.map(drop).map_err(Failure::from)
    }

    /// Notes how one's own edit left its files, for others who wonder. Always: to find out whether there are any takes longer.
    pub(super) fn note_edit(&self, caller: &str, files: &[String]) -> Result<(), Failure> {
        let calls = Calls::of(self.app.store.dir(), caller);
        let mut edits: Edits = calls.read(EDITS).unwrap_or_default();
        for file in files {
            let path = self.app.physical(Some(&self.cwd()), file.as_ref())?.path;
            edits.0.insert(spell(&path), fingerprint(&path));
        }
        while edits.0.len() > MOST_FILES {
            edits.0.pop_first();
        }
        calls.note(EDITS, &edits);
        Ok(())
    }

    pub(super) fn forget_calls(&self, caller: &str) {
        Calls::of(self.app.store.dir(), caller).forget_all();
    }

    fn worktree(&self) -> Option<PathBuf> {
        worktree_of(&self.cwd()).map(|worktree| worktree.root)
    }

    fn call(&self) -> &str {
        self.event.call.as_deref().unwrap_or(UNNAMED)
    }

    fn name(&self, path: &str) -> String {
        let path = unspell(path);
        path.strip_prefix(self.cwd()).unwrap_or(&path).display().to_string()
    }
}

/// Whether anybody else holds something in a worktree, or works in it and might.
fn is_shared(state: &State<'_>, caller: &str, root: &std::path::Path) -> bool {
    let root = spell(root);
    let works_here =
        |other: &Instance<'_>| other.key != *caller && other.evicted_at.is_empty() && other.project == *root;
    let is_held = |claim: &Claim<'_>| claim.instance_id != *caller && claim.project == *root;
    state.instances.iter().any(works_here) || state.claims.iter().any(is_held)
}

fn held(state: &State<'_>, caller: &str, root: &std::path::Path) -> Vec<File> {
    let root_text = spell(root);
    let is_others_file = |claim: &&Claim<'_>| {
        claim.instance_id != *caller && *claim.kind == *Kind::File.name() && claim.project == *root_text
    };
    let files = state.claims.iter().filter(is_others_file).take(MOST_FILES).map(|claim| {
        let path = root.join(unspell(&claim.target));
        File {
            claim: claim.key.to_string(),
            holder: claim.instance_id.to_string(),
            print: fingerprint(&path),
            path: spell(&path),
        }
    });
    files.collect()
}
