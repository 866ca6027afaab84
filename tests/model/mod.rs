//! Random histories through `apply`, step by step against a small model of the same rules written from the design.
//!
//! `AIO_PROOF_CASES` is how many steps are done in total, `AIO_SEED` where the histories start. A history that fails is
//! made as short as dropping steps can make it, and printed.

mod answer;
mod check;
mod expect;
mod places;
mod reference;
mod run;
mod steps;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use aio::protocol::evidence::CrossWorktree;

use run::History;
use steps::{Random, Step};

const STEPS_IN_A_HISTORY: usize = 250;
/// As many notes make the next one push one out.
const FULL_MEMORY: usize = 195;

#[derive(Clone, Debug)]
struct Plan {
    alone: bool,
    cross_worktree: CrossWorktree,
    steps: Vec<Step>,
}

impl Plan {
    fn of(seed: u64) -> Plan {
        let mut random = Random::new(seed);
        let alone = seed.is_multiple_of(2);
        let modes = [CrossWorktree::Warn, CrossWorktree::Block, CrossWorktree::Ignore];
        let cross_worktree = modes[(seed / 2 % 3) as usize];
        let agents = if alone { world::LOCALS } else { world::AGENTS };
        let all =
            (0..agents).map(|agent| Step::Register { agent, session: agent % 3, worktree: 0, process: agent != 3 });
        let notes = if seed % 16 == 1 { FULL_MEMORY } else { 0 };
        let note = |number| Step::Note { agent: None, category: number % 6, everywhere: number % 5 == 0 };
        let begin: Vec<Step> = all.chain((0..notes).map(note)).collect();
        let rest = STEPS_IN_A_HISTORY.saturating_sub(begin.len()).max(50);
        Plan { alone, cross_worktree, steps: begin.into_iter().chain((0..rest).map(|_| random.step(agents))).collect() }
    }

    /// How many steps went well, and what was wrong with the next.
    fn run(&self) -> Result<(), (usize, String)> {
        let mut history = History::new(self.alone, self.cross_worktree);
        for (done, step) in self.steps.iter().enumerate() {
            let outcome = catch_unwind(AssertUnwindSafe(|| history.step(step)));
            outcome.unwrap_or_else(|_| Err("it panicked".to_owned())).map_err(|wrong| (done, wrong))?;
        }
        Ok(())
    }

    /// The shortest history that still fails, as far as leaving out runs of steps leads to one.
    fn shortened(mut self) -> Plan {
        let mut run = self.steps.len();
        while run > 0 {
            let mut at = 0;
            while at < self.steps.len() {
                let mut shorter = self.clone();
                shorter.steps.drain(at..(at + run).min(self.steps.len()));
                match shorter.run() {
                    Err((done, _)) => {
                        shorter.steps.truncate(done + 1);
                        self = shorter;
                    }
                    Ok(()) => at += run,
                }
            }
            run /= 2;
        }
        self
    }
}

#[test]
fn any_history_ends_as_the_model_says() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let wanted = number("AIO_PROOF_CASES").unwrap_or(10_000);
    let first = number("AIO_SEED").unwrap_or(1);
    let mut done = 0;
    for seed in first.. {
        if done >= wanted {
            println!("{done} steps in histories {first} to {}", seed - 1);
            return;
        }
        let plan = Plan::of(seed);
        if plan.run().is_err() {
            let plan = plan.shortened();
            let (_, wrong) = plan.run().expect_err("it failed a moment ago");
            let steps: Vec<String> = plan.steps.iter().map(|step| format!("{step:?}")).collect();
            let (alone, mode) = (plan.alone, plan.cross_worktree);
            panic!("AIO_SEED={seed} alone: {alone}, worktrees: {mode:?}, shortened:\n{}\n{wrong}", steps.join("\n"));
        }
        done += plan.steps.len() as u64;
    }
}
