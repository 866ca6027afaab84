//! The part of a state that matters to a question about some places: what makes a check cheap among ten thousand claims.
//!
//! The answer is always that of [`document::read_keeping`] with the same places, which the tests hold it to; only the way
//! is shorter. A claim whose place is clearly elsewhere is left as soon as its place is known, and reading ends where
//! nothing follows that could matter. Where a hand edit makes either doubtful, the whole text is read instead.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::document;
use super::place::{Place, Prepared};
use super::state::{Claim, State};
use super::text::Text;

/// Fields that say what a claim is on. Our writers put them first.
const PLACE: [&str; 3] = ["type", "target", "project"];

/// Reads of a state what concerns `places`: all instances and waiters, and the claims that overlap or shadow one of them.
/// Such a state answers questions; it must never be written.
///
/// # Errors
/// When the text, as far as it was read, is not a JSON object of the expected shape.
pub fn around<'a>(text: &'a str, places: &[Prepared<'_>]) -> Result<State<'a>, serde_json::Error> {
    let text = document::without_byte_order_mark(text);
    let (ended, doubtful) = (Cell::new(false), Cell::new(false));
    let mut state = State::empty();
    let mut reader = serde_json::Deserializer::from_str(text);
    let excerpt = Excerpt { text, places, ended: &ended, doubtful: &doubtful, state: &mut state };
    let read = reader.deserialize_map(excerpt).and_then(|()| reader.end());
    match (ended.get(), doubtful.get()) {
        (_, true) => document::read_keeping(text, |claim| concerns(claim, places)),
        // The reader complains about what we did not want to see.
        (true, false) => Ok(state),
        (false, false) => read.map(|()| state),
    }
}

fn concerns(claim: &Claim<'_>, places: &[Prepared<'_>]) -> bool {
    let at = Place::from(claim);
    places.iter().any(|place| place.overlaps(&at) || place.shadows(&at))
}

struct Excerpt<'a, 'p> {
    text: &'a str,
    places: &'p [Prepared<'p>],
    /// Set when the rest of the text cannot matter.
    ended: &'p Cell<bool>,
    /// Set when a claim may have been left too early.
    doubtful: &'p Cell<bool>,
    state: &'p mut State<'a>,
}

impl<'a> Excerpt<'a, '_> {
    /// Whether nothing from `key` on is about instances, claims or waiters. A section may stand twice, and a name may be
    /// spelled with escapes; either is rare enough to read on for.
    fn ends_at(&self, key: &Text<'a>) -> bool {
        // A borrowed key is a piece of the text; one that is not was spelled with escapes.
        let Some(position) = (key.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize) else { return false };
        let rest = self.text.get(position..).unwrap_or("\\u");
        &**key == "context"
            && !["\"claims\"", "\"instances\"", "\"waiters\"", "\\u"].iter().any(|sign| rest.contains(sign))
    }
}

impl<'de> Visitor<'de> for Excerpt<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the state, an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if self.ends_at(&key) {
                self.ended.set(true);
                return Ok(());
            }
            match &*key {
                "claims" => map.next_value_seed(Claims {
                    places: self.places,
                    doubtful: self.doubtful,
                    list: &mut self.state.claims,
                })?,
                _ => document::read_section(self.state, key, &mut map)?,
            }
        }
        Ok(())
    }
}

/// The claims, of which those near a place are kept.
struct Claims<'a, 'p> {
    places: &'p [Prepared<'p>],
    doubtful: &'p Cell<bool>,
    list: &'p mut Vec<Claim<'a>>,
}

impl<'de> DeserializeSeed<'de> for Claims<'de, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Claims<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of entries by id")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let nearby = map.next_value_seed(Nearby { places: self.places, doubtful: self.doubtful })?;
            if let Some(mut claim) = nearby.filter(|claim| concerns(claim, self.places)) {
                claim.key = key;
                self.list.push(claim);
            }
        }
        Ok(())
    }
}

/// One claim, or nothing when its place is clearly elsewhere.
struct Nearby<'p> {
    places: &'p [Prepared<'p>],
    doubtful: &'p Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Nearby<'_> {
    type Value = Option<Claim<'de>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Nearby<'_> {
    type Value = Option<Claim<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object (Claim)")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut claim = Claim::default();
        let mut judged = false;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            claim.read_field(key, &mut map)?;
            let has_place = !claim.project.is_empty() && !claim.kind.is_empty() && !claim.target.is_empty();
            if has_place && !judged {
                judged = true;
                if self.places.iter().all(|place| place.is_clearly_apart(&claim.kind, &claim.target, &claim.project)) {
                    self.pass_over(&mut map)?;
                    return Ok(None);
                }
            }
        }
        Ok(Some(claim))
    }
}

