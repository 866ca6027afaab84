//! Any text in the state's place: it is read or refused, and what was read is written back with nothing missing.

#![no_main]

use aio::protocol::document;
use aio::protocol::excerpt::{Parts, Sieve, concerns};
use aio::protocol::place::Prepared;
use aio::protocol::record::Unknown;
use aio::protocol::salvage::salvage;
use aio::protocol::state::{Claim, Section, State, Wanted};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    drop(salvage(text).into_state());
    let keep = |claim: &Claim<'_>| claim.target.len().is_multiple_of(2);
    let kept = document::read_keeping(text, keep);
    let version = document::schema_version(text);
    let Ok(mut state) = document::read(text) else {
        assert!(kept.is_err(), "a part was read of what cannot be read whole");
        return;
    };
    assert!(version.is_none_or(|version| version == state.schema_version));
    parts_agree(&kept.expect("what reads whole reads in part"), &state, keep);
    excerpts_agree(text, false);

    let before = state.clone();
    let written = document::write(&mut state);
    let written = str::from_utf8(&written).expect("JSON is UTF-8");
    excerpts_agree(written, true);
    let mut again = document::read(written).expect("what we write we can read");
    assert!(same(&before, &again), "{before:?}\nbecame\n{again:?}");
    assert_eq!(document::write(&mut again), written.as_bytes(), "writing twice is writing once");
    if let (Ok(old), Ok(new)) = (serde_json::from_str(text), serde_json::from_str(written)) {
        nothing_unknown_is_lost(&old, &new);
    }
});

fn parts_agree(kept: &State<'_>, whole: &State<'_>, keep: impl Fn(&Claim<'_>) -> bool) {
    let claims: Vec<_> = whole.claims.iter().filter(|claim| keep(claim)).cloned().collect();
    assert!(kept.claims == claims && kept.instances == whole.instances && kept.waiters == whole.waiters);
}

/// The lines near a place say of it what the whole says, and what is written around it is what is written of the whole.
fn excerpts_agree(text: &str, we_wrote: bool) {
    let wanted = Wanted { kind: "file".into(), target: "a/b".into(), project: "/p".into(), ..Wanted::default() };
    let places = [Prepared::new(&wanted)];
    let concerned = |claim: &Claim<'_>| concerns(claim, &places);
    let mut sieve = Sieve::new(&places);
    text.split_inclusive('\n').for_each(|line| sieve.pass(line));
    if let Some(near) = sieve.finish()
        && let Ok(near) = document::read_keeping(&near, concerned)
    {
        let mut states = [near, document::read_keeping(text, concerned).expect("it was read")];
        // What looks like a claim may have been left out of a field that nobody knows, or from among the instances.
        for state in &mut states {
            state.instances.retain(|instance| instance.unknown.iter().all(|(field, _)| field != "target"));
            state.claims.iter_mut().for_each(|claim| claim.unknown = Unknown::default());
            state.instances.iter_mut().for_each(|instance| instance.unknown = Unknown::default());
            state.waiters.iter_mut().for_each(|waiter| waiter.unknown = Unknown::default());
        }
        parts_agree(&states[0], &states[1], concerned);
    }
    if let Some(parts) = Parts::of(text, &places, Some("a"), we_wrote)
        && let Ok(near) = document::read(&parts.near)
    {
        let around = document::write_among(near, &parts).concat();
        let around = str::from_utf8(&around).expect("JSON is UTF-8");
        let [around, whole] = [around, text].map(|text| {
            let mut state = document::read(text).expect("what was read, or what we write, we can read");
            state.claims.sort_by(|a, b| a.key.cmp(&b.key));
            state.instances.sort_by(|a, b| a.key.cmp(&b.key));
            state
        });
        let has_twins = whole.claims.windows(2).any(|pair| pair[0].key == pair[1].key)
            || whole.instances.windows(2).any(|pair| pair[0].key == pair[1].key);
        assert!(has_twins || same(&around, &whole), "{around:?}\nis not\n{whole:?}");
    }
}

/// Sections that are no list of entries equal nothing; they are compared as the text they are.
fn same(a: &State<'_>, b: &State<'_>) -> bool {
    let section = match (&a.context, &b.context) {
        (Section::Unread(x), Section::Unread(y)) => x.get() == y.get(),
        (x, y) => x == y || matches!((x.entries(), y.entries()), (Ok(x), Ok(y)) if x.is_empty() && y.is_empty()),
    };
    section
        && a.schema_version == b.schema_version
        && a.revision == b.revision
        && a.updated_at == b.updated_at
        && a.instances == b.instances
        && a.claims == b.claims
        && a.waiters == b.waiters
        && a.unknown == b.unknown
}

/// By other eyes than ours: every field that we do not own stands where it stood, with its value.
fn nothing_unknown_is_lost(old: &Value, new: &Value) {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return };
    for (key, value) in old {
        match key.as_str() {
            "schemaVersion" | "revision" | "journaled" | "updatedAt" | "waiters" | "context" => {}
            "instances" | "claims" => {
                for (id, entry) in value.as_object().into_iter().flatten() {
                    let now = &new[key][id];
                    let unknown = entry.as_object().into_iter().flatten().filter(|(field, _)| field.starts_with('x'));
                    unknown.for_each(|(field, value)| assert_eq!(now.get(field), Some(value), "{key}.{id}.{field}"));
                }
            }
            _ => assert_eq!(new.get(key), Some(value), "{key}"),
        }
    }
}
