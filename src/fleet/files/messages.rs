//! Messages on their way to a job's agent: `inbox/` has those that wait, `sent/` those that were handed over or are about to
//! be, each with what is known of its way. What left the inbox never comes back to it: rather not at all than twice. But the
//! words with which somebody has a job go on are told at each of its attempts until the agent is known to have taken them.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{JobFiles, read, read_text, write_synced};
use crate::protocol::fleet::Delivery;

const INBOX: &str = "inbox";
const SENT: &str = "sent";
const FIRST: &str = "first";
/// What is known of a message when its agent has ended before more was.
pub const ENDED_BEFORE: &str = "its agent ended before anything said that it took it";
/// What the name of a file ends with that says what is known of a message's way.
const RECEIPT: &str = ".receipt";

/// A message that waits to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Sorts by when it was left.
    pub id: String,
    /// The words.
    pub text: String,
}

/// What is known of a message's way to the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// How far it has come.
    pub delivery: Delivery,
    /// What was seen that says so, or what could not be sent as it was.
    pub words: String,
}

impl JobFiles {
    /// Leaves a message.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn leave(&self, message: &Message) -> io::Result<()> {
        write_synced(&self.folder.join(INBOX), &message.id, message.text.as_bytes())
    }

    /// Has a message that was left be what the agent is told first when it goes on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tell_first(&self, message: &str) -> io::Result<()> {
        write_synced(&self.folder, FIRST, message.as_bytes())
    }

    /// That message, until the agent is known to have taken it; and whether it still waits: else it was handed over before.
    pub fn told_first(&self) -> Option<(Message, bool)> {
        let id = read_text(&self.folder.join(FIRST)).ok()?;
        let find = |folder: &str| {
            let known = names(self.folder.join(folder)).filter(|name| *name == id);
            self.read(folder, known.collect()).pop()
        };
        let sent = || find(SENT).filter(|message| self.receipt(&message.id).delivery != Delivery::Acknowledged);
        find(INBOX).map(|message| (message, true)).or_else(|| Some((sent()?, false)))
    }

    /// Forgets which message that is, if it is this one.
    pub fn forget_first(&self, message: &str) {
        let path = self.folder.join(FIRST);
        if read_text(&path).is_ok_and(|id| id == message) {
            // Where it stays, the receipt says that it was taken.
            fs::remove_file(path).unwrap_or_default();
        }
    }

    /// Where messages wait.
    pub fn inbox_folder(&self) -> PathBuf {
        self.folder.join(INBOX)
    }

    /// How many messages wait.
    pub fn waiting(&self) -> usize {
        self.inbox().count()
    }

    /// The ids of the messages that wait.
    fn inbox(&self) -> impl Iterator<Item = String> + use<> {
        names(self.folder.join(INBOX))
    }

    /// The messages that wait, the oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.read(INBOX, self.inbox().collect())
    }

    /// Those of a folder, the oldest first.
    fn read(&self, folder: &str, mut ids: Vec<String>) -> Vec<Message> {
        ids.sort_unstable();
        let read = |id: String| Some(Message { text: read_text(&self.folder.join(folder).join(&id)).ok()?, id });
        ids.into_iter().filter_map(read).collect()
    }

    /// Takes a message out, because it is about to be handed over. It stays readable, and is never handed over again.
    ///
    /// # Errors
    /// When it cannot be taken out: it must not be handed over then.
    pub fn take(&self, message: &Message) -> io::Result<()> {
        fs::create_dir_all(self.folder.join(SENT))?;
        fs::rename(self.folder.join(INBOX).join(&message.id), self.folder.join(SENT).join(&message.id))
    }

    /// Notes what is known of a message's way.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_receipt(&self, message: &str, receipt: &Receipt) -> io::Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(self.folder.join(SENT))?;
        new.write_all(&serde_json::to_vec(receipt)?)?;
        new.persist(self.receipt_of(message)).map(drop).map_err(|failed| failed.error)
    }

    /// What is known of a message's way.
    pub fn receipt(&self, message: &str) -> Receipt {
        let noted = || serde_json::from_slice(&read(&self.receipt_of(message)).ok()?).ok();
        let is_waiting = self.folder.join(INBOX).join(message).exists();
        noted().unwrap_or_else(|| match is_waiting {
            true => Receipt::default(),
            false => Receipt { delivery: Delivery::Delivered, words: "or about to be".to_owned() },
        })
    }

    fn receipt_of(&self, message: &str) -> PathBuf {
        self.folder.join(SENT).join(format!("{message}{RECEIPT}"))
    }

    /// The messages of which nothing says that they were taken, the oldest first; once a job has ended, those as well that were
    /// just on their way.
    pub fn unconfirmed(&self, has_ended: bool) -> Vec<Message> {
        let mut ids: Vec<String> = names(self.folder.join(SENT)).filter(|name| !name.ends_with(RECEIPT)).collect();
        ids.retain(|id| match self.receipt(id).delivery {
            Delivery::Acknowledged => false,
            Delivery::Unconfirmed => true,
            Delivery::Queued | Delivery::Delivered => has_ended,
        });
        self.read(SENT, ids)
    }

    /// Has those that were on their way when the agent ended stand as unconfirmed.
    pub fn give_up_on_the_sent(&self) {
        for message in self.unconfirmed(true).iter().filter(|message| !self.receipt(&message.id).is_final()) {
            let words = ENDED_BEFORE.to_owned();
            // Where it cannot be written, the message stands as on its way.
            self.note_receipt(&message.id, &Receipt { delivery: Delivery::Unconfirmed, words }).unwrap_or_default();
        }
    }

    /// Where they are that were handed over.
    pub fn sent_folder(&self) -> PathBuf {
        self.folder.join(SENT)
    }
}

