//! Bytes as they come, cut into lines.

/// Longer lines are cut: what agents say of themselves is short, and what their tools read is of no interest here.
const LONGEST: usize = 8 << 20;
/// What is kept of the room for long lines.
const USUAL: usize = 64 << 10;

/// Cuts bytes into lines, whatever pieces they arrive in.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes what has arrived, and gives each line that is now whole, without its line break. Of a line of more than 8 MiB
    /// only the beginning is given.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let rest = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.append(piece);
            self.give(&mut each);
        }
        self.append(rest);
    }

    /// Gives what stands after the last line break, if anything.
    pub fn finish(mut self, mut each: impl FnMut(&[u8])) {
        if !self.begun.is_empty() {
            self.give(&mut each);
        }
    }

    fn append(&mut self, piece: &[u8]) {
        let room = LONGEST - self.begun.len();
        self.begun.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn give(&mut self, each: &mut impl FnMut(&[u8])) {
        each(self.begun.strip_suffix(b"\r").unwrap_or(&self.begun));
        self.begun.clear();
        self.begun.shrink_to(USUAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, |line| found.push(line.to_vec()));
        }
        lines.finish(|line| found.push(line.to_vec()));
        found
    }

    #[test]
    fn pieces_make_the_same_lines_however_they_are_cut() {
        let whole = b"one\ntwo\r\n\n\xff three";
        let lines: [&[u8]; 4] = [b"one", b"two", b"", b"\xff three"];
        assert_eq!(cut(&[whole]), lines);
        for first in 0..whole.len() {
            for second in first..whole.len() {
                let pieces = [&whole[..first], &whole[first..second], &whole[second..]];
                assert_eq!(cut(&pieces), lines, "{first} {second}");
            }
        }
        assert_eq!(cut(&[b"one\n"]), [b"one"]);
        assert!(cut(&[b""]).is_empty());
    }

    #[test]
    fn a_line_without_end_takes_no_memory_without_end() {
        let mut lines = Lines::default();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..100 {
            lines.push(&piece, |_| panic!("no line has ended"));
        }
        assert!(lines.begun.capacity() <= 2 * LONGEST);
        let mut given = Vec::new();
        lines.push(b"\n{}\n", |line| given.push(line.len()));
        assert_eq!(given, [LONGEST, 2]);
        assert!(lines.begun.capacity() <= USUAL);
    }
}
