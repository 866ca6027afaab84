//! `find`, where what it finds can be said: every file below a folder with a certain name.

use crate::hooks::shell::field::{Field, escape};
use crate::hooks::shell::options::Argument;
use crate::hooks::shell::scope::Scope;
use crate::hooks::shell::{Change, Effects, paths};

use super::Call;

/// A search, and what is done with each thing found.
pub(in crate::hooks::shell) struct Search<'a> {
    folders: Vec<String>,
    name: Option<String>,
    files_only: bool,
    deletes: bool,
    /// The command behind `-exec`.
    pub(in crate::hooks::shell) command: &'a [Argument],
}

/// The search that these arguments describe; nothing where it has conditions that are not followed.
pub(in crate::hooks::shell) fn search<'a>(args: &'a [Argument], scope: &Scope) -> Option<Search<'a>> {
    let is_condition =
        |arg: &Argument| arg.as_ref().and_then(Field::text).is_some_and(|text| text.starts_with(['-', '(', '!']));
    let start = args.iter().position(is_condition).unwrap_or(args.len());
    let folder = |arg: &Argument| paths::absolute(scope.cwd.as_deref(), arg.as_ref()?.text()?);
    let folders = match start {
        0 => scope.cwd.iter().cloned().collect(),
        _ => args[..start].iter().filter_map(folder).collect(),
    };
    let mut search = Search { folders, name: None, files_only: false, deletes: false, command: &[] };
    let mut conditions = args[start..].iter();
    while let Some(condition) = conditions.next() {
        match condition.as_ref()?.text()? {
            "-name" if search.name.is_none() => search.name = Some(pattern(conditions.next()?.as_ref()?.text()?)?),
            "-type" if conditions.next()?.as_ref()?.text()? == "f" => search.files_only = true,
            "-print" | "-depth" => {}
            "-delete" if search.acts_once() => search.deletes = true,
            "-exec" if search.acts_once() => search.command = command(&mut conditions)?,
            _ => return None,
        }
    }
    search.folders.retain(|folder| !paths::is_nobodys(folder));
    Some(search)
}

/// A pattern of `find` in our spelling.
fn pattern(name: &str) -> Option<String> {
    let is_plain = |text: &str| !text.contains(['[', ']', '\\', '/']);
    is_plain(name).then(|| name.split_inclusive(['*', '?']).map(escape_but_last).collect())
}

fn escape_but_last(piece: &str) -> String {
    match piece.strip_suffix(['*', '?']) {
        Some(literal) => format!("{}{}", escape(literal), &piece[literal.len()..]),
        None => escape(piece),
    }
}

/// The arguments up to `;` or `+`.
fn command<'a>(conditions: &mut std::slice::Iter<'a, Argument>) -> Option<&'a [Argument]> {
    let rest = conditions.as_slice();
    let ends = |arg: &Argument| matches!(arg.as_ref().and_then(Field::text), Some(";" | "+"));
    let end = rest.iter().position(ends)?;
    *conditions = rest[end + 1..].iter();
    Some(&rest[..end])
}

impl Search<'_> {
    fn acts_once(&self) -> bool {
        !self.deletes && self.command.is_empty()
    }

    /// Adds what is deleted.
    pub(in crate::hooks::shell) fn delete(&self, scope: &Scope, found: &mut Effects) {
        let mut call = Call { args: &[], scope, input: None, found };
        for folder in self.folders.iter().filter(|_| self.deletes) {
            match &self.name {
                None if !self.files_only => call.touch(&Some(Field::Text(folder.clone())), Change::Remove, true),
                _ => call.touch(&Some(self.found_in(folder)), Change::Remove, false),
            }
        }
    }

    /// The command of `-exec` for what is found in each folder.
    pub(in crate::hooks::shell) fn commands(&self) -> impl Iterator<Item = Vec<Argument>> {
        let folders = self.folders.iter().filter(|_| !self.command.is_empty());
        folders.map(|folder| {
            let is_placeholder = |arg: &Argument| arg.as_ref().and_then(Field::text) == Some("{}");
            let fill = |arg: &Argument| if is_placeholder(arg) { Some(self.found_in(folder)) } else { arg.clone() };
            self.command.iter().map(fill).collect()
        })
    }

    fn found_in(&self, folder: &str) -> Field {
        Field::Found { folder: folder.to_owned(), name: self.name.clone().unwrap_or_else(|| "*".to_owned()) }
    }
}
