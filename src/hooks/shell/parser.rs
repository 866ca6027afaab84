//! The grammar of commands: lists, pipelines, compound commands, functions.
//!
//! Reads what bash, zsh and sh have in common. What only one of them takes, or takes differently, is not understood.

use std::rc::Rc;

use super::scanner::Scanner;
use super::syntax::{Body, Chain, Command, Document, Item, Link, List, Pipeline, Redirect, Simple, Word};
use super::words::{Ends, is_name_byte};

/// Words that end a list where a command could begin.
const CLOSING: [&str; 8] = ["then", "else", "elif", "fi", "do", "done", "esac", "}"];

/// The commands that `text` consists of; nothing where some of it is not understood.
pub(super) fn parse(text: &str) -> Option<List> {
    Scanner::new(text, 0).program()
}

impl Scanner<'_> {
    pub(super) fn program(&mut self) -> Option<List> {
        let list = self.list()?;
        self.rest().is_empty().then_some(list)
    }

    /// Items up to something that ends a list, which is left in place.
    pub(super) fn list(&mut self) -> Option<List> {
        let mut list = List::default();
        loop {
            self.lines()?;
            if self.ends_list() {
                return Some(list);
            }
            let chain = self.chain()?;
            self.blanks();
            let background = self.peek() == Some(b'&');
            list.0.push(Item { chain, background });
            match self.peek() {
                Some(b'\n') | None => {}
                Some(b';') if self.peek_second() != Some(b';') => self.at += 1,
                Some(b'&') => self.at += 1,
                _ => return self.ends_list().then_some(list),
            }
        }
    }

    fn ends_list(&self) -> bool {
        match self.peek() {
            None | Some(b')') => true,
            Some(b';') => self.starts_with(";;") || self.starts_with(";&"),
            _ => CLOSING.iter().any(|word| self.is_at(word)),
        }
    }

    /// Whether this reserved word comes next, as a word of its own.
    fn is_at(&self, word: &str) -> bool {
        let after = self.rest().strip_prefix(word).map(|rest| rest.bytes().next());
        after.is_some_and(|next| next.is_none_or(|byte| b" \t\n;&|()<>".contains(&byte)))
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.is_at(word) && self.take(word)
    }

    fn expect_word(&mut self, word: &str) -> Option<()> {
        self.lines()?;
        self.take_word(word).then_some(())
    }

    fn chain(&mut self) -> Option<Chain> {
        let mut chain = Chain { first: self.pipeline()?, rest: Vec::new() };
        loop {
            self.blanks();
            let link = match () {
                () if self.take("&&") => Link::And,
                () if self.take("||") => Link::Or,
                () => return Some(chain),
            };
            self.lines()?;
            chain.rest.push((link, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Option<Pipeline> {
        let mut pipeline = Pipeline { commands: Vec::new(), negated: false };
        loop {
            self.blanks();
            match () {
                () if self.take_word("!") => pipeline.negated = true,
                () if self.take_word("time") => {
                    self.blanks();
                    self.take_word("-p");
                }
                () => break,
            }
        }
        loop {
            self.blanks();
            pipeline.commands.push(self.nested(Self::command)?);
            self.blanks();
            if self.starts_with("||") || !(self.take("|&") || self.take("|")) {
                return Some(pipeline);
            }
            self.lines()?;
        }
    }

    fn command(&mut self) -> Option<Command> {
        let body = match self.compound()? {
            Some(body) => body,
            None => return self.simple(),
        };
        let mut redirects = Vec::new();
        loop {
            self.blanks();
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => return Some(Command { body, redirects }),
            }
        }
    }

    /// A compound command, if one begins here.
    fn compound(&mut self) -> Option<Option<Body>> {
        let body = match () {
            () if self.starts_with("((") => match self.arithmetic() {
                Some(text) => Body::Arithmetic(text),
                None => self.subshell()?,
            },
            () if self.peek() == Some(b'(') => self.subshell()?,
            () if self.take_word("{") => Body::Group(self.block("}")?),
            () if self.take_word("[[") => self.test()?,
            () if self.take_word("if") => self.conditional()?,
            () if self.take_word("while") || self.take_word("until") => {
                Body::While { condition: self.list()?, body: self.looped()? }
            }
            () if self.take_word("for") || self.take_word("select") => self.counted()?,
            () if self.take_word("case") => self.case()?,
            () if self.take_word("function") => {
                self.blanks();
                let name = self.word(Ends::AtOperators)?.literal()?;
                self.blanks();
                if self.take("(") {
                    self.blanks();
                    self.take(")").then_some(())?;
                }
                self.function(name)?
            }
            () if self.is_at("coproc") => return None,
            () => return Some(None),
        };
        Some(Some(body))
    }

    /// A list that is not empty, and the word behind it.
    fn block(&mut self, end: &str) -> Option<List> {
        let list = self.list()?;
        (self.take_word(end) && !list.0.is_empty()).then_some(list)
    }

    fn subshell(&mut self) -> Option<Body> {
        self.at += 1;
        let list = self.list()?;
        (self.take(")") && !list.0.is_empty()).then_some(Body::Subshell(list))
    }

    /// The body of a loop.
    fn looped(&mut self) -> Option<List> {
        self.expect_word("do")?;
        self.block("done")
    }

    fn test(&mut self) -> Option<Body> {
        let mut words = Vec::new();
        loop {
            self.lines()?;
            if self.take_word("]]") {
                return Some(Body::Test(words));
            }
            match self.word(Ends::AtBlanks)? {
                word if word.is_empty() => return None,
                word => words.push(word),
            }
        }
    }

    fn conditional(&mut self) -> Option<Body> {
        let mut branches = Vec::new();
        let mut otherwise = None;
        loop {
            let condition = self.list()?;
            self.expect_word("then")?;
            branches.push((condition, self.list()?));
            if self.take_word("elif") {
                continue;
            }
            if self.take_word("else") {
                otherwise = Some(self.list()?);
            }
            return self.take_word("fi").then_some(Body::If { branches, otherwise });
        }
    }

    fn counted(&mut self) -> Option<Body> {
        self.blanks();
        if self.starts_with("((") {
            let arithmetic = self.arithmetic()?;
            self.separator();
            return Some(Body::Count { arithmetic, body: self.looped()? });
        }
        let name = self.take_while(is_name_byte).to_owned();
        self.lines()?;
        let words = match self.take_word("in") {
            true => Some(self.words()?),
            false => None,
        };
        self.separator();
        (!name.is_empty()).then_some(Body::For { name, words, body: self.looped()? })
    }

    /// At most one `;`.
    fn separator(&mut self) {
        self.blanks();
        self.take(";");
    }

    fn words(&mut self) -> Option<Vec<Word>> {
        let mut words = Vec::new();
        loop {
            self.blanks();
            match self.word(Ends::AtOperators)? {
                word if word.is_empty() => return Some(words),
                word => words.push(word),
            }
        }
    }

    fn case(&mut self) -> Option<Body> {
        self.blanks();
        let word = self.word(Ends::AtOperators)?;
        self.expect_word("in")?;
        let mut branches = Vec::new();
        loop {
            self.lines()?;
            if self.take_word("esac") {
                return (!word.is_empty()).then_some(Body::Case { word, branches });
            }
            self.take("(");
            self.patterns()?;
            branches.push(self.list()?);
            let goes_on = self.take(";;&") || self.take(";;") || self.take(";&");
            (goes_on || self.is_at("esac")).then_some(())?;
        }
    }

    /// The patterns of a branch, and the bracket behind them.
    fn patterns(&mut self) -> Option<()> {
        loop {
            self.blanks();
            let pattern = self.word(Ends::AtOperators)?;
            self.blanks();
            match self.next_char()? {
                _ if pattern.is_empty() => return None,
                ')' => return Some(()),
                '|' => {}
                _ => return None,
            }
        }
    }

    /// The body of a function, which is a compound command.
    fn function(&mut self, name: String) -> Option<Body> {
        self.lines()?;
        let body = self.nested(Self::command)?;
        (!matches!(body.body, Body::Simple(_))).then(|| Body::Function { name, body: Rc::new(body) })
    }

    fn simple(&mut self) -> Option<Command> {
        let (mut simple, mut redirects) = (Simple::default(), Vec::new());
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
            } else if let Some(assignment) = self.assignment(&simple)? {
                if simple.words.is_empty() { &mut simple.assignments } else { &mut simple.declared }.push(assignment);
            } else {
                let word = self.word(Ends::AtOperators)?;
                if word.is_empty() {
                    break;
                }
                simple.words.push(word);
            }
        }
        let is_nothing = simple.words.is_empty() && simple.assignments.is_empty() && redirects.is_empty();
        if self.peek() == Some(b'(') {
            return self.function_after(&simple, &redirects);
        }
        (!is_nothing).then_some(Command { body: Body::Simple(simple), redirects })
    }

    /// `name ()` makes a function of what follows.
    fn function_after(&mut self, simple: &Simple, redirects: &[Redirect]) -> Option<Command> {
        let [name] = &simple.words[..] else { return None };
        self.at += 1;
        self.blanks();
        let is_function = self.take(")") && redirects.is_empty() && simple.assignments.is_empty();
        let body = self.function(name.plain().filter(|_| is_function)?.to_owned())?;
        Some(Command { body, redirects: Vec::new() })
    }

    /// A redirection, if one begins here.
    fn redirect(&mut self) -> Option<Option<Redirect>> {
        let has_descriptor = self.descriptor();
        let is_arrow = matches!(self.peek(), Some(b'<' | b'>')) || self.starts_with("&>");
        let is_process = !has_descriptor && self.peek_second() == Some(b'(');
        if !is_arrow || is_process {
            return Some(None);
        }
        if is_numeric_glob(self.rest()) {
            return None;
        }
        let redirect = match () {
            () if self.take("<<<") => Redirect::Text(Document::String(Rc::new(self.target()?))),
            () if self.take("<<-") => self.here_document(true)?,
            () if self.take("<<") => self.here_document(false)?,
            () if self.take("&>>") || self.take("&>") => Redirect::Write(self.target()?),
            () if self.take(">&") => match self.target()? {
                target if has_descriptor => Redirect::Other(target),
                target => Redirect::WriteOrDuplicate(target),
            },
            () if self.take("<&") => Redirect::Other(self.target()?),
            () if self.take("<>") || self.take(">>") || self.take(">|") || self.take(">") => {
                Redirect::Write(self.target()?)
            }
            () => {
                self.at += 1;
                Redirect::Other(self.target()?)
            }
        };
        Some(Some(redirect))
    }

    /// Steps over `2` or `{name}` in front of a redirection.
    fn descriptor(&mut self) -> bool {
        let start = self.at;
        let is_named = self.take("{");
        let name = self.take_while(is_name_byte);
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        let is_one = !name.is_empty() && if is_named { self.take("}") } else { is_number };
        let has_one = is_one && matches!(self.peek(), Some(b'<' | b'>'));
        if !has_one {
            self.at = start;
        }
        has_one
    }

    fn target(&mut self) -> Option<Word> {
        self.blanks();
        let word = self.word(Ends::AtOperators)?;
        (!word.is_empty()).then_some(word)
    }

    fn here_document(&mut self, strips_tabs: bool) -> Option<Redirect> {
        let delimiter = self.target()?;
        self.announce(&delimiter, strips_tabs).map(Redirect::Text)
    }
}

/// `<1-9>` is a pattern in zsh and two redirections elsewhere.
fn is_numeric_glob(text: &str) -> bool {
    let digits = |text: &'_ str| text.bytes().take_while(u8::is_ascii_digit).count();
    let Some(low) = text.strip_prefix('<') else { return false };
    let Some(high) = low[digits(low)..].strip_prefix('-') else { return false };
    high[digits(high)..].starts_with('>')
}
