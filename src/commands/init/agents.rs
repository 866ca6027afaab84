//! The agents' settings: what to change in them is shown, asked for, and done.

use std::cell::Cell;

use serde_json::{Value, json};

use super::{agreed, can_ask, project, world};
use crate::app::App;
use crate::cli::{InitArgs, InitScope};
use crate::error::{Exit, Failure};
use crate::host::repository;
use crate::output::{Line, Report, Style};
use crate::protocol::spelling::shell_word;
use crate::setup::agents::{AGENTS, Agent};
use crate::setup::apply::{carry_out, projects};
use crate::setup::plan::{Change, Direction, Plan, Problem, plan};
use crate::setup::{Scope, World};

/// Adds to the report what was done with the agents' settings, or would be.
pub(super) fn run(app: &App, args: &InitArgs, direction: Direction, report: &mut Report) -> Result<(), Failure> {
    let variable = |name: &str| app.variable(name);
    let Some(world) = world(app, &variable) else { return Ok(()) };
    let scope = scope(app, args)?;
    let agents = chosen(&world, args, direction)?;
    report.data = json!({ "agents": agents.iter().map(|agent| agent.name).collect::<Vec<_>>() });
    let planned = plan(&world, &scope, &agents, direction);
    report.data["changes"] = planned.changes.iter().map(|change| in_json(change, args.dry_run)).collect();
    let is_clean = planned.leftovers.is_empty() || args.dry_run;
    let problems = if planned.changes.is_empty() && is_clean {
        say_why_nothing(&agents, direction, &planned, report);
        planned.problems
    } else if args.dry_run || !(planned.changes.is_empty() || args.yes || can_ask()) {
        would(&planned, args, report);
        planned.problems
    } else {
        make(app, (&world, &scope, &agents, direction), args, &planned, report)?
    };
    add_problems(&problems, report);
    if direction == Direction::TakeOut && scope == Scope::User {
        let projects = projects(&world).into_iter().map(|project| {
            format!(
                "the settings of {} still have ours; aio init --remove --scope project {}",
                project.display(),
                shell_word(&project)
            )
        });
        report.notes.extend(projects);
    }
    Ok(())
}

/// Asks, does what may be done, and gives what could not be.
fn make(
    app: &App,
    (world, scope, agents, direction): (&World<'_>, &Scope, &[&'static Agent], Direction),
    args: &InitArgs,
    planned: &Plan,
    report: &mut Report,
) -> Result<Vec<Problem>, Failure> {
    let (common, trust) = (answer(planned, args, false), answer(planned, args, true));
    let skipped = Cell::new(false);
    let allowed = |change: &Change| {
        let is_allowed = if change.is_trust { trust } else { common };
        skipped.set(skipped.get() || !is_allowed);
        is_allowed
    };
    let how = (app.store.patience(), &*app.stamp());
    let done = carry_out(world, scope, agents, direction, how, &allowed)?;
    app.changed.set(app.changed.get() || !done.words.is_empty());
    if planned.changes.is_empty() {
        say_why_nothing(agents, direction, planned, report);
    }
    report.lines.extend(done.words.iter().map(|words| words.as_str().into()));
    if skipped.get() {
        report.notes.push("what you did not agree to was not changed".to_owned());
    }
    if !done.words.is_empty() {
        report.notes.push("agents that are running read their settings when they are started again".to_owned());
    }
    Ok(done.problems)
}

fn scope(app: &App, args: &InitArgs) -> Result<Scope, Failure> {
    match (args.scope, &args.path) {
        (InitScope::User, _) => Ok(Scope::User),
        (InitScope::Project, Some(path)) => Ok(Scope::Project(project(app, path.as_ref())?)),
        (InitScope::Project, None) => match repository::worktree_of(&app.cwd) {
            Some(worktree) => Ok(Scope::Project(worktree.root)),
            None => Err(Failure::usage("this is no git worktree, so there is no project to set up")
                .hint("name its folder: aio init --scope project FOLDER")),
        },
    }
}

