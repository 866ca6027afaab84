//! Whether a history of one exclusive resource could have happened one operation at a time.
//!
//! The search of Wing and Gong with Lowe's memory: among the operations that nothing still missing returned before,
//! try each as the next one; a pair of (done, holder) that was tried once is not tried again.

use std::collections::HashSet;
use std::time::Duration;

/// Operations per history; one bit each.
pub const MOST_OPERATIONS: usize = 256;
type Done = [u64; MOST_OPERATIONS / 64];

/// What was asked and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `claim`: it is the caller's now.
    Granted,
    /// `claim`, `check` or `release`: it is this process's.
    HeldBy(usize),
    /// `check`: nobody's.
    Free,
    /// `check`: the caller's own.
    Mine,
    /// `release`: done.
    Released,
    /// `release`: the caller does not hold it.
    NothingToRelease,
}

/// One operation of process `by`, seen from outside.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub by: usize,
    pub answer: Answer,
    pub invoked: Duration,
    pub returned: Duration,
}

/// The holder after an operation, where it could have been answered so.
fn step(holder: Option<usize>, operation: &Operation) -> Option<Option<usize>> {
    let by = operation.by;
    match operation.answer {
        Answer::Granted if holder.is_none_or(|holder| holder == by) => Some(Some(by)),
        Answer::HeldBy(other) if holder == Some(other) && other != by => Some(holder),
        Answer::Free if holder.is_none() => Some(None),
        Answer::Mine if holder == Some(by) => Some(holder),
        Answer::Released if holder == Some(by) => Some(None),
        Answer::NothingToRelease if holder != Some(by) => Some(holder),
        _ => None,
    }
}

/// Whether one order explains every answer and contradicts no time.
pub fn is_linearizable(history: &[Operation]) -> bool {
    assert!(history.len() <= MOST_OPERATIONS, "{} operations", history.len());
    let mut tried = HashSet::new();
    let mut stack: Vec<(Done, Option<usize>)> = vec![(Done::default(), None)];
    while let Some((done, holder)) = stack.pop() {
        if !tried.insert((done, holder)) {
            continue;
        }
        let missing = || (0..history.len()).filter(|n| done[n / 64] & (1 << (n % 64)) == 0);
        let Some(first_return) = missing().map(|n| history[n].returned).min() else { return true };
        for n in missing().filter(|n| history[*n].invoked <= first_return) {
            if let Some(holder) = step(holder, &history[n]) {
                let mut done = done;
                done[n / 64] |= 1 << (n % 64);
                stack.push((done, holder));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(operations: &[(usize, Answer, u64, u64)]) -> Vec<Operation> {
        let operation = |&(by, answer, invoked, returned)| Operation {
            by,
            answer,
            invoked: Duration::from_millis(invoked),
            returned: Duration::from_millis(returned),
        };
        operations.iter().map(operation).collect()
    }

    #[test]
    fn good_histories_are_accepted() {
        let overlapping = [(0, Answer::Granted, 0, 9), (1, Answer::HeldBy(0), 1, 2), (2, Answer::Free, 1, 3)];
        assert!(is_linearizable(&history(&overlapping)));
        let handed_on = [(0, Answer::Granted, 0, 1), (0, Answer::Released, 2, 6), (1, Answer::Granted, 3, 5)];
        assert!(is_linearizable(&history(&handed_on)));
    }

    #[test]
    fn bad_histories_are_rejected() {
        let two_holders = [(0, Answer::Granted, 0, 1), (1, Answer::Granted, 2, 3)];
        let stale_read = [(0, Answer::Granted, 0, 1), (1, Answer::Free, 2, 3), (0, Answer::Released, 4, 5)];
        let wrong_name = [(0, Answer::Granted, 0, 1), (1, Answer::HeldBy(2), 2, 3)];
        let lost_release = [(0, Answer::Granted, 0, 1), (0, Answer::Released, 2, 3), (1, Answer::HeldBy(0), 4, 5)];
        for bad in [&two_holders[..], &stale_read, &wrong_name, &lost_release] {
            assert!(!is_linearizable(&history(bad)), "{bad:?}");
        }
    }
}
