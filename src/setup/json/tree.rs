//! A value apart from its text, its keys in order.

use jsonc_parser::ast;

use super::layout::Layout;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::setup) enum Tree {
    Object(Vec<(String, Tree)>),
    Array(Vec<Tree>),
    String(String),
    /// A number or a word, as it is written.
    Other(String),
}

impl Tree {
    /// The value of a key; the last one where there are several, as readers have it.
    pub(in crate::setup) fn get(&self, key: &str) -> Option<&Tree> {
        let Tree::Object(entries) = self else { return None };
        entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The entries of an object; of anything else none.
    pub(in crate::setup) fn entries(&self) -> &[(String, Tree)] {
        if let Tree::Object(entries) = self { entries } else { &[] }
    }

    /// The elements of an array; of anything else none.
    pub(in crate::setup) fn elements(&self) -> &[Tree] {
        if let Tree::Array(elements) = self { elements } else { &[] }
    }

    /// The text of a string.
    pub(in crate::setup) fn text(&self) -> Option<&str> {
        if let Tree::String(text) = self { Some(text) } else { None }
    }

    /// Whether it stands for nothing.
    pub(in crate::setup) fn is_null(&self) -> bool {
        matches!(self, Tree::Other(word) if word == "null")
    }

    /// Whether two values mean the same, in whatever order their keys stand.
    pub(in crate::setup) fn means(&self, other: &Tree) -> bool {
        match (self, other) {
            (Tree::Object(one), Tree::Object(two)) => {
                let is_in = |(key, value): &(String, Tree)| other.get(key).is_some_and(|found| value.means(found));
                one.len() == two.len() && one.iter().all(is_in)
            }
            (Tree::Array(one), Tree::Array(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.means(two))
            }
            _ => self == other,
        }
    }

    /// The same value with every string changed.
    #[must_use]
    pub(in crate::setup) fn map(&self, change: &dyn Fn(&str) -> String) -> Tree {
        match self {
            Tree::Object(entries) => {
                Tree::Object(entries.iter().map(|(key, value)| (key.clone(), value.map(change))).collect())
            }
            Tree::Array(elements) => Tree::Array(elements.iter().map(|value| value.map(change)).collect()),
            Tree::String(text) => Tree::String(change(text)),
            Tree::Other(word) => Tree::Other(word.clone()),
        }
    }

    /// Its text in a layout.
    pub(super) fn render(&self, layout: &Layout<'_>) -> String {
        match self {
            Tree::Object(entries) => {
                let entry = |(key, value): &(String, Tree)| {
                    format!("{}{}{}", quoted(key), layout.colon(), value.render(&layout.deeper()))
                };
                enclosed('{', entries.iter().map(entry).collect(), '}', layout)
            }
            Tree::Array(elements) => {
                let inner = layout.deeper();
                enclosed('[', elements.iter().map(|value| value.render(&inner)).collect(), ']', layout)
            }
            Tree::String(text) => quoted(text),
            Tree::Other(word) => word.clone(),
        }
    }
}

pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn enclosed(open: char, items: Vec<String>, close: char, layout: &Layout<'_>) -> String {
    if items.is_empty() {
        return format!("{open}{close}");
    }
    let between = format!(",{}", layout.deeper().gap());
    format!("{open}{}{}{}{close}", layout.deeper().start(), items.join(&between), layout.start())
}

impl From<&ast::Value<'_>> for Tree {
    fn from(value: &ast::Value<'_>) -> Tree {
        match value {
            ast::Value::Object(object) => {
                let entry =
                    |property: &ast::ObjectProp<'_>| (property.name.as_str().to_owned(), Tree::from(&property.value));
                Tree::Object(object.properties.iter().map(entry).collect())
            }
            ast::Value::Array(array) => Tree::Array(array.elements.iter().map(Tree::from).collect()),
            ast::Value::StringLit(text) => Tree::String(text.value.to_string()),
            ast::Value::NumberLit(number) => Tree::Other(number.value.to_owned()),
            ast::Value::BooleanLit(boolean) => Tree::Other(boolean.value.to_string()),
            ast::Value::NullKeyword(_) => Tree::Other("null".to_owned()),
        }
    }
}