/// Those that are named, found or not; else those that are found, or when we leave all of them.
fn chosen(world: &World<'_>, args: &InitArgs, direction: Direction) -> Result<Vec<&'static Agent>, Failure> {
    if args.agents.is_empty() {
        let is_chosen = |agent: &&Agent| direction == Direction::TakeOut || agent.is_found(world);
        return Ok(AGENTS.iter().filter(is_chosen).collect());
    }
    let names: Vec<&str> = AGENTS.iter().map(|agent| agent.name).collect();
    if let Some(unknown) = args.agents.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(
            Failure::usage(format!("no agent {unknown:?} is known")).hint(format!("name some of {}", names.join(",")))
        );
    }
    Ok(AGENTS.iter().filter(|agent| args.agents.iter().any(|name| name == agent.name)).collect())
}

fn say_why_nothing(agents: &[&Agent], direction: Direction, planned: &Plan, report: &mut Report) {
    let names: Vec<&str> = agents.iter().map(|agent| agent.name).collect();
    let line = match direction {
        Direction::TakeOut => "nothing of ours is in the agents' settings".to_owned(),
        Direction::PutIn if agents.is_empty() => "no agent was found; --agents names some to set up anyway".to_owned(),
        Direction::PutIn if planned.problems.is_empty() => format!("set up: {}", names.join(", ")),
        Direction::PutIn => return,
    };
    report.lines.push(line.into());
}

/// What would be done, and the command that does it.
fn would(planned: &Plan, args: &InitArgs, report: &mut Report) {
    for change in &planned.changes {
        report.lines.extend(change.words.iter().map(|words| format!("would {words}").into()));
        if args.dry_run {
            report.lines.extend(difference(change).lines().map(coloured));
        }
    }
    let mut command = vec!["aio init --yes".to_owned()];
    command.extend(args.remove.then(|| "--remove".to_owned()));
    command.extend((args.scope == InitScope::Project).then(|| "--scope project".to_owned()));
    command.extend((!args.agents.is_empty()).then(|| format!("--agents {}", args.agents.join(","))));
    command.extend(args.path.iter().map(|path| path.to_string_lossy().into_owned()));
    let see = if args.dry_run { "" } else { ", and --dry-run instead of --yes shows it" };
    report.notes.push(format!("no agent's settings were changed; {} does it{see}", command.join(" ")));
}

/// Whether the changes that are or are not about trust may be made.
fn answer(planned: &Plan, args: &InitArgs, is_trust: bool) -> bool {
    let changes = planned.changes.iter().filter(|change| change.is_trust == is_trust);
    let words: Vec<String> = changes.flat_map(|change| change.words.clone()).collect();
    args.yes || (!words.is_empty() && agreed(&words))
}

fn difference(change: &Change) -> String {
    let (before, after) = change.texts();
    let path = change.path.display().to_string();
    let new = if change.is_removal() { "/dev/null" } else { &path };
    similar::TextDiff::from_lines(&before, &after).unified_diff().context_radius(2).header(&path, new).to_string()
}

fn coloured(line: &str) -> Line {
    let style = match line.as_bytes().first() {
        Some(b'+') => Style::Good,
        Some(b'-') => Style::Bad,
        _ => Style::Faint,
    };
    Line::of(style, line)
}

fn in_json(change: &Change, with_difference: bool) -> Value {
    let difference = with_difference.then(|| difference(change));
    json!({ "agents": change.agents, "path": change.path.to_string_lossy(), "what": change.words, "difference": difference })
}

/// Some settings were left alone: the command did not do all that it was asked for.
fn add_problems(problems: &[Problem], report: &mut Report) {
    if problems.is_empty() {
        return;
    }
    report.exit = Exit::Environment;
    report.code = "incomplete";
    report.notes.extend(problems.iter().map(Problem::in_words));
    let in_json = |problem: &Problem| json!({ "agent": problem.agent, "path": problem.path.to_string_lossy(), "reason": problem.reason });
    report.data["problems"] = problems.iter().map(in_json).collect();
}
