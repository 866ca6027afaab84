//! Hooks in a settings file: ours are put in, renewed and taken out, among those of others.
//!
//! Agents agree that hooks stand in lists by event, below the key `hooks`. In some each element is a handler itself, in
//! others a group with a matcher and a list of handlers. Ours are known by the words of their command, wherever a person
//! may have moved them.

use super::json::{Document, Step, Tree, Wrong};

const HOOKS: &str = "hooks";

/// The hooks of one agent.
#[derive(Clone, Debug)]
pub(super) struct Hooks {
    /// Known by ` aio hook <agent> `.
    pub(super) agent: &'static str,
    /// The whole file as it is where nobody else has hooks.
    pub(super) template: Tree,
}

impl Hooks {
    /// The text with our hooks as they are now; the same text where they are there already.
    ///
    /// # Errors
    /// Where it is no JSON, or something else stands where hooks belong.
    pub(super) fn put_in(&self, text: &str) -> Result<String, Wrong> {
        let mut doc = Document::parse(text)?;
        self.check(&doc)?;
        for (key, value) in self.template.entries().iter().filter(|(key, _)| key != HOOKS) {
            if doc.get(&[Step::Key(key)]).is_none() && doc.get(&[]).is_some() {
                doc.append(&[], Some(key), value);
            }
        }
        let wanted = self.template.get(HOOKS).expect("a template has hooks");
        match doc.get(&[Step::Key(HOOKS)]) {
            None if doc.get(&[]).is_none() => self.append_whole(&mut doc),
            None => doc.append(&[], Some(HOOKS), wanted),
            Some(hooks) if hooks.is_null() => doc.replace(&[Step::Key(HOOKS)], wanted),
            Some(hooks) => {
                self.drop_forgotten(&mut doc, &hooks, wanted);
                wanted.entries().iter().for_each(|(event, groups)| self.settle(&mut doc, event, groups));
            }
        }
        Ok(doc.into_text())
    }

