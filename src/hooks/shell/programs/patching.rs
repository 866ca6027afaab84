//! Patches that stand in the command itself: `apply_patch`, `patch` and `git apply` with a here-document.

use super::Call;
use crate::hooks::diff;
use crate::hooks::patch::{self, ChangeKind};
use crate::hooks::shell::field::Field;
use crate::hooks::shell::options;
use crate::hooks::shell::{Change, paths};

/// The patch is the argument, or the input.
pub(super) fn apply_patch(call: &mut Call<'_>) -> Option<()> {
    let (text, is_certain) = match call.args {
        [] => (&*call.input?.text, call.input?.is_certain()),
        [argument, ..] => (argument.as_ref()?.text()?, true),
    };
    let is_known = |path: &str| is_certain || !path.contains(['$', '`', '\\']);
    for change in patch::changes(text).iter().filter(|change| is_known(change.path)) {
        let kind = if change.kind == ChangeKind::Delete { Change::Remove } else { Change::Write };
        call.path(change.path, kind);
    }
    Some(())
}

/// `patch FILE`, or with the patch as input; which files a patch in a file names is not known.
pub(super) fn patch(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "p: strip: i: input: d: directory: o: output: R reverse N forward s quiet silent f force t batch b backup E \
         remove-empty-files l ignore-whitespace u unified c context F: fuzz: V: version-control: z: suffix: r: reject-file: \
         dry-run C check verbose merge? binary no-backup-if-mismatch posix",
    )?;
    if options.has("dry-run C check") {
        return None;
    }
    let mut scope = call.scope.clone();
    if let Some(folder) = options.value("d directory") {
        scope.cwd = paths::changed_into(scope.cwd.as_deref(), folder.as_ref()?.text()?);
    }
    let mut call = Call { args: call.args, scope: &scope, input: call.input, found: &mut *call.found };
    if let Some(file) = options.value("o output").or(options.operands.first()) {
        call.touch(file, Change::Write, false);
        return Some(());
    }
    let strip = match options.value("p strip") {
        Some(count) => count.as_ref()?.text()?.parse().ok()?,
        // It takes the last part of a name then, or the whole of it.
        None => return None,
    };
    // A patch in a file of its own is not read.
    (!options.has("i input")).then_some(())?;
    touch_all(strip, &mut call)
}

/// With the patch as input.
pub(super) fn git_apply(call: &mut Call<'_>) -> Option<()> {
    let options = options::read(
        call.args,
        "3 3way R reverse p: index intent-to-add v verbose q quiet allow-empty recount unidiff-zero whitespace: \
         ignore-whitespace ignore-space-change inaccurate-eof reject C:",
    )?;
    let is_input = |operands: &[Option<Field>]| match operands {
        [] => true,
        [one] => one.as_ref().and_then(Field::text) == Some("-"),
        _ => false,
    };
    if !is_input(&options.operands) {
        return None;
    }
    let strip = match options.value("p") {
        Some(count) => count.as_ref()?.text()?.parse().ok()?,
        None => 1,
    };
    touch_all(strip, call)
}

fn touch_all(strip: usize, call: &mut Call<'_>) -> Option<()> {
    for path in diff::files(&call.input?.text, strip) {
        call.path(path, Change::Write);
    }
    Some(())
}
