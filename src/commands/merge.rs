//! `aio merge`: jobs brought home one after the other, each seen to have arrived whole.
//!
//! Everything that can be known beforehand is looked at before the first is merged. Nothing is pushed, and nothing removed.

mod checks;
mod homecoming;
mod sequence;

use std::path::Path;

use serde_json::{Value, json};

use super::interrupting::Interruption;
use super::merging::{self, Worker};
use crate::app::App;
use crate::cli::MergeArgs;
use crate::error::{Exit, Failure, describe};
use crate::fleet::conflicts::{Cache, Candidate, Clash, Room, Survey, survey};
use crate::fleet::merge::{self, branch_ref, listed};
use crate::output::{Line, Report, Style, count};
use crate::protocol::spelling::shell_word;
use checks::{commits_of, holders, must_be_committed, must_rest, must_rest_there};

pub(super) fn run(app: &App, args: &MergeArgs) -> Result<Report, Failure> {
    let words = "what is being merged is merged first, with its hooks; another Ctrl-C stops git and takes it back";
    let interruption = Interruption::catch_and_say(app.output, words)?;
    merge_jobs(app, args, &interruption).map_err(|failure| interruption.explain(failure))
}

fn merge_jobs(app: &App, args: &MergeArgs, interruption: &Interruption) -> Result<Report, Failure> {
    let mut plan = Plan::make(app, args)?;
    plan.check(args.yes)?;
    plan.check_site(app, args.yes)?;
    plan.foretell(app, args.yes)?;
    interruption.before("nothing was merged")?;
    match args.dry_run {
        true => Ok(plan.report()),
        false => plan.carry_out(app, interruption),
    }
}

/// Jobs of one project, to be merged into one branch.
struct Plan {
    target: String,
    /// Whether a person named the target.
    is_named: bool,
    /// In the order in which they are merged.
    workers: Vec<Worker>,
    /// How many commits each brings.
    commits: Vec<u64>,
    notes: Vec<String>,
    survey: Survey,
    /// So many are merged before the first that is known to conflict then.
    merged_before: usize,
}

impl Plan {
    fn make(app: &App, args: &MergeArgs) -> Result<Plan, Failure> {
        let mut workers: Vec<Worker> = Vec::new();
        for word in &args.jobs {
            let worker = merging::find(app, word)?;
            worker.must_have_project()?;
            if !workers.iter().any(|known| known.id == worker.id) {
                workers.push(worker);
            }
        }
        let target = checks::target(&workers, args.into.as_deref())?;
        let is_named = args.into.is_some();
        let (commits, notes, survey) = (Vec::new(), Vec::new(), Survey::default());
        Ok(Plan { target, is_named, workers, commits, notes, survey, merged_before: 0 })
    }

    fn project(&self) -> &Path {
        &self.workers[0].project
    }

    /// Looks for whatever stands against it, and counts what there is to merge.
    fn check(&mut self, goes_on: bool) -> Result<(), Failure> {
        for worker in &self.workers {
            worker.must_have_branch()?;
            must_rest(worker)?;
            merging::must_have_tip(worker)?;
            self.notes.extend(merging::must_be_home(worker, goes_on)?);
            self.notes.extend(must_be_committed(worker, goes_on)?);
        }
        self.commits = self.workers.iter().map(|worker| commits_of(worker, &self.target)).collect::<Result<_, _>>()?;
        let target = branch_ref(&self.target);
        for worker in &self.workers {
            self.notes.extend(merging::must_be_published(worker, &target, goes_on)?);
        }
        Ok(())
    }

    /// Looks at where it is to be merged: nothing may be under way there, and nobody else may hold what will change.
    fn check_site(&mut self, app: &App, goes_on: bool) -> Result<(), Failure> {
        let branches: Vec<String> = self.workers.iter().map(|worker| branch_ref(&worker.branch)).collect();
        if let Some(site) = merge::checked_out(self.project(), &self.target).map_err(merging::failure)? {
            must_rest_there(app, &site, &self.target)?;
        }
        let site = merge::must_be_free(self.project(), &self.target, &branches)
            .map_err(|trouble| merging::failure_of(trouble, &self.command(&self.workers)))?;
        let Some(site) = site.map(|free| free.folder) else { return Ok(()) };
        let mut held = Vec::new();
        for worker in &self.workers {
            let (target, branch) = (branch_ref(&self.target), branch_ref(&worker.branch));
            let files = merge::touched(self.project(), &target, &branch).map_err(merging::failure)?;
            held.extend(holders(app, &site, &files, &worker.instance)?);
        }
        let Some(first) = held.first() else { return Ok(()) };
        let message = describe(first);
        if goes_on {
            self.notes.push(message);
            return Ok(());
        }
        let mut failure = Failure::new(Exit::Refused, "held", message);
        failure.data = json!({ "conflicts": held });
        failure.retryable = true;
        Err(failure.hint(format!("ask {} to release it, or aio merge with --yes", first.holder)))
    }

