//! `aio completions`, `aio man`

use crate::cli::{self, CompletionsArgs};
use crate::error::Failure;
use crate::output::Report;

pub(super) fn run(args: &CompletionsArgs) -> Result<Report, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::with_short_forms(cli::tree()), "aio", &mut script);
    Ok(text_report("completions", &script))
}

pub(super) fn manual() -> Result<Report, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(cli::tree())
        .render(&mut page)
        .map_err(|error| Failure::environment(format!("the manual page could not be made: {error}")))?;
    Ok(text_report("manual", &page))
}

fn text_report(code: &'static str, text: &[u8]) -> Report {
    let text = String::from_utf8_lossy(text);
    let mut report = Report::silent(code).with(serde_json::json!({ "text": text }));
    report.lines = text.lines().map(|line| line.into()).collect();
    report
}
