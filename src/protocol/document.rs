//! The JSON text of a state: reading it, whole or in part, and writing it one entry a line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::excerpt::{Parts, Run};
use super::record::Derived;
use super::state::{Claim, Instance, SCHEMA_VERSION, Section, State};
use super::text::Text;

/// Reads a whole state.
///
/// # Errors
/// When the text is not a JSON object of the expected shape.
pub fn read(text: &str) -> Result<State<'_>, serde_json::Error> {
    read_keeping(text, |_| true)
}

/// Reads a state of which only some claims matter: the others are dropped as they are met, and the context is skipped.
/// Such a state answers questions about what was kept; it must never be written.
///
/// # Errors
/// When the text is not a JSON object of the expected shape.
pub fn read_keeping<'a>(
    text: &'a str,
    mut keep: impl FnMut(&Claim<'a>) -> bool,
) -> Result<State<'a>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(without_byte_order_mark(text));
    let state = reader.deserialize_map(StateVisitor { keep: &mut keep })?;
    reader.end()?;
    Ok(state)
}

struct StateVisitor<'k, F> {
    keep: &'k mut F,
}

impl<'de, F: FnMut(&Claim<'de>) -> bool> Visitor<'de> for StateVisitor<'_, F> {
    type Value = State<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the state, an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<State<'de>, M::Error> {
        let mut state = State::empty();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "claims" => map.next_value_seed(Entries::new(&mut state.claims, self.keep))?,
                _ => read_section(&mut state, key, &mut map)?,
            }
        }
        Ok(state)
    }
}

/// Takes in the section that stands under `key`, whichever it is but the claims.
pub(super) fn read_section<'de, M: MapAccess<'de>>(
    state: &mut State<'de>,
    key: Text<'de>,
    map: &mut M,
) -> Result<(), M::Error> {
    match &*key {
        "schemaVersion" => state.schema_version = map.next_value::<Option<_>>()?.unwrap_or(SCHEMA_VERSION),
        "revision" => state.revision = map.next_value::<Option<_>>()?.unwrap_or_default(),
        "updatedAt" => state.updated_at = map.next_value::<Option<_>>()?.unwrap_or_default(),
        "journaled" => state.journaled = map.next_value::<Option<_>>()?.unwrap_or_default(),
        "instances" => map.next_value_seed(Entries::new(&mut state.instances, &mut |_: &Instance| true))?,
        "waiters" => state.waiters.extend(map.next_value::<Option<Vec<_>>>()?.unwrap_or_default()),
        "context" => add_section(&mut state.context, map.next_value()?).map_err(M::Error::custom)?,
        "projects" => add_section(&mut state.projects, map.next_value()?).map_err(M::Error::custom)?,
        "jobs" => add_section(&mut state.jobs, map.next_value()?).map_err(M::Error::custom)?,
        _ => state.unknown.keep(key, map.next_value()?),
    }
    Ok(())
}

/// Editors on other systems put a mark at the beginning, which is no JSON.
pub(super) fn without_byte_order_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

/// Takes in a section; one that stands twice in the text is the sum of both.
fn add_section<'a, T: Clone + Deserialize<'a>>(
    section: &mut Section<'a, T>,
    raw: &'a RawValue,
) -> Result<(), serde_json::Error> {
    match section {
        _ if raw.get() == "null" => {}
        Section::Read(entries) if entries.is_empty() => *section = Section::Unread(raw),
        _ => {
            let more: Vec<T> = serde_json::from_str(raw.get())?;
            section.entries_mut()?.extend(more);
        }
    }
    Ok(())
}

/// A record that stands under a key.
trait Keyed<'a> {
    fn set_key(&mut self, key: Text<'a>);
}

impl<'a> Keyed<'a> for Instance<'a> {
    fn set_key(&mut self, key: Text<'a>) {
        self.key = key;
    }
}

impl<'a> Keyed<'a> for Claim<'a> {
    fn set_key(&mut self, key: Text<'a>) {
        self.key = key;
    }
}

/// An object of records, appended to a list as far as they are wanted.
struct Entries<'t, T, F> {
    list: &'t mut Vec<T>,
    keep: &'t mut F,
}

impl<'t, T, F> Entries<'t, T, F> {
    fn new(list: &'t mut Vec<T>, keep: &'t mut F) -> Self {
        Entries { list, keep }
    }
}

impl<'de, T, F> DeserializeSeed<'de> for Entries<'_, T, F>
where
    T: Keyed<'de> + serde::Deserialize<'de>,
    F: FnMut(&T) -> bool,
{
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T, F> Visitor<'de> for Entries<'_, T, F>
where
    T: Keyed<'de> + serde::Deserialize<'de>,
    F: FnMut(&T) -> bool,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of entries by id")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let mut entry: T = map.next_value()?;
            entry.set_key(key);
            if (self.keep)(&entry) {
                self.list.push(entry);
            }
        }
        Ok(())
    }
}

/// What can be known of a state that cannot be read: its `schemaVersion`, when the text is an object at all.
pub fn schema_version(text: &str) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Version {
        #[serde(rename = "schemaVersion")]
        version: Option<u64>,
        #[serde(flatten)]
        _rest: IgnoredAny,
    }
    serde_json::from_str::<Version>(text).ok()?.version
}

/// The text of a state, one entry a line: small for programs, readable and diffable for people.
pub fn write(state: &mut State<'_>) -> Vec<u8> {
    index_claims(state, []);
    let mut page = Page::with_capacity(320 * (state.claims.len() + state.instances.len() + 16));
    page.sections_but_context(state, &[], &[]);
    page.section("context", &state.context);
    page.text.extend_from_slice(b"\n}\n");
    page.text
}