    /// Tries everything beforehand, and puts the jobs in order.
    fn foretell(&mut self, app: &App, goes_on: bool) -> Result<(), Failure> {
        let candidates: Vec<Candidate> = self.workers.iter().map(|worker| self.candidate(worker)).collect();
        let room = Room::beside(self.project()).map_err(merging::failure)?;
        let mut cache = Cache::of(app.store.dir(), self.project());
        self.survey = survey(self.project(), &candidates, &room, &mut cache).map_err(merging::failure)?;
        self.notes.append(&mut self.survey.notes);
        let typed = self.ids();
        let suggested: Vec<String> = self.survey.order.iter().map(|step| step.name.clone()).collect();
        self.arrange(&suggested);
        self.rehearse(&room, &typed)?;
        let Some(clash) = self.survey.clashes.first() else { return Ok(()) };
        let before = &self.workers[..self.merged_before];
        let after = match before {
            [] => String::new(),
            _ => format!(" after {}", listed(&self.ids()[..self.merged_before])),
        };
        let message = format!("{} conflicts with {}{after} in {}", clash.ours, clash.theirs, listed(&clash.spelled()));
        if goes_on {
            self.notes.push(message);
            return Ok(());
        }
        let worker = self.workers.iter().find(|worker| worker.id == clash.ours).unwrap_or(&self.workers[0]);
        let mut failure = Failure::new(Exit::Refused, "conflicts", format!("{message}; nothing was merged"));
        failure.data = json!({ "conflicts": self.conflicts() });
        Err(failure.hint(match clash.with_target {
            true if before.is_empty() => self.mend(worker),
            true => format!("{}, then {}", self.command(before), self.mend(worker)),
            false => {
                let (first, then) = self.in_order(clash);
                format!("{}, then {}", self.command([first]), self.mend(then))
            }
        }))
    }

    /// The two of a conflict, as they would be merged.
    fn in_order(&self, clash: &Clash) -> (&Worker, &Worker) {
        let mut both = self.workers.iter().filter(|worker| [&clash.ours, &clash.theirs].contains(&&worker.id));
        let first = both.next().unwrap_or(&self.workers[0]);
        (first, both.next().unwrap_or(first))
    }

    fn candidate(&self, worker: &Worker) -> Candidate {
        Candidate {
            name: worker.id.clone(),
            branch: worker.branch.clone(),
            target: self.target.clone(),
            since: worker.since.clone(),
            worktree: None,
            is_starting: false,
        }
    }

    fn ids(&self) -> Vec<String> {
        self.workers.iter().map(|worker| worker.id.clone()).collect()
    }

    /// In that order; what is not in it, since it has arrived already, comes first.
    fn arrange(&mut self, order: &[String]) {
        let place = |worker: &Worker| order.iter().position(|id| *id == worker.id);
        let mut both: Vec<(Worker, u64)> =
            std::mem::take(&mut self.workers).into_iter().zip(self.commits.drain(..)).collect();
        both.sort_by_key(|(worker, _)| place(worker));
        (self.workers, self.commits) = both.into_iter().unzip();
    }

    /// What merges these, as it was asked for.
    fn command<'w>(&self, workers: impl IntoIterator<Item = &'w Worker>) -> String {
        let ids: Vec<&str> = workers.into_iter().map(|worker| worker.id.as_str()).collect();
        let into = if self.is_named { format!(" --into {}", shell_word(&self.target)) } else { String::new() };
        format!("aio merge {}{into}", ids.join(" "))
    }

    /// What makes one of them go together with the target.
    fn mend(&self, worker: &Worker) -> String {
        let (worktree, target) = (shell_word(&worker.worktree), shell_word(&self.target));
        format!("git -C {worktree} merge {target}, mend, commit, then {}", self.command([worker]))
    }

    fn conflicts(&self) -> Vec<Value> {
        let value = |clash: &Clash| {
            let files = clash.spelled();
            json!({ "ours": clash.ours, "theirs": clash.theirs, "withTarget": clash.with_target, "files": files })
        };
        self.survey.clashes.iter().map(value).collect()
    }

    /// What would be done.
    fn report(self) -> Report {
        let mut report = Report::done("merge-planned", format!("Would merge into {}, in this order:", self.target));
        for (index, (worker, commits)) in self.workers.iter().zip(&self.commits).enumerate() {
            let title = (Style::Faint, format!("  {}", worker.title));
            let what = format!("  {}. {}, {}", index + 1, worker.id, count(*commits, "commit"));
            report.lines.push(Line(vec![(Style::Plain, what), title]));
        }
        let row = |(worker, commits): (&Worker, &u64)| json!({ "job": worker.id, "commits": commits });
        let order: Vec<Value> = self.workers.iter().zip(&self.commits).map(row).collect();
        report.data = json!({ "target": self.target, "order": order, "conflicts": self.conflicts() });
        report.notes = self.notes;
        report
    }
}
