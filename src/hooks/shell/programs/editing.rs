//! Programs that rewrite files where they stand, when they are told to.

use super::Call;
use crate::hooks::shell::Change;
use crate::hooks::shell::field::Field;
use crate::hooks::shell::options::Argument;

/// GNU's `-i` takes a suffix only attached, BSD's always takes one: there an empty word of its own, which is no file to
/// GNU. So every operand but the script is a file to one of them, and to the other a call that fails.
pub(super) fn sed(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "i? in-place? I? n quiet silent e: expression: f: file: E r regexp-extended s separate u unbuffered z null-data l: \
         line-length: a posix sandbox debug follow-symlinks",
    )?;
    if !options.has("i in-place I") {
        return None;
    }
    let mut files = &options.operands[..];
    if is_text(files.first(), "") {
        files = &files[1..];
    }
    if !options.has("e expression f file") {
        files = files.get(1..)?;
    }
    edit(call, files, options.value("i in-place I"));
    Some(())
}

/// Options end at the first operand; `-i` takes what is attached as a suffix.
pub(super) fn perl(call: &mut Call<'_>) -> Option<()> {
    let (mut in_place, mut suffix, mut has_script) = (false, None, false);
    let mut args = call.args;
    while let Some((argument, rest)) = args.split_first() {
        let text = argument.as_ref().and_then(Field::text).filter(|text| text.len() > 1);
        let Some(letters) = text.and_then(|text| text.strip_prefix('-')) else { break };
        args = rest;
        if letters == "-" {
            break;
        }
        for (index, letter) in letters.char_indices() {
            let attached = &letters[index + letter.len_utf8()..];
            match letter {
                'p' | 'n' | 'a' | 'w' | 'W' | 'X' | 's' | 'S' | 't' | 'T' | 'u' | 'U' => {}
                '0'..='9' | 'l' => {}
                'e' | 'E' => {
                    has_script = true;
                    if attached.is_empty() {
                        args = args.get(1..)?;
                    }
                    break;
                }
                'i' => {
                    in_place = true;
                    suffix = Some(Some(Field::Text(attached.to_owned())));
                    break;
                }
                'M' | 'm' | 'I' | 'F' if !attached.is_empty() => break,
                _ => return None,
            }
        }
    }
    if in_place {
        let files = if has_script { args } else { args.get(1..)? };
        edit(call, files, suffix.as_ref());
    }
    Some(())
}

/// `-i inplace`, and then files or assignments.
pub(super) fn awk(call: &mut Call<'_>) -> Option<()> {
    let options = call.options("F: field-separator: v: assign: f: file: i: include: E: exec: n r s S O P")?;
    if !is_text(options.value("i include"), "inplace") {
        return None;
    }
    let files = if options.has("f file") { &options.operands[..] } else { options.operands.get(1..)? };
    let is_file = |operand: &&Argument| operand.as_ref().and_then(Field::text).is_none_or(|text| !text.contains('='));
    files.iter().filter(is_file).for_each(|file| call.touch(file, Change::Write, false));
    Some(())
}

/// `-i`, with or without `eval` before the expression.
pub(super) fn yq(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "i inplace P prettyPrint y yaml-output r raw-output N no-doc I: indent: o: output-format: p: input-format:",
    )?;
    if !options.has("i inplace") {
        return None;
    }
    let mut operands = &options.operands[..];
    if is_text(operands.first(), "eval") || is_text(operands.first(), "e") {
        operands = &operands[1..];
    }
    operands.get(1..)?.iter().for_each(|file| call.touch(file, Change::Write, false));
    Some(())
}

fn is_text(argument: Option<&Argument>, text: &str) -> bool {
    argument.is_some_and(|argument| argument.as_ref().and_then(Field::text) == Some(text))
}

/// Each file, and the copy of it that is kept under the suffix.
fn edit(call: &mut Call<'_>, files: &[Argument], suffix: Option<&Argument>) {
    let suffix = suffix.and_then(|suffix| suffix.as_ref()?.text()).filter(|suffix| !suffix.is_empty());
    for file in files {
        call.touch(file, Change::Write, false);
        if let (Some(suffix), Some(Field::Text(path))) = (suffix, file)
            && !suffix.contains(['*', '/'])
        {
            call.path(&format!("{path}{suffix}"), Change::Write);
        }
    }
}
