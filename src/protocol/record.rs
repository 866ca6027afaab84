//! `record!`: a JSON object with the fields we know and, untouched, the ones we do not.
//!
//! serde's `flatten` would keep unknown fields too, but through a buffer that turns a number we did not write into
//! the nearest `f64`. Here the unknown stays the very text it was.

use std::borrow::Cow;

use serde::Deserialize;
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use super::text::Text;

/// Fields this version does not know, in the order they were read, as they were spelled.
#[derive(Clone, Debug, Default)]
pub struct Unknown<'a>(Vec<(Text<'a>, Cow<'a, RawValue>)>);

impl<'a> Unknown<'a> {
    /// Keeps one more field; a repeated key keeps its last value, as JSON readers agree on.
    pub fn keep(&mut self, key: Text<'a>, value: &'a RawValue) {
        self.0.retain(|(known, _)| *known != key);
        self.0.push((key, Cow::Borrowed(value)));
    }

    /// The fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    pub(crate) fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))
    }
}

impl PartialEq for Unknown<'_> {
    fn eq(&self, other: &Self) -> bool {
        let texts =
            |unknown: &Self| unknown.iter().map(|(k, v)| (k.to_owned(), v.get().to_owned())).collect::<Vec<_>>();
        texts(self) == texts(other)
    }
}

/// Whether a field equal to its default is written all the same.
pub(crate) fn is_written<T: Default + PartialEq>(value: &T, always: bool) -> bool {
    always || *value != T::default()
}

/// A field as it may stand in a file: absent and `null` both mean the default.
pub(crate) type Lenient<T> = Option<T>;

/// Skips a value of any shape: what is derived when written is not read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived<T>(pub T);

impl<'de, T: Default> Deserialize<'de> for Derived<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer)?;
        Ok(Derived(T::default()))
    }
}

impl<T: serde::Serialize> serde::Serialize for Derived<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Declares a record: field, type, `always` or `sparse`, JSON name. An `always` field is written even at its default,
/// because the original scripts expect it; a `sparse` one is not.
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident<$life:lifetime> {
            $( $(#[$field_meta:meta])* $field:ident : $type:ty = $mark:ident $json:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name<$life> {
            /// The key this record stands under in its section; empty where the section is a list.
            pub key: $crate::protocol::text::Text<$life>,
            $( $(#[$field_meta])* pub $field: $type, )*
            /// Fields of other versions and of people, preserved.
            pub unknown: $crate::protocol::record::Unknown<$life>,
        }

        impl<$life> $name<$life> {
            /// Takes in the value that stands under `key`.
            pub(crate) fn read_field<M: serde::de::MapAccess<$life>>(
                &mut self,
                key: $crate::protocol::text::Text<$life>,
                map: &mut M,
            ) -> Result<(), M::Error> {
                match &*key {
                    $( $json => {
                        self.$field = map.next_value::<$crate::protocol::record::Lenient<_>>()?.unwrap_or_default();
                    } )*
                    _ => self.unknown.keep(key, map.next_value()?),
                }
                Ok(())
            }
        }

        impl<'de: $life, $life> serde::Deserialize<'de> for $name<$life> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct RecordVisitor;
                impl<'de> serde::de::Visitor<'de> for RecordVisitor {
                    type Value = $name<'de>;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object (", stringify!($name), ")"))
                    }
                    fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                        let mut record = $name::default();
                        while let Some(key) = map.next_key()? {
                            record.read_field(key, &mut map)?;
                        }
                        Ok(record)
                    }
                }
                deserializer.deserialize_map(RecordVisitor)
            }
        }

        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                $( if $crate::protocol::record::is_written(&self.$field, record!(@always $mark)) {
                    map.serialize_entry($json, &self.$field)?;
                } )*
                self.unknown.serialize_into(&mut map)?;
                map.end()
            }
        }
    };
    (@always always) => { true };
    (@always sparse) => { false };
}

pub(crate) use record;
