//! Formatters and linters that rewrite the files named to them.
//!
//! Only files count: what such a program finds in a folder is its own affair, and most of it stays as it is.

use super::Call;
use crate::hooks::shell::Change;
use crate::hooks::shell::field::Field;
use crate::hooks::shell::options::{self, Argument};

struct Formatter {
    name: &'static str,
    /// The word it must begin with, where it has several trades.
    subcommand: &'static str,
    /// It writes when one of these is given; always when none is needed.
    writes_with: &'static str,
    /// It only looks when one of these is given.
    only_looks_with: &'static str,
    spec: &'static str,
}

const FORMATTERS: [Formatter; 15] = [
    Formatter { name: "gofmt", subcommand: "", writes_with: "w", only_looks_with: "", spec: "w l s d e r:" },
    Formatter { name: "goimports", subcommand: "", writes_with: "w", only_looks_with: "", spec: "w l d e v local:" },
    Formatter { name: "gofumpt", subcommand: "", writes_with: "w", only_looks_with: "", spec: "w l d e extra" },
    Formatter {
        name: "rustfmt",
        subcommand: "",
        writes_with: "",
        only_looks_with: "check emit",
        spec: "check emit: edition: config: config-path: q quiet v verbose l files-with-diff unstable-features backup",
    },
    Formatter {
        name: "prettier",
        subcommand: "",
        writes_with: "w write",
        only_looks_with: "c check l list-different",
        spec: "w write c check l list-different config: no-config parser: log-level: loglevel: ignore-path: plugin: \
               print-width: tab-width: use-tabs single-quote no-semi trailing-comma: prose-wrap: u ignore-unknown cache \
               no-error-on-unmatched-pattern",
    },
    Formatter {
        name: "black",
        subcommand: "",
        writes_with: "",
        only_looks_with: "check diff c code",
        spec: "check diff c: code: l: line-length: t: target-version: q quiet v verbose S skip-string-normalization C fast \
               safe preview config: pyi W: workers: skip-magic-trailing-comma",
    },
    Formatter {
        name: "ruff",
        subcommand: "format",
        writes_with: "",
        only_looks_with: "check diff",
        spec: "check diff n no-cache config: line-length: isolated preview q quiet v verbose s silent target-version:",
    },
    Formatter {
        name: "ruff",
        subcommand: "check",
        writes_with: "fix fix-only",
        only_looks_with: "diff",
        spec: "fix fix-only unsafe-fixes show-fixes diff n no-cache config: select: extend-select: ignore: line-length: \
               isolated preview q quiet v verbose s silent e exit-zero target-version: output-format:",
    },
    Formatter {
        name: "eslint",
        subcommand: "",
        writes_with: "fix",
        only_looks_with: "fix-dry-run",
        spec: "fix fix-dry-run c: config: ext: quiet max-warnings: cache f: format: rule: parser: plugin: no-ignore \
               ignore-path: no-eslintrc no-error-on-unmatched-pattern",
    },
    Formatter {
        name: "isort",
        subcommand: "",
        writes_with: "",
        only_looks_with: "c check check-only d diff stdout",
        spec: "c check check-only d diff stdout profile: l: line-length: q quiet v verbose settings-path: sp: fss",
    },
    Formatter {
        name: "autopep8",
        subcommand: "",
        writes_with: "i in-place",
        only_looks_with: "d diff",
        spec: "i in-place d diff a aggressive max-line-length: select: ignore: v verbose",
    },
    Formatter {
        name: "yapf",
        subcommand: "",
        writes_with: "i in-place",
        only_looks_with: "d diff",
        spec: "i in-place d diff style: p parallel v",
    },
    Formatter {
        name: "clang-format",
        subcommand: "",
        writes_with: "i",
        only_looks_with: "n dry-run",
        spec: "i n dry-run style: Werror verbose",
    },
    Formatter {
        name: "shfmt",
        subcommand: "",
        writes_with: "w write",
        only_looks_with: "d diff",
        spec: "w write d diff l list s simplify i: indent: bn ci sr kp fn ln: mn",
    },
    Formatter {
        name: "stylua",
        subcommand: "",
        writes_with: "",
        only_looks_with: "c check",
        spec: "c check config-path: f: v verbose",
    },
];

/// Words that run a tool of the project, which comes next.
const RUNNERS: [(&str, &str, &str); 12] = [
    ("npx", "", "y yes no-install q quiet"),
    ("bunx", "", ""),
    ("uvx", "", "q quiet"),
    ("pnpm", "exec", ""),
    ("pnpm", "", ""),
    ("yarn", "run", ""),
    ("yarn", "", ""),
    ("uv", "run", "q quiet"),
    ("poetry", "run", "q quiet"),
    ("pipenv", "run", ""),
    ("python", "-m", ""),
    ("python3", "-m", ""),
];

/// The call of a formatter, or of one through a runner.
pub(super) fn format(name: &str, call: &mut Call<'_>) -> Option<()> {
    let args = call.args;
    if let Some((tool, args)) = through_runner(name, args) {
        return write(tool, args, call);
    }
    write(name, args, call)
}

fn through_runner<'a>(name: &str, args: &'a [Argument]) -> Option<(&'a str, &'a [Argument])> {
    RUNNERS.iter().filter(|(runner, ..)| *runner == name).find_map(|(_, subcommand, spec)| {
        let rest = if subcommand.is_empty() { args } else { after(args, subcommand)? };
        let (_, rest) = options::read_leading(rest, spec)?;
        let (tool, args) = rest.split_first()?;
        let tool = tool.as_ref()?.text()?;
        FORMATTERS.iter().any(|formatter| formatter.name == tool).then_some((tool, args))
    })
}

/// What follows this word.
fn after<'a>(args: &'a [Argument], word: &str) -> Option<&'a [Argument]> {
    let (first, rest) = args.split_first()?;
    (first.as_ref().and_then(Field::text) == Some(word)).then_some(rest)
}

fn write(name: &str, args: &[Argument], call: &mut Call<'_>) -> Option<()> {
    FORMATTERS.iter().filter(|formatter| formatter.name == name).find_map(|formatter| {
        let args = if formatter.subcommand.is_empty() { args } else { after(args, formatter.subcommand)? };
        let options = options::read(args, formatter.spec)?;
        let writes = formatter.writes_with.is_empty() || options.has(formatter.writes_with);
        if !writes || options.has(formatter.only_looks_with) {
            return None;
        }
        options.operands.iter().for_each(|file| call.touch(file, Change::Write, false));
        Some(())
    })
}