/// The text of a state of which only the part near some places was read, and perhaps changed, in pieces that make it up
/// together: everything else is as it was.
pub fn write_among<'s>(mut state: State<'s>, parts: &'s Parts<'s>) -> Vec<Cow<'s, [u8]>> {
    index_claims(&mut state, parts.held.iter().copied());
    let mut page = Page::with_capacity(2 * parts.near.len() + 4096);
    page.sections_but_context(&state, &parts.bystanders, &parts.elsewhere);
    page.text.extend_from_slice(b",\n");
    page.piece(parts.context);
    page.pieces
}

/// The original scripts kept the ids of an instance's claims in the instance as well. Nothing of ours reads them.
fn index_claims<'s>(state: &mut State<'s>, elsewhere: impl IntoIterator<Item = (&'s str, &'s str)>) {
    let mut held: BTreeMap<&str, Vec<Text<'s>>> =
        state.instances.iter().map(|instance| (&*instance.key, Vec::new())).collect();
    for (holder, id) in elsewhere {
        if let Some(ids) = held.get_mut(holder) {
            ids.push(id.into());
        }
    }
    for claim in &state.claims {
        if let Some(ids) = held.get_mut(&*claim.instance_id) {
            ids.push(claim.key.clone());
        }
    }
    let mut held: Vec<_> = state.instances.iter().map(|instance| held.remove(&*instance.key)).collect();
    for (instance, ids) in state.instances.iter_mut().zip(&mut held) {
        instance.claims = Derived(ids.take().unwrap_or_default());
    }
}

/// The text under construction.
struct Page<'p> {
    /// What stands before `text`.
    pieces: Vec<Cow<'p, [u8]>>,
    text: Vec<u8>,
}

impl<'p> Page<'p> {
    fn with_capacity(bytes: usize) -> Self {
        Page { pieces: Vec::new(), text: Vec::with_capacity(bytes) }
    }

    /// Sections of others stand before the context, which a reader in a hurry does not reach.
    fn sections_but_context(&mut self, state: &State<'_>, bystanders: &[Run<'p>], elsewhere: &[Run<'p>]) {
        self.text.push(b'{');
        self.field_after(b"\n", "schemaVersion", &state.schema_version);
        self.field("revision", &state.revision);
        self.field("updatedAt", &state.updated_at);
        self.field("journaled", &state.journaled);
        self.object("instances", bystanders, state.instances.iter().map(|entry| (&*entry.key, entry)));
        self.object("claims", elsewhere, state.claims.iter().map(|entry| (&*entry.key, entry)));
        self.list("waiters", state.waiters.iter());
        // Where nothing was ever launched they are not there.
        if !state.projects.is_empty() {
            self.section("projects", &state.projects);
        }
        if !state.jobs.is_empty() {
            self.section("jobs", &state.jobs);
        }
        for (key, value) in state.unknown.iter() {
            self.field(key, value);
        }
    }

    fn field(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        self.field_after(b",\n", key, value);
    }

    fn field_after(&mut self, separator: &[u8], key: &str, value: &(impl Serialize + ?Sized)) {
        self.text.extend_from_slice(separator);
        self.value(&key);
        self.text.push(b':');
        self.value(value);
    }

    /// An object of entries, among them some that are written already.
    fn object<'e, T: Serialize + 'e>(
        &mut self,
        key: &str,
        written: &[Run<'p>],
        entries: impl Iterator<Item = (&'e str, &'e T)>,
    ) {
        self.begin(key, b'{');
        let mut separator: &[u8] = b"\n";
        let mut entries = entries.enumerate().peekable();
        for run in written {
            while let Some((_, (key, entry))) = entries.next_if(|(number, _)| *number < run.after) {
                self.field_after(separator, key, entry);
                separator = b",\n";
            }
            self.text.extend_from_slice(separator);
            self.piece(run.lines);
            separator = b",\n";
        }
        for (_, (key, entry)) in entries {
            self.field_after(separator, key, entry);
            separator = b",\n";
        }
        self.end(separator, b'}');
    }

    fn list<'e, T: Serialize + 'e>(&mut self, key: &str, entries: impl Iterator<Item = &'e T>) {
        self.begin(key, b'[');
        let mut separator: &[u8] = b"\n";
        for entry in entries {
            self.text.extend_from_slice(separator);
            self.value(entry);
            separator = b",\n";
        }
        self.end(separator, b']');
    }

    fn section<T: Serialize>(&mut self, key: &str, section: &Section<'_, T>) {
        match section {
            Section::Unread(raw) => self.field(key, raw),
            Section::Read(entries) => self.list(key, entries.iter()),
        }
    }

    fn begin(&mut self, key: &str, bracket: u8) {
        self.text.extend_from_slice(b",\n");
        self.value(&key);
        self.text.extend_from_slice(&[b':', bracket]);
    }

    /// Empty collections are closed on the line they began on.
    fn end(&mut self, separator: &[u8], bracket: u8) {
        if separator.starts_with(b",") {
            self.text.push(b'\n');
        }
        self.text.push(bracket);
    }

    fn piece(&mut self, text: &'p str) {
        self.pieces.push(Cow::Owned(std::mem::take(&mut self.text)));
        self.pieces.push(Cow::Borrowed(text.as_bytes()));
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        serde_json::to_writer(&mut self.text, value)
            .expect("records hold strings, numbers and JSON, which a vector always takes");
    }
}