    /// The text without our hooks, and without what held nothing else. What was there `before` stays even if it is empty.
    ///
    /// # Errors
    /// Where it is no JSON.
    pub(super) fn take_out(&self, text: &str, before: Option<&str>) -> Result<String, Wrong> {
        let mut doc = Document::parse(text)?;
        let before = before.and_then(|text| Document::parse(text).ok());
        let was_there = |path: &[Step<'_>]| before.as_ref().is_some_and(|before| before.get(path).is_some());
        let hooks = doc.get(&[Step::Key(HOOKS)]);
        let mut found = false;
        for (event, elements) in hooks.iter().flat_map(Tree::entries) {
            let ours = self.ours_among(elements);
            ours.iter().rev().for_each(|index| self.remove(&mut doc, event, *index));
            let path = [Step::Key(HOOKS), Step::Key(event)];
            let is_empty = doc.get(&path).is_some_and(|left| left.elements().is_empty());
            if !ours.is_empty() && is_empty && !was_there(&path) {
                doc.remove(&path);
            }
            found |= !ours.is_empty();
        }
        let left = doc.get(&[Step::Key(HOOKS)]).unwrap_or(Tree::Object(Vec::new()));
        if found && left.entries().is_empty() && !was_there(&[Step::Key(HOOKS)]) {
            doc.remove(&[Step::Key(HOOKS)]);
        }
        if found && left.entries().iter().all(|(_, elements)| elements.elements().is_empty()) {
            self.drop_rest(&mut doc, before.as_ref());
        }
        Ok(doc.into_text())
    }

    /// The events we hook, by the agent's own names.
    pub(super) fn events(&self) -> impl Iterator<Item = &str> {
        self.template.get(HOOKS).map_or(&[][..], Tree::entries).iter().map(|(event, _)| &**event)
    }

    /// Whether nothing is left but what a file of ours begins with.
    pub(super) fn is_empty(&self, text: &str) -> bool {
        let root = Document::parse(text).ok().and_then(|doc| doc.get(&[]));
        root.is_none_or(|root| root.entries().iter().all(|(key, value)| self.template.get(key) == Some(value)))
    }

    /// Where each of our handlers stands.
    ///
    /// # Errors
    /// Where the text is no JSON.
    pub(super) fn places(&self, text: &str) -> Result<Vec<Place>, Wrong> {
        self.handlers(text, true)
    }

    /// Where each of the others' handlers stands.
    ///
    /// # Errors
    /// As [`Hooks::places`].
    pub(super) fn others(&self, text: &str) -> Result<Vec<Place>, Wrong> {
        self.handlers(text, false)
    }

    fn handlers(&self, text: &str, ours: bool) -> Result<Vec<Place>, Wrong> {
        let hooks = Document::parse(text)?.get(&[Step::Key(HOOKS)]);
        let mut places = Vec::new();
        for (event, elements) in hooks.iter().flat_map(Tree::entries) {
            for (group, element) in elements.elements().iter().enumerate() {
                let handlers = handlers_of(element).unwrap_or(std::slice::from_ref(element));
                let wanted = handlers.iter().enumerate().filter(|(_, handler)| self.is_ours(handler) == ours);
                places.extend(wanted.map(|(index, handler)| Place {
                    event: event.clone(),
                    group,
                    index,
                    matcher: element.get("matcher").and_then(Tree::text).map(str::to_owned),
                    handler: handler.clone(),
                }));
            }
        }
        Ok(places)
    }

    /// Refuses what has something else where hooks belong.
    fn check(&self, doc: &Document) -> Result<(), Wrong> {
        let is_object = |tree: &Tree| matches!(tree, Tree::Object(_));
        if doc.get(&[]).is_some_and(|root| !is_object(&root)) {
            return Err(doc.wrong(&[], "the settings are no object"));
        }
        let hooks = doc.get(&[Step::Key(HOOKS)]).filter(|hooks| !hooks.is_null());
        if hooks.as_ref().is_some_and(|hooks| !is_object(hooks)) {
            return Err(doc.wrong(&[Step::Key(HOOKS)], "\"hooks\" is no object"));
        }
        for event in self.events() {
            let path = [Step::Key(HOOKS), Step::Key(event)];
            let is_list = |tree: &Tree| matches!(tree, Tree::Array(_)) || tree.is_null();
            if doc.get(&path).is_some_and(|list| !is_list(&list)) {
                return Err(doc.wrong(&path, format!("{event:?} is no list of hooks")));
            }
        }
        Ok(())
    }

    /// A file without a value gets the whole template.
    fn append_whole(&self, doc: &mut Document) {
        let mut entries = self.template.entries().iter();
        let (key, value) = entries.next().expect("a template has hooks");
        doc.append(&[], Some(key), value);
        entries.for_each(|(key, value)| doc.append(&[], Some(key), value));
    }

    /// What an earlier version put where this one puts nothing.
    fn drop_forgotten(&self, doc: &mut Document, hooks: &Tree, wanted: &Tree) {
        for (event, elements) in hooks.entries().iter().filter(|(event, _)| wanted.get(event).is_none()) {
            let ours = self.ours_among(elements);
            ours.iter().rev().for_each(|index| self.remove(doc, event, *index));
            let path = [Step::Key(HOOKS), Step::Key(event)];
            if !ours.is_empty() && doc.get(&path).is_some_and(|left| left.elements().is_empty()) {
                doc.remove(&path);
            }
        }
    }

    /// Brings one event to what is wanted: the first of ours is renewed in its place, others of ours go.
    fn settle(&self, doc: &mut Document, event: &str, wanted: &Tree) {
        let path = [Step::Key(HOOKS), Step::Key(event)];
        let Some(elements) = doc.get(&path) else { return doc.append(&path[..1], Some(event), wanted) };
        if elements.is_null() {
            return doc.replace(&path, wanted);
        }
        let wanted = &wanted.elements()[0];
        let ours = self.ours_among(&elements);
        ours.iter().skip(1).rev().for_each(|index| self.remove(doc, event, *index));
        match ours.first() {
            None => doc.append(&path, None, wanted),
            Some(first) => self.renew(doc, event, *first, &elements.elements()[*first], wanted),
        }
    }

    /// Renews an element; in a group that others share, only our handler.
    fn renew(&self, doc: &mut Document, event: &str, index: usize, element: &Tree, wanted: &Tree) {
        let path = [Step::Key(HOOKS), Step::Key(event), Step::Index(index)];
        let shared = handlers_of(element).filter(|handlers| !handlers.iter().all(|handler| self.is_ours(handler)));
        let Some(handlers) = shared else {
            if !element.means(wanted) {
                doc.replace(&path, wanted);
            }
            return;
        };
        let wanted = &wanted.get(HOOKS).expect("a group of ours has one handler").elements()[0];
        let ours: Vec<usize> = (0..handlers.len()).filter(|handler| self.is_ours(&handlers[*handler])).collect();
        let at = |handler| [path[0], path[1], path[2], Step::Key(HOOKS), Step::Index(handler)];
        ours.iter().skip(1).rev().for_each(|handler| doc.remove(&at(*handler)));
        if !handlers[ours[0]].means(wanted) {
            doc.replace(&at(ours[0]), wanted);
        }
    }

    /// Removes an element that is ours; of a group that others share, only our handlers.
    fn remove(&self, doc: &mut Document, event: &str, index: usize) {
        let path = [Step::Key(HOOKS), Step::Key(event), Step::Index(index)];
        let element = doc.get(&path).expect("it was found there");
        let handlers = handlers_of(&element).unwrap_or_default();
        if handlers.iter().all(|handler| self.is_ours(handler)) {
            return doc.remove(&path);
        }
        for handler in (0..handlers.len()).rev().filter(|handler| self.is_ours(&handlers[*handler])) {
            doc.remove(&[path[0], path[1], path[2], Step::Key(HOOKS), Step::Index(handler)]);
        }
    }

    /// The indices of the elements that have a handler of ours.
    fn ours_among(&self, elements: &Tree) -> Vec<usize> {
        let has_ours = |element: &Tree| match handlers_of(element) {
            Some(handlers) => handlers.iter().any(|handler| self.is_ours(handler)),
            None => self.is_ours(element),
        };
        elements
            .elements()
            .iter()
            .enumerate()
            .filter(|(_, element)| has_ours(element))
            .map(|(index, _)| index)
            .collect()
    }

    /// Whether a handler runs our hook for this agent.
    fn is_ours(&self, handler: &Tree) -> bool {
        let words = format!(" aio hook {} ", self.agent);
        handler.entries().iter().any(|(_, value)| value.text().is_some_and(|text| text.contains(&words)))
    }

    /// The keys that came with our hooks go with them, where they were not there before.
    fn drop_rest(&self, doc: &mut Document, before: Option<&Document>) {
        for (key, value) in self.template.entries() {
            let path = [Step::Key(key)];
            let came_with_us = before.is_some_and(|before| before.get(&path).is_none());
            if came_with_us && doc.get(&path).as_ref() == Some(value) {
                doc.remove(&path);
            }
        }
    }
}

/// Where a handler stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The agent's own name of the event.
    pub(super) event: String,
    /// The index of its element in the event's list.
    pub(super) group: usize,
    /// Its index in that group.
    pub(super) index: usize,
    /// The group's matcher.
    pub(super) matcher: Option<String>,
    /// What it says.
    pub(super) handler: Tree,
}

/// The handlers of a group; none of what is a handler itself.
fn handlers_of(element: &Tree) -> Option<&[Tree]> {
    match element.get(HOOKS) {
        Some(Tree::Array(handlers)) => Some(handlers),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
