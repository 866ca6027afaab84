//! Codex's own settings: which hooks it may run, and where its sandbox may write.
//!
//! Codex skips a hook silently until the person trusts it, by a hash kept in `config.toml` under the hook's file, event
//! and place: `[hooks.state."<file>:<event>:<group>:<handler>"] trusted_hash`. Verified with Codex 0.169.0. Two tables of
//! one name keep Codex from starting, so the file is edited as TOML and never appended to.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use super::hooks::{Hooks, Place};
use super::json::{Tree, Wrong};

const SANDBOX: &str = "sandbox_workspace_write";
const ROOTS: &str = "writable_roots";
/// How long Codex lets these run at most, in seconds.
const SHORT_EVENTS: [&str; 2] = ["SessionEnd", "Interrupt"];
const SHORT_LIMIT_SECONDS: u64 = 3;
const USUAL_LIMIT_SECONDS: u64 = 600;

/// What is trusted of one file of hooks.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    hooks: Hooks,
    /// The file of hooks, as Codex names it.
    file: String,
    /// What it says now.
    text: String,
    /// Where our state lies.
    dir: String,
}

impl Trust {
    /// Trust in the hooks of a file that says `text`, for a state directory.
    pub(super) fn new(hooks: Hooks, file: &Path, text: String, dir: &Path) -> Trust {
        let [file, dir] = [file, dir].map(|path| path.to_string_lossy().into_owned());
        Trust { hooks, file, text, dir }
    }

    /// The settings with our hooks trusted and our state's directory writable.
    ///
    /// # Errors
    /// Where it is no TOML, or cannot be changed without changing what others wrote.
    pub(super) fn put_in(&self, text: &str) -> Result<String, Wrong> {
        let with = self.hooks.put_in(&self.text).unwrap_or_else(|_| self.text.clone());
        edit(text, |doc| {
            self.renumber(doc, &with);
            for place in self.hooks.places(&with).unwrap_or_default() {
                let hash = hash(&place);
                let state = child(child(doc.as_item_mut(), "hooks", true)?, "state", true)?;
                let entry = child(state, &self.key(&place), false)?;
                if entry.get("trusted_hash").and_then(Item::as_str) != Some(&hash) {
                    entry["trusted_hash"] = value(hash);
                }
            }
            self.add_root(doc)
        })
    }

    /// The settings without them.
    ///
    /// # Errors
    /// As [`Trust::put_in`].
    pub(super) fn take_out(&self, text: &str, before: Option<&str>) -> Result<String, Wrong> {
        let without = self.hooks.take_out(&self.text, None).unwrap_or_else(|_| self.text.clone());
        let before = before.and_then(|text| text.parse::<DocumentMut>().ok());
        edit(text, |doc| {
            self.renumber(doc, &without);
            self.remove_root(doc, before.as_ref());
            Ok(())
        })
    }

    /// Whether these settings trust every hook of ours as it is in the file now.
    pub(super) fn is_trusted(&self, text: &str) -> bool {
        let Ok(doc) = text.parse::<DocumentMut>() else { return false };
        let hash_of = |key: &str| doc.get("hooks")?.get("state")?.get(key)?.get("trusted_hash")?.as_str();
        let places = self.hooks.places(&self.text).unwrap_or_default();
        places.iter().all(|place| hash_of(&self.key(place)) == Some(&hash(place)))
    }

    /// Whether these settings let the sandbox write our state.
    pub(super) fn is_writable(&self, text: &str) -> bool {
        text.parse::<DocumentMut>().is_ok_and(|doc| self.has_root(&doc))
    }

    /// What is done, in words.
    pub(super) fn in_words(&self) -> String {
        format!("trust these hooks, and let the sandbox write {},", self.dir)
    }

    fn key(&self, place: &Place) -> String {
        format!("{}:{}:{}:{}", self.file, snake(&place.event), place.group, place.index)
    }