impl Receipt {
    /// Whether no more will be known.
    pub fn is_final(&self) -> bool {
        matches!(self.delivery, Delivery::Acknowledged | Delivery::Unconfirmed)
    }
}

/// The names in a folder, but of what is just being written there. Where nobody ever wrote anything there is none.
fn names(folder: PathBuf) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| !name.starts_with('.'))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_order_and_are_taken_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let files = JobFiles::of(dir.path(), "claude-abc123");
        assert_eq!(files.messages(), []);
        let message = |id: &str| Message { id: id.to_owned(), text: format!("{id}\n") };
        for id in ["02", "01"] {
            files.leave(&message(id)).unwrap();
        }
        assert_eq!((files.messages(), files.waiting()), (vec![message("01"), message("02")], 2));
        assert_eq!(files.receipt("01").delivery, Delivery::Queued);
        files.take(&message("01")).unwrap();
        assert!(files.take(&message("01")).is_err(), "once");
        assert_eq!(files.messages(), [message("02")]);
        assert!(!files.receipt("01").is_final());
        let receipt = Receipt { delivery: Delivery::Acknowledged, words: "hook".to_owned() };
        files.note_receipt("01", &receipt).unwrap();
        assert_eq!(files.receipt("01"), receipt);
        assert_eq!(files.unconfirmed(true), []);
        files.take(&message("02")).unwrap();
        assert_eq!((files.unconfirmed(false), files.unconfirmed(true)), (vec![], vec![message("02")]));
        let receipt = Receipt { delivery: Delivery::Unconfirmed, words: String::new() };
        files.note_receipt("02", &receipt).unwrap();
        assert_eq!(files.unconfirmed(false), [message("02")]);
    }

    #[test]
    fn what_is_told_first_is_told_until_it_was_taken() {
        let dir = tempfile::tempdir().unwrap();
        let files = JobFiles::of(dir.path(), "claude-abc123");
        let message = Message { id: "01".to_owned(), text: "Go on".to_owned() };
        assert_eq!(files.told_first(), None);
        files.leave(&message).unwrap();
        files.tell_first("01").unwrap();
        assert_eq!(files.told_first(), Some((message.clone(), true)));
        files.take(&message).unwrap();
        files.give_up_on_the_sent();
        assert_eq!(files.told_first(), Some((message, false)));
        files.forget_first("02");
        files.note_receipt("01", &Receipt { delivery: Delivery::Acknowledged, words: String::new() }).unwrap();
        assert_eq!(files.told_first(), None);
        files.forget_first("01");
        assert!(!files.folder().join(FIRST).exists());
    }
}
