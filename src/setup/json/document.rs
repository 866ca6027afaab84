//! A text that is read, and read again after every change.

use std::ops::Range;

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::tokens::{Token, TokenAndRange};
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, ParseResult, parse_to_ast};

use super::layout::{Habits, Layout};
use super::tree::quoted;
use super::{Tree, Wrong};

/// One step from a value to one within it.
#[derive(Clone, Copy, Debug)]
pub(in crate::setup) enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

/// A JSON text. It always parses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::setup) struct Document {
    text: String,
}

/// What takes the place of a range.
type Edit = (Range<usize>, String);

/// An object or array in its text: where it stands, and where its entries do.
struct Container {
    range: Range<usize>,
    children: Vec<Range<usize>>,
}

impl Document {
    /// Reads a text. What holds nothing but space and comments is one without a value.
    pub(in crate::setup) fn parse(text: &str) -> Result<Document, Wrong> {
        read(text)?;
        Ok(Document { text: text.to_owned() })
    }

    /// The text.
    pub(in crate::setup) fn into_text(self) -> String {
        self.text
    }

    /// The value there; none where nothing is.
    pub(in crate::setup) fn get(&self, path: &[Step<'_>]) -> Option<Tree> {
        self.find(path, |value| Tree::from(value))
    }

    /// That the value at a path is not what it should be.
    pub(in crate::setup) fn wrong(&self, path: &[Step<'_>], reason: impl Into<String>) -> Wrong {
        Wrong::at(&self.text, self.find(path, |value| value.start()).unwrap_or(0), reason)
    }

    /// Adds an entry to the object, or an element to the array, at a path; a text without a value becomes an object.
    pub(in crate::setup) fn append(&mut self, path: &[Step<'_>], key: Option<&str>, value: &Tree) {
        let habits = Habits::of(&self.text);
        let parsed = parsed(&self.text);
        let render = |layout: &Layout<'_>| match key {
            Some(key) => format!("{}{}{}", quoted(key), layout.colon(), value.render(layout)),
            None => value.render(layout),
        };
        let edits = match parsed.value.as_ref() {
            None => vec![whole(&self.text, &habits, key, value)],
            Some(root) => {
                let root_start = root.start();
                let container = container(step_to(root, path).expect("the caller found it"));
                insertion(&self.text, tokens(&parsed), &habits, root_start, &container, &render)
            }
        };
        self.apply(edits);
    }

    /// Puts another value in the place of the one at a path.
    pub(in crate::setup) fn replace(&mut self, path: &[Step<'_>], value: &Tree) {
        let range = self.find(path, |value| range_of(value)).expect("the caller found it");
        let habits = Habits::of(&self.text);
        let on_one_line = !self.text.trim().contains('\n');
        let is_inline = !self.text[range.clone()].contains('\n') && self.text[range.clone()].len() > "null".len();
        let layout = match on_one_line || is_inline {
            true => habits.inline(),
            false => habits.lines(habits.indent_at(range.start)),
        };
        let text = value.render(&layout);
        self.apply(vec![(range, text)]);
    }

    /// Takes out the entry or element at a path.
    pub(in crate::setup) fn remove(&mut self, path: &[Step<'_>]) {
        let (last, above) = path.split_last().expect("the whole is not an entry");
        let parsed = parsed(&self.text);
        let parent = parsed.value.as_ref().and_then(|root| step_to(root, above)).expect("the caller found it");
        let index = index_of(parent, last).expect("the caller found it");
        let edits = removal(&self.text, tokens(&parsed), &container(parent), index);
        self.apply(edits);
    }

    fn find<T>(&self, path: &[Step<'_>], look: impl FnOnce(&Value<'_>) -> T) -> Option<T> {
        let parsed = parsed(&self.text);
        step_to(parsed.value.as_ref()?, path).map(look)
    }

    fn apply(&mut self, mut edits: Vec<Edit>) {
        edits.sort_by_key(|(range, _)| range.start);
        for (range, text) in edits.into_iter().rev() {
            self.text.replace_range(range, &text);
        }
    }
}

fn read(text: &str) -> Result<ParseResult<'_>, Wrong> {
    let collect = CollectOptions { comments: CommentCollectionStrategy::AsTokens, tokens: true };
    // What Claude Code, Gemini CLI and VS Code's kin read in settings; what goes further is JSON to none of them.
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    parse_to_ast(text, &collect, &options)
        .map_err(|error| Wrong::at(text, error.range().start, error.kind().to_string().to_lowercase()))
}

/// What was read before, and only changed here since.
fn parsed(text: &str) -> ParseResult<'_> {
    read(text).expect("the text of a document parses")
}

fn tokens<'p, 't>(parsed: &'p ParseResult<'t>) -> &'p [TokenAndRange<'t>] {
    parsed.tokens.as_deref().expect("tokens were asked for")
}

fn step_to<'v, 't>(value: &'v Value<'t>, path: &[Step<'_>]) -> Option<&'v Value<'t>> {
    path.iter().try_fold(value, |value, step| match (value, step) {
        (Value::Object(object), Step::Key(key)) => {
            object.properties.iter().rev().find(|property| property.name.as_str() == *key).map(|found| &found.value)
        }
        (Value::Array(array), Step::Index(index)) => array.elements.get(*index),
        _ => None,
    })
}

fn index_of(parent: &Value<'_>, step: &Step<'_>) -> Option<usize> {
    match (parent, step) {
        (Value::Object(object), Step::Key(key)) => {
            object.properties.iter().rposition(|property| property.name.as_str() == *key)
        }
        (_, Step::Index(index)) => Some(*index),
        _ => None,
    }
}

fn range_of(value: &(impl Ranged + ?Sized)) -> Range<usize> {
    value.start()..value.end()
}

fn container(value: &Value<'_>) -> Container {
    let children = match value {
        Value::Object(object) => object.properties.iter().map(|property: &ObjectProp<'_>| range_of(property)).collect(),
        Value::Array(array) => array.elements.iter().map(range_of).collect(),
        _ => Vec::new(),
    };
    Container { range: range_of(value), children }
}

/// A text of space and comments gets its value after them.
fn whole(text: &str, habits: &Habits<'_>, key: Option<&str>, value: &Tree) -> Edit {
    let object = key.map(|key| Tree::Object(vec![(key.to_owned(), value.clone())]));
    let newline = habits.newline();
    let before = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
    let rendered = object.as_ref().unwrap_or(value).render(&habits.lines(""));
    (text.len()..text.len(), format!("{before}{rendered}{newline}"))
}

fn insertion(
    text: &str,
    tokens: &[TokenAndRange<'_>],
    habits: &Habits<'_>,
    root_start: usize,
    container: &Container,
    render: &dyn Fn(&Layout<'_>) -> String,
) -> Vec<Edit> {
    let close = container.range.end - 1;
    let Some(last) = container.children.last() else {
        return vec![first(text, tokens, habits, root_start, container, render)];
    };
    let comma = comma_between(tokens, last.end, close);
    let after = comma.map_or(last.end, |comma| comma + 1);
    let is_on_own_line = habits.begins_line(last.start);
    let layout = if is_on_own_line { habits.lines(habits.indent_at(last.start)) } else { habits.inline() };
    // A comment behind the entry on its line belongs to it.
    let place = if is_on_own_line { end_of_comments(text, tokens, after, close) } else { after };
    let closing = if comma.is_some() { "," } else { "" };
    let mut edits = vec![(place..place, format!("{}{}{closing}", layout.gap(), render(&layout)))];
    match (comma, place == last.end) {
        (Some(_), _) => {}
        (None, true) => edits[0].1.insert(0, ','),
        (None, false) => edits.push((last.end..last.end, ",".to_owned())),
    }
    edits
}

/// The first entry of what is empty so far.
fn first(
    text: &str,
    tokens: &[TokenAndRange<'_>],
    habits: &Habits<'_>,
    root_start: usize,
    container: &Container,
    render: &dyn Fn(&Layout<'_>) -> String,
) -> Edit {
    let (open, close) = (container.range.start + 1, container.range.end - 1);
    let comment =
        tokens.iter().filter(|token| token.start() >= open && token.end() <= close).map(Ranged::end).next_back();
    let place = comment.unwrap_or(open);
    let is_root = container.range.start == root_start;
    if !is_root && comment.is_none() && !text[root_start..container.range.start].contains('\n') {
        return (close..close, render(&habits.inline()));
    }
    let outer = habits.lines(habits.indent_at(container.range.start));
    let inner = outer.deeper();
    let item = format!("{}{}", inner.start(), render(&inner));
    match text[place..close].contains('\n') {
        true => (place..place, item),
        false => (close..close, item + &outer.start()),
    }
}

fn removal(text: &str, tokens: &[TokenAndRange<'_>], container: &Container, index: usize) -> Vec<Edit> {
    let (close, child) = (container.range.end - 1, &container.children[index]);
    let next = container.children.get(index + 1).map_or(close, |next| next.start);
    let before = tokens.iter().rev().find(|token| token.end() <= child.start).expect("its bracket stands before it");
    let mut start = before.end();
    let own_comma = comma_between(tokens, child.end, next);
    let end = match own_comma {
        Some(comma) if text[child.end..comma].trim().is_empty() => comma + 1,
        _ => child.end,
    };
    let rest_of_line = text[end..].lines().next().unwrap_or_default();
    if matches!(before.token, Token::CommentLine(_)) && !rest_of_line.trim().is_empty() {
        // Nothing may come to stand behind that comment.
        start = child.start;
    }
    let nothing = |range: Range<usize>| (range, String::new());
    let is_only = container.children.len() == 1;
    let (open, last) = (container.range.start + 1, own_comma.map_or(end, |comma| end.max(comma + 1)));
    if is_only && text[open..start].trim().is_empty() && text[last..close].trim().is_empty() {
        return vec![nothing(open..close)];
    }
    let mut edits = vec![nothing(start..end)];
    edits.extend(own_comma.filter(|comma| *comma >= end).map(|comma| nothing(comma..comma + 1)));
    if own_comma.is_none() && index > 0 {
        let dangling = comma_between(tokens, container.children[index - 1].end, child.start);
        edits.extend(dangling.map(|comma| nothing(comma..comma + 1)));
    }
    edits
}

/// The comma between two places.
fn comma_between(tokens: &[TokenAndRange<'_>], start: usize, end: usize) -> Option<usize> {
    let within = tokens.iter().filter(|token| token.start() >= start && token.end() <= end);
    within.into_iter().find(|token| token.token == Token::Comma).map(Ranged::start)
}

/// Where the comments end that follow on the same line.
fn end_of_comments(text: &str, tokens: &[TokenAndRange<'_>], start: usize, end: usize) -> usize {
    let comments = tokens.iter().filter(|token| token.start() >= start && token.end() <= end);
    comments.fold(start, |place, comment| {
        let is_behind = !text[place..comment.start()].contains('\n');
        if is_behind && matches!(comment.token, Token::CommentLine(_) | Token::CommentBlock(_)) {
            comment.end()
        } else {
            place
        }
    })
}