    /// Drops the trust in our hooks as they are, and moves that in others' hooks to where those will stand.
    fn renumber(&self, doc: &mut DocumentMut, future: &str) {
        let hooks = doc.get_mut("hooks").and_then(Item::as_table_like_mut);
        let Some(state) = hooks.and_then(|hooks| hooks.get_mut("state")).and_then(Item::as_table_like_mut) else {
            return;
        };
        let (ours, kept) = (self.places(&self.text), self.places(future));
        let moves = self.moves(future);
        let own_hashes: Vec<String> = ours.iter().chain(&kept).map(hash).collect();
        let kept: Vec<String> = kept.iter().map(|place| self.key(place)).collect();
        let ours: Vec<String> = ours.iter().map(|place| self.key(place)).collect();
        let keys: Vec<String> = state.iter().map(|(key, _)| key.to_owned()).collect();
        let mut moved = Vec::new();
        for key in keys.iter().filter(|key| key.starts_with(&format!("{}:", self.file))) {
            let hash = state.get(key).and_then(|entry| entry.get("trusted_hash")).and_then(Item::as_str);
            let is_ours = ours.contains(key) || hash.is_some_and(|hash| own_hashes.iter().any(|own| own == hash));
            if is_ours && !kept.contains(key) {
                state.remove(key);
            } else if let Some(new) = moves.get(key).filter(|new| *new != key) {
                moved.extend(state.remove(key).map(|entry| (new.clone(), entry)));
            }
        }
        for (key, entry) in moved {
            state.insert(&key, entry);
        }
    }

    fn places(&self, text: &str) -> Vec<Place> {
        self.hooks.places(text).unwrap_or_default()
    }

    /// Where the trust in others' hooks stands and will stand.
    fn moves(&self, future: &str) -> BTreeMap<String, String> {
        let others = |text: &str| self.hooks.others(text).unwrap_or_default();
        let name = |place: &Place| self.key(place);
        let (now, then) = (others(&self.text), others(future));
        let is_same = now.iter().zip(&then).all(|(now, then)| now.event == then.event && now.handler == then.handler);
        if now.len() != then.len() || !is_same {
            return BTreeMap::new();
        }
        now.iter().map(name).zip(then.iter().map(name)).collect()
    }

    fn has_root(&self, doc: &DocumentMut) -> bool {
        let roots = doc.get(SANDBOX).and_then(|table| table.get(ROOTS)).and_then(Item::as_array);
        roots.is_some_and(|roots| roots.iter().any(|root| root.as_str() == Some(&self.dir)))
    }

    fn add_root(&self, doc: &mut DocumentMut) -> Result<(), NoTable> {
        if self.has_root(doc) {
            return Ok(());
        }
        let sandbox = child(doc.as_item_mut(), SANDBOX, false)?;
        if sandbox.get(ROOTS).is_none() {
            sandbox[ROOTS] = value(toml_edit::Array::new());
        }
        let roots = sandbox[ROOTS].as_array_mut().ok_or(NoTable(ROOTS.to_owned()))?;
        let last = roots.iter().last().and_then(|last| last.decor().prefix()).and_then(|prefix| prefix.as_str());
        let Some(indent) = last.and_then(|prefix| Some(prefix[prefix.rfind('\n')?..].to_owned())) else {
            roots.push(self.dir.as_str());
            return Ok(());
        };
        // Comments behind the last entry stay there, and so does the bracket on its line.
        let trailing = roots.trailing().as_str().unwrap_or_default().to_owned();
        let (comments, rest) = trailing.split_at(trailing.rfind('\n').unwrap_or(trailing.len()));
        roots.push_formatted(toml_edit::Value::from(self.dir.as_str()).decorated(format!("{comments}{indent}"), ""));
        roots.set_trailing(rest.to_owned());
        Ok(())
    }

    fn remove_root(&self, doc: &mut DocumentMut, before: Option<&DocumentMut>) {
        if before.is_some_and(|before| self.has_root(before)) {
            return;
        }
        let Some(sandbox) = doc.get_mut(SANDBOX).and_then(Item::as_table_like_mut) else { return };
        let Some(roots) = sandbox.get_mut(ROOTS).and_then(Item::as_array_mut) else { return };
        let Some(index) = roots.iter().position(|root| root.as_str() == Some(&self.dir)) else { return };
        let removed = roots.remove(index);
        let prefix = removed.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
        // What stands before it behind the entry above is not ours.
        let comments = prefix[..prefix.rfind('\n').unwrap_or(0)].to_owned();
        if roots.get(index).is_none() {
            let trailing = roots.trailing().as_str().unwrap_or_default().to_owned();
            roots.set_trailing(format!("{comments}{trailing}"));
        }
        let was_there = |key: &[&str]| {
            let found = before.map(|before| key.iter().try_fold(before.as_item(), |item, key| item.get(key)));
            found.flatten().is_some()
        };
        if roots.is_empty() && !was_there(&[SANDBOX, ROOTS]) {
            sandbox.remove(ROOTS);
        }
        if sandbox.is_empty() && !was_there(&[SANDBOX]) {
            doc.remove(SANDBOX);
        }
    }
}

