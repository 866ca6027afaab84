//! Random texts: what is put in is there, nothing else changes, and what is taken out leaves no trace.

use super::*;

/// A small generator of numbers, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64*, by Vigna.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[usize::try_from(self.below(texts.len() as u64)).expect("it is small")]
    }

    /// Space and comments, as may stand between any two tokens.
    fn space(&mut self) -> &'static str {
        self.one_of(&["", "", "", " ", "\n", "\n  ", "\r\n\t", " /* , { */ ", " // ] \"\n", "\n\n    "])
    }

    fn value(&mut self, depth: u64) -> String {
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0 => self.one_of(&["1", "-2.5e3", "true", "null"]).to_owned(),
            1 => self.one_of(&["\"\"", "\"a,]}\"", "\"\\\"//\"", "\"ü🦀\""]).to_owned(),
            2 => format!("{{{}}}", self.space()),
            3 => format!("[{}]", self.space()),
            4 | 5 => self.list('[', ']', depth, false),
            _ => self.list('{', '}', depth, true),
        }
    }

    fn list(&mut self, open: char, close: char, depth: u64, keys: bool) -> String {
        let mut text = open.to_string();
        let count = 1 + self.below(3);
        for index in 0..count {
            text += self.space();
            if keys {
                text += &format!("\"k{index}\"{}:{}", self.space(), self.space());
            }
            text += &self.value(depth - 1);
            text += self.space();
            if index + 1 < count || self.below(4) == 0 {
                text.push(',');
            }
        }
        text + self.space() + &close.to_string()
    }

    /// A whole text that is an object.
    fn text(&mut self) -> String {
        format!("{}{}{}", self.space(), self.list('{', '}', 3, true), self.space())
    }
}

/// The paths of all objects and arrays.
fn containers(tree: &Tree, path: &[usize]) -> Vec<(Vec<usize>, bool)> {
    let inner: Vec<&Tree> = match tree {
        Tree::Object(entries) => entries.iter().map(|(_, value)| value).collect(),
        Tree::Array(elements) => elements.iter().collect(),
        _ => return Vec::new(),
    };
    let mut found = vec![(path.to_owned(), matches!(tree, Tree::Object(_)))];
    for (index, value) in inner.iter().enumerate() {
        found.extend(containers(value, &[path, &[index]].concat()));
    }
    found
}

/// The steps of a path, in a text whose keys are all `k` and their index.
fn steps<'k>(tree: &Tree, path: &[usize], keys: &'k [String]) -> Vec<Step<'k>> {
    let (mut tree, mut steps) = (tree.clone(), Vec::new());
    for index in path {
        let is_object = matches!(tree, Tree::Object(_));
        steps.push(if is_object { Step::Key(&keys[*index]) } else { Step::Index(*index) });
        tree = if is_object { tree.entries()[*index].1.clone() } else { tree.elements()[*index].clone() };
    }
    steps
}

/// Whether one text can be had from another by taking letters away.
fn is_subsequence(part: &str, whole: &str) -> bool {
    let mut letters = whole.chars();
    part.chars().all(|letter| letters.any(|found| found == letter))
}

fn bare(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn what_is_put_in_can_be_taken_out_of_any_text() {
    let mut dice = Dice(7);
    let keys: Vec<String> = (0..9).map(|index| format!("k{index}")).collect();
    let ours =
        Tree::Object(vec![("a".into(), Tree::Array(vec![Tree::String("x\"\n".into()), Tree::Other("10".into())]))]);
    let mut appended = 0;
    for _ in 0..3000 {
        let text = dice.text();
        let before = Document::parse(&text).unwrap_or_else(|wrong| panic!("{wrong}: {text}"));
        let tree = before.get(&[]).expect("it is an object");
        for (path, is_object) in containers(&tree, &[]) {
            let path = steps(&tree, &path, &keys);
            let mut doc = before.clone();
            doc.append(&path, is_object.then_some("ours"), &ours);
            let with = doc.clone().into_text();
            assert!(is_subsequence(&text, &with), "{text}\n{with}");
            Document::parse(&with).unwrap_or_else(|wrong| panic!("{wrong}: {with}"));
            let count = before.get(&path).map_or(0, |there| there.elements().len());
            let place = if is_object { Step::Key("ours") } else { Step::Index(count) };
            let place = [&path[..], &[place]].concat();
            assert_eq!(doc.get(&place).as_ref(), Some(&ours), "{with}");
            doc.replace(&place, &Tree::Other("false".into()));
            doc.replace(&place, &ours);
            assert_eq!(doc.get(&place).as_ref(), Some(&ours));
            doc.remove(&place);
            assert_eq!(doc.get(&[]).as_ref(), Some(&tree), "{with}");
            assert_eq!(bare(&doc.into_text()), bare(&text), "{with}");
            appended += 1;
        }
    }
    assert!(appended > 10_000, "only {appended}");
}

#[test]
fn whatever_is_removed_the_rest_stays() {
    let mut dice = Dice(11);
    let keys: Vec<String> = (0..9).map(|index| format!("k{index}")).collect();
    for _ in 0..3000 {
        let text = dice.text();
        let before = Document::parse(&text).unwrap_or_else(|wrong| panic!("{wrong}: {text}"));
        let tree = before.get(&[]).expect("it is an object");
        for (path, is_object) in containers(&tree, &[]) {
            let path = steps(&tree, &path, &keys);
            let there = before.get(&path).expect("it was found");
            let count = there.entries().len() + there.elements().len();
            for (index, key) in keys.iter().enumerate().take(count) {
                let mut doc = before.clone();
                doc.remove(&[&path[..], &[if is_object { Step::Key(key) } else { Step::Index(index) }]].concat());
                let left = doc.get(&path).expect("its container stays");
                let expected = match &there {
                    Tree::Object(entries) => Tree::Object(without(entries, index)),
                    Tree::Array(elements) => Tree::Array(without(elements, index)),
                    _ => unreachable!("only these are containers"),
                };
                assert_eq!(left, expected, "{text}");
                assert!(is_subsequence(&doc.into_text(), &text), "{text}");
            }
        }
    }
}

fn without<T: Clone>(items: &[T], index: usize) -> Vec<T> {
    items.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, item)| item.clone()).collect()
}

#[test]
fn a_text_that_is_wrong_is_told_by_line_and_column() {
    for (text, line, column) in [("{\n  \"ü\" 1}", 2, 7), ("{}}", 1, 3), ("[1 2]", 1, 3), ("{'a': 1}", 1, 2)] {
        let wrong = Document::parse(text).expect_err(text);
        assert_eq!((wrong.line, wrong.column), (line, column), "{text}: {wrong}");
    }
    let deep = "[".repeat(2000) + &"]".repeat(2000);
    assert!(Document::parse(&deep).is_err(), "no stack is used up");
}
