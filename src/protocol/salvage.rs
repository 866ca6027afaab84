//! What can be made out of a text that is no state any more: every whole record in it, wherever it stands.

use serde_json::value::RawValue;

use super::fleet::{Job, Project};
use super::state::{Claim, ContextEntry, Instance, Section, State};

/// The records found.
#[derive(Debug, Default)]
pub struct Salvaged<'a> {
    revision: u64,
    /// Instances, the first of each id.
    pub instances: Vec<Instance<'a>>,
    /// Claims, the first of each id.
    pub claims: Vec<Claim<'a>>,
    /// Context entries, the first of each id.
    pub context: Vec<ContextEntry<'a>>,
    /// Projects, the first of each path.
    pub projects: Vec<Project<'a>>,
    /// Jobs, the first of each id.
    pub jobs: Vec<Job<'a>>,
}

impl<'a> Salvaged<'a> {
    /// A state of them.
    pub fn into_state(self) -> State<'a> {
        State {
            revision: self.revision,
            instances: self.instances,
            claims: self.claims,
            context: Section::Read(self.context),
            projects: Section::Read(self.projects),
            jobs: Section::Read(self.jobs),
            ..State::empty()
        }
    }

    /// Takes the object in, if it is one of the records, and says whether it was.
    fn take(&mut self, object: &'a RawValue) -> bool {
        self.take_claim(object)
            || self.take_instance(object)
            || self.take_entry(object)
            || self.take_job(object)
            || self.take_project(object)
    }

    fn take_claim(&mut self, object: &'a RawValue) -> bool {
        let Ok(mut claim) = serde_json::from_str::<Claim<'a>>(object.get()) else { return false };
        let whole = !claim.id.is_empty() && !claim.instance_id.is_empty() && !claim.target.is_empty();
        if whole && !self.claims.iter().any(|known| known.id == claim.id) {
            claim.key = claim.id.clone();
            self.claims.push(claim);
        }
        whole
    }

    fn take_instance(&mut self, object: &'a RawValue) -> bool {
        let Ok(mut instance) = serde_json::from_str::<Instance<'a>>(object.get()) else { return false };
        let whole = !instance.id.is_empty() && !instance.tool.is_empty() && !instance.last_heartbeat.is_empty();
        if whole && !self.instances.iter().any(|known| known.id == instance.id) {
            instance.key = instance.id.clone();
            self.instances.push(instance);
        }
        whole
    }

    fn take_entry(&mut self, object: &'a RawValue) -> bool {
        let Ok(entry) = serde_json::from_str::<ContextEntry<'a>>(object.get()) else { return false };
        let whole = !entry.id.is_empty() && !entry.category.is_empty() && !entry.content.is_empty();
        if whole && !self.context.iter().any(|known| known.id == entry.id) {
            self.context.push(entry);
        }
        whole
    }

    fn take_job(&mut self, object: &'a RawValue) -> bool {
        let Ok(job) = serde_json::from_str::<Job<'a>>(object.get()) else { return false };
        let whole = !job.id.is_empty() && !job.worktree.is_empty() && !job.stage.is_empty();
        if whole && !self.jobs.iter().any(|known| known.id == job.id) {
            self.jobs.push(job);
        }
        whole
    }

    fn take_project(&mut self, object: &'a RawValue) -> bool {
        let Ok(project) = serde_json::from_str::<Project<'a>>(object.get()) else { return false };
        let whole = !project.path.is_empty() && !project.name.is_empty();
        if whole && !self.projects.iter().any(|known| known.path == project.path) {
            self.projects.push(project);
        }
        whole
    }
}

/// Goes through the text from brace to brace. An object that is whole but no record (a section, the state) is looked into;
/// one that is not whole is passed over, brace by brace.
pub fn salvage(text: &str) -> Salvaged<'_> {
    let mut salvaged = Salvaged { revision: revision(text), ..Salvaged::default() };
    let mut position = 0;
    while let Some(found) = text[position..].find('{') {
        position += found;
        let mut reader = serde_json::Deserializer::from_str(&text[position..]).into_iter::<&RawValue>();
        position += match reader.next() {
            Some(Ok(object)) if salvaged.take(object) => object.get().len(),
            _ => 1,
        };
    }
    salvaged
}

fn revision(text: &str) -> u64 {
    let after = text.split_once("\"revision\"").map_or("", |(_, after)| after);
    let digits = after.trim_start_matches([':', ' ', '\t', '\r', '\n']);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_and_jobs_survive() {
        let text = concat!(
            r#"{"projects":[{"path":"/p","name":"p"},{"path":"/q","na"#,
            "\n",
            r#""jobs":[{"id":"claude-1a","tool":"claude","project":"/p","worktree":"/w","stage":"running"},{"id":"claude-1b","#,
        );
        let salvaged = salvage(text);
        assert_eq!((salvaged.projects.len(), salvaged.jobs.len(), salvaged.instances.len()), (1, 1, 0));
        let state = salvaged.into_state();
        assert_eq!(state.jobs.entries().expect("they were read").len(), 1);
    }

    #[test]
    fn whole_records_survive_a_cut_and_a_hole() {
        let text = concat!(
            r#"{"schemaVersion":1,"revision": 41,"instances":{"#,
            "\n",
            r#""claude-1-aa":{"id":"claude-1-aa","tool":"claude","project":"/p","lastHeartbeat":"2026-01-01T00:00:00Z"},"#,
            r#""codex-1-bb":{"id":"codex-1-bb","tool":"codex","proj"#,
            "\n",
            r#""claims":{"c1":{"id":"c1","instanceId":"claude-1-aa","type":"file","target":"a{b","x":{"y":1}},"#,
            r#""c1":{"id":"c1","instanceId":"claude-1-aa","type":"file","target":"twice"}},"#,
            r#""context":[{"id":"k1","category":"decision","content":"use {braces}"},{"id":"k2","cat"#,
        );
        let salvaged = salvage(text);
        assert_eq!(salvaged.revision, 41);
        assert_eq!(salvaged.instances.len(), 1);
        assert_eq!(salvaged.claims.iter().map(|c| &*c.target).collect::<Vec<_>>(), ["a{b"]);
        assert_eq!(salvaged.context.len(), 1);
    }

    #[test]
    fn garbage_yields_nothing_and_ends() {
        assert!(salvage("{{{{{[[\u{0}\"").claims.is_empty());
        assert!(salvage("").instances.is_empty());
    }
}