/// A key whose value is not of the kind it should be.
struct NoTable(String);

/// Whether a key is given its value at a place.
fn is_key(text: &str, place: usize, key: &str) -> bool {
    text[place + key.len()..].trim_start_matches(['"', '\'', ' ', '\t']).starts_with('=')
}

/// Whether Codex's settings trust a folder, or one above it.
pub(super) fn trusts_folder(text: &str, folder: &Path) -> bool {
    let Ok(doc) = text.parse::<DocumentMut>() else { return false };
    let projects = doc.get("projects").and_then(Item::as_table_like);
    let is_trusted = |level: &Item| level.get("trust_level").and_then(Item::as_str) == Some("trusted");
    projects.is_some_and(|projects| projects.iter().any(|(path, level)| folder.starts_with(path) && is_trusted(level)))
}

/// What a setting says, if it is there and says yes or no.
pub(super) fn boolean_at(text: &str, keys: &[&str]) -> Option<bool> {
    let doc = text.parse::<DocumentMut>().ok()?;
    keys.iter().try_fold(doc.as_item(), |item, key| item.get(key))?.as_bool()
}

/// Changes settings, and nothing in them but what is changed.
fn edit(text: &str, change: impl FnOnce(&mut DocumentMut) -> Result<(), NoTable>) -> Result<String, Wrong> {
    let unix = text.replace("\r\n", "\n");
    let mut doc: DocumentMut = unix.parse().map_err(|error: toml_edit::TomlError| {
        Wrong::at(&unix, error.span().map_or(0, |span| span.start), error.message())
    })?;
    let before = doc.to_string();
    change(&mut doc).map_err(|NoTable(key)| {
        let place = unix.match_indices(&key).map(|(place, _)| place).find(|place| is_key(&unix, *place, &key));
        Wrong::at(&unix, place.unwrap_or(0), format!("{key:?} is something else here"))
    })?;
    let after = doc.to_string();
    if before == after {
        return Ok(text.to_owned());
    }
    let is_kept = before == unix || before.strip_suffix('\n') == Some(&unix);
    let is_uniform = unix == text || unix.replace('\n', "\r\n") == text;
    if !is_kept || !is_uniform {
        let reason =
            "it is laid out in a way that we cannot keep; sort its keys by table, and use one kind of line end";
        return Err(Wrong::at(text, 0, reason));
    }
    Ok(if unix == text { after } else { after.replace('\n', "\r\n") })
}

/// A table below another, made as that one is where there is none.
fn child<'t>(parent: &'t mut Item, key: &str, implicit: bool) -> Result<&'t mut Item, NoTable> {
    if parent.get(key).is_none() {
        let mut table = Table::new();
        table.set_implicit(implicit);
        parent[key] = if parent.is_inline_table() { value(InlineTable::new()) } else { Item::Table(table) };
    }
    let item = &mut parent[key];
    if item.is_table_like() { Ok(item) } else { Err(NoTable(key.to_owned())) }
}

/// The hash by which Codex knows a hook: of its compact JSON with sorted keys, its time limit as it takes effect.
pub(super) fn hash(place: &Place) -> String {
    let text = |key: &str| place.handler.get(key).and_then(Tree::text).unwrap_or_default();
    let number = |key: &str| match place.handler.get(key) {
        Some(Tree::Other(number)) => number.parse::<u64>().ok(),
        _ => None,
    };
    let is_async = place.handler.get("async") == Some(&Tree::Other("true".to_owned()));
    let handler = json!({ "async": is_async, "command": text("command"), "timeout": limit(&place.event, number("timeout")), "type": "command" });
    let mut identity = json!({ "event_name": snake(&place.event), "hooks": [handler] });
    if let Some(matcher) = &place.matcher {
        identity["matcher"] = Value::from(matcher.as_str());
    }
    let digest = Sha256::digest(identity.to_string());
    format!("sha256:{}", super::manifest::hex(&digest))
}

/// The time limit as it takes effect, in seconds.
fn limit(event: &str, written: Option<u64>) -> u64 {
    match SHORT_EVENTS.contains(&event) {
        true => written.unwrap_or(1).min(SHORT_LIMIT_SECONDS),
        false => written.unwrap_or(USUAL_LIMIT_SECONDS),
    }
}

/// `PreToolUse` as `pre_tool_use`.
fn snake(event: &str) -> String {
    let mut name = String::new();
    for letter in event.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests;
