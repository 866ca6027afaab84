//! A command line as a tree: what [`super::parser`] makes of the text.
//!
//! Holds only what matters to the files: no positions, no colours of quotes beyond "is it literal".

use std::cell::OnceCell;
use std::rc::Rc;

/// Commands one after another.
#[derive(Debug, Default)]
pub(super) struct List(pub(super) Vec<Item>);

/// A chain, and whether a `&` stands behind it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) chain: Chain,
    pub(super) background: bool,
}

/// Pipelines joined by `&&` and `||`.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) first: Pipeline,
    pub(super) rest: Vec<(Link, Pipeline)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Link {
    And,
    Or,
}

/// At least one command; `!` before it only turns its result around.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) commands: Vec<Command>,
    pub(super) negated: bool,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) body: Body,
    pub(super) redirects: Vec<Redirect>,
}

#[derive(Debug)]
pub(super) enum Body {
    Simple(Simple),
    Group(List),
    Subshell(List),
    If {
        /// Condition and consequence, one for `if` and one for each `elif`.
        branches: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    /// `while` and `until`.
    While {
        condition: List,
        body: List,
    },
    /// `for` and `select`. Without words it goes over the arguments.
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    /// `for ((…))`, and what stands between the brackets.
    Count {
        arithmetic: String,
        body: List,
    },
    Case {
        word: Word,
        branches: Vec<List>,
    },
    Function {
        name: String,
        body: Rc<Command>,
    },
    /// `[[ … ]]`
    Test(Vec<Word>),
    /// `(( … ))`
    Arithmetic(String),
}

#[derive(Debug, Default)]
pub(super) struct Simple {
    /// Before the command, or alone.
    pub(super) assignments: Vec<Assignment>,
    pub(super) words: Vec<Word>,
    /// Behind `export`, `local` and the like.
    pub(super) declared: Vec<Assignment>,
}

#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Plain(Word),
    /// An array, an element of one, or what is appended: the words in it, for the commands they may hold.
    Other(Vec<Word>),
}

#[derive(Debug)]
pub(super) enum Redirect {
    /// `>`, `>>`, `>|`, `&>`, `&>>`, `<>`
    Write(Word),
    /// `>&` without a descriptor before it: another descriptor, or a file.
    WriteOrDuplicate(Word),
    /// `<`, `<&`, and `>&` with a descriptor before it.
    Other(Word),
    Text(Document),
}

/// A here-document or here-string, whose text may come later than its operator.
#[derive(Clone, Debug)]
pub(super) enum Document {
    Here {
        text: Rc<OnceCell<String>>,
        /// The delimiter was quoted, so that nothing in the text is expanded.
        literal: bool,
    },
    String(Rc<Word>),
}

/// One word: its parts stand without anything between them.
#[derive(Debug, Default)]
pub(super) struct Word(pub(super) Vec<Part>);

#[derive(Debug)]
pub(super) enum Part {
    /// Unquoted: braces, `~` and `*` in it have their meaning.
    Text(String),
    /// Quoted or escaped.
    Quoted(String),
    /// `$name`, `${name}`, `$1`, `$@`.
    Variable { name: String, quoted: bool },
    /// `$(…)` and backticks.
    Output { list: List, quoted: bool },
    /// `<(…)` and `>(…)`.
    Process(List),
    /// `$((…))`.
    Arithmetic(String),
    /// Any other expansion.
    Unknown { quoted: bool },
}

impl Word {
    /// The text of a word that is nothing but unquoted text.
    pub(super) fn plain(&self) -> Option<&str> {
        match &self.0[..] {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text of a word that nothing is expanded in.
    pub(super) fn literal(&self) -> Option<String> {
        self.0
            .iter()
            .map(|part| if let Part::Text(text) | Part::Quoted(text) = part { Some(&**text) } else { None })
            .collect()
    }
}