impl Nearby<'_> {
    /// Reads the rest of a claim without taking it in. A second place among it would count instead of the first.
    fn pass_over<'de, M: MapAccess<'de>>(&self, map: &mut M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if PLACE.contains(&&*key) {
                self.doubtful.set(true);
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::Wanted;
    use super::*;

    fn file(target: &str) -> Wanted<'_> {
        Wanted { kind: "file".into(), target: target.into(), project: "/p".into(), ..Wanted::default() }
    }

    /// The short way and the long way come to the same.
    fn agree(text: &str, target: &str) -> usize {
        let wanted = file(target);
        let places = [Prepared::new(&wanted)];
        let short = around(text, &places).expect("the short way reads it");
        let long = document::read_keeping(text, |claim| concerns(claim, &places)).expect("the long way reads it");
        assert_eq!(short.claims, long.claims, "{target} in {text}");
        assert_eq!((short.instances, short.waiters), (long.instances, long.waiters), "{target} in {text}");
        short.claims.len()
    }

    const CLAIMS: &str = r#""claims":{"1":{"type":"file","target":"a","project":"/p","id":"1"},"2":{"id":"2","project":"/p","target":"dir","type":"directory","repository":"/r"},"3":{"type":"pattern","target":"**/*.rs","project":"/p"}}"#;

    #[test]
    fn what_concerns_a_place_is_found_whatever_the_order() {
        let context = r#""context":[{"id":"k","content":"claims, \"claims\" and more"}]"#;
        for text in [format!("{{{CLAIMS},{context}}}"), format!("\u{feff}{{{context},\r\n{CLAIMS}}}")] {
            assert_eq!(agree(&text, "a"), 1);
            assert_eq!(agree(&text, "dir/x"), 1);
            assert_eq!(agree(&text, "dir/x.rs"), 2);
            assert_eq!(agree(&text, "b"), 0);
        }
    }

    #[test]
    fn a_section_or_a_field_that_stands_twice_counts_twice() {
        let late = r#""claims":{"9":{"type":"file","target":"late","project":"/p"}}"#;
        assert_eq!(agree(&format!(r#"{{{CLAIMS},"context":[],{late}}}"#), "late"), 1);
        let escaped = late.replace("claims", r"cl\u0061ims");
        assert_eq!(agree(&format!(r#"{{{CLAIMS},"context":[],{escaped}}}"#), "late"), 1);
        let moved = r#"{"claims":{"1":{"type":"file","target":"a","project":"/p","instanceId":"i","target":"b"}}}"#;
        assert_eq!((agree(moved, "b"), agree(moved, "a")), (1, 0));
        let holders = r#"{"claims":{},"context":[],"instances":{"i":{"tool":"x"}}}"#;
        assert_eq!(agree(holders, "a"), 0);
    }

    #[test]
    fn what_comes_after_the_place_can_still_matter() {
        let folded = r#"{"claims":{"1":{"type":"file","target":"SRC/A","project":"/P","foldsCase":true}}}"#;
        assert_eq!(agree(folded, "src/a"), 1);
        let kelvin =
            "{\"claims\":{\"1\":{\"type\":\"file\",\"target\":\"\u{212a}\",\"project\":\"/p\",\"foldsCase\":true}}}";
        assert_eq!(agree(kelvin, "k"), 1);
        let elsewhere = r#"{"claims":{"1":{"type":"file","target":"a","project":"/w","repository":"/p/.git"}}}"#;
        assert_eq!(agree(elsewhere, "a"), 1);
        let odd = r#"{"claims":{"1":{"type":"file","target":"x/../a","project":"/p"},"2":{"type":"file","target":"/p/a","project":"/q"}}}"#;
        assert_eq!(agree(odd, "a"), 2);
    }

    #[test]
    fn a_text_that_breaks_before_the_context_is_no_state() {
        let wanted = file("a");
        let places = [Prepared::new(&wanted)];
        assert!(around(r#"{"claims":{"1":{"type":"fi"#, &places).is_err());
        assert!(around("", &places).is_err());
        assert!(around(r#"{"claims":{}} x"#, &places).is_err());
    }
}
