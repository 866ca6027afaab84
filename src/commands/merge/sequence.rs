//! The whole sequence tried beforehand, where a job brings attributes: then pairs do not tell.

use super::super::merging;
use super::Plan;
use crate::error::Failure;
use crate::fleet::conflicts::{Clash, Rehearsal, Room, rehearse};

impl Plan {
    /// Takes the suggested order where all go together in it, else the one that was typed. Where they do in neither, the first
    /// that will not is what stands against it.
    pub(super) fn rehearse(&mut self, room: &Room, typed: &[String]) -> Result<(), Failure> {
        // Of two everything is known in either order; what conflicts with the target does so whatever comes before it.
        let is_known = self.workers.len() < 3 || self.survey.clashes.iter().any(|clash| clash.with_target);
        if is_known || !self.survey.brings_attributes {
            return Ok(());
        }
        let suggested: Vec<String> = self.ids();
        let mut outcome = self.rehearsed(room)?;
        if matches!(outcome, Rehearsal::Stopped(..)) && suggested != typed {
            self.arrange(typed);
            match self.rehearsed(room)? {
                Rehearsal::Clean => outcome = Rehearsal::Clean,
                _ => self.arrange(&suggested),
            }
        }
        match outcome {
            Rehearsal::Clean => self.survey.clashes.clear(),
            Rehearsal::Stopped(at, files) => {
                let (ours, theirs) = (self.workers[at].id.clone(), self.target.clone());
                let clash = Clash { ours, theirs, with_target: true, files, is_unrelated: false };
                self.survey.clashes.insert(0, clash);
                self.merged_before = at;
            }
            Rehearsal::Unknown => {}
        }
        Ok(())
    }

    fn rehearsed(&self, room: &Room) -> Result<Rehearsal, Failure> {
        let commit = |id: &String| {
            let branch = self.survey.branches.iter().find(|branch| branch.name == *id);
            branch.map(|branch| branch.commit.clone())
        };
        match self.ids().iter().map(commit).collect::<Option<Vec<String>>>() {
            Some(commits) => rehearse(self.project(), room, &self.target, &commits).map_err(merging::failure),
            None => Ok(Rehearsal::Unknown),
        }
    }
}
