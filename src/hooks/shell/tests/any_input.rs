//! No input panics, hangs or grows without end.

use std::time::{Duration, Instant};

use super::super::{MOST_BYTES, MOST_TOUCHES};
use super::{lines, told};

/// An xorshift generator: the same seed draws the same inputs everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.below(from.len())]
    }
}

const PIECES: [&str; 84] = [
    " ",
    " ",
    " ",
    "\n",
    ";",
    "&&",
    "||",
    "|",
    "&",
    "(",
    ")",
    "{ ",
    " }",
    "((",
    "))",
    "[[ ",
    " ]]",
    "$(",
    "`",
    "${",
    "}",
    "$((",
    "\"",
    "'",
    "\\",
    "#",
    "<",
    ">",
    ">>",
    ">&",
    "<<EOF\n",
    "\nEOF\n",
    "<<'E'\n",
    "\nE\n",
    "<<<",
    "<(",
    ">(",
    "&>",
    "2>&1",
    "=",
    "a=",
    "$a",
    "$1",
    "${a}",
    "~",
    "~/",
    "*",
    "?",
    "[a]",
    "[",
    "{a,b}",
    "{1..9}",
    "{",
    ",",
    "..",
    "/",
    "-",
    "--",
    "-i",
    "a",
    "b.txt",
    "rm ",
    "cp ",
    "mv ",
    "sed -i ",
    "git checkout ",
    "cd ",
    "sh -c ",
    "eval ",
    "find . -exec ",
    "f() ",
    "f ",
    "if ",
    "then ",
    "else ",
    "fi ",
    "for f in ",
    "do ",
    "done ",
    "while ",
    "case ",
    "esac",
    "!",
    "é\u{0}\u{7f}",
];

fn in_time(command: &str) {
    let began = Instant::now();
    let effects = told(command);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?} for {} bytes: {:.200}", command.len(), command);
    assert!(effects.touched.len() <= MOST_TOUCHES && effects.sweeps.len() <= MOST_TOUCHES);
    drop(lines(&effects));
}

#[test]
fn soup_of_bytes() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.below(60)).map(|_| random.below(128) as u8).collect();
        in_time(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn soup_of_pieces() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for round in 0..60_000 {
        let length = if round % 1000 == 0 { 3000 } else { 25 };
        let command: String = (0..random.below(length)).map(|_| random.pick(&PIECES)).collect();
        in_time(&command);
    }
}

/// A command of the table's kind with one character changed, doubled or gone.
#[test]
fn commands_with_a_slip() {
    let table = include_str!("cases.txt").replace("\n> ", "\n");
    let commands: Vec<&str> = table.split("\n$ ").skip(1).collect();
    let mut random = Random(0x1234_5678_9abc_def1);
    for _ in 0..20_000 {
        let mut characters: Vec<char> = random.pick(&commands).chars().collect();
        let at = random.below(characters.len());
        match random.below(3) {
            0 => drop(characters.remove(at)),
            1 => characters.insert(at, characters[at]),
            _ => characters[at] = random.pick(&PIECES).chars().next().expect("no piece is empty"),
        }
        in_time(&characters.into_iter().collect::<String>());
    }
}

#[test]
fn much_of_the_same() {
    for piece in PIECES.iter().chain(&[
        "if x; then ",
        "while x; do ",
        "f() { ",
        "a$((",
        "\"$(",
        "${a:-",
        "case x in x) ",
        "((a) ",
    ]) {
        for closing in ["", " x", "; rm a"] {
            in_time(&format!("{}{closing}", piece.repeat((MOST_BYTES - closing.len()) / piece.len())));
        }
    }
}

#[test]
fn deep_nesting_is_not_understood() {
    let nested = |open: &str, close: &str, depth: usize| format!("{}rm a{}", open.repeat(depth), close.repeat(depth));
    for (open, close) in
        [("( ", ")"), ("{ ", ";}"), ("$(", ")"), ("\"$(", ")\""), ("if ", ";then x;fi"), ("while ", ";do x;done")]
    {
        assert_eq!(lines(&told(&nested(open, close, 5))), ["remove a"], "{open}");
        in_time(&nested(open, close, 40));
        assert!(told(&nested(open, close, 5000)).is_empty(), "{open}");
    }
}

#[test]
fn loops_and_calls_come_to_an_end() {
    let commands = [
        "f() { f; f; rm a; }; f",
        "f() { f & f | f; }; f",
        "for a in {1..500}; do for b in {1..500}; do for c in {1..500}; do touch $a$b$c; done; done; done",
        "a=x; for i in {1..500}; do a=$a$a$a; done; echo > $a",
        "echo {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
        "x='eval \"$x\"'; eval \"$x\"",
        "x='bash -c \"$x\"'; export x; bash -c \"$x\"",
    ];
    commands.iter().for_each(|command| in_time(command));
    let script = "x".repeat(20_000);
    in_time(&format!("for a in {{1..500}}; do for b in {{1..500}}; do sh -c '# {script}'; echo {script}; done; done"));
    in_time(&format!(
        "for a in {{1..500}}; do for b in {{1..500}}; do cat <<E\n{script}\nE\n((a={script})); done; done"
    ));
    in_time(&(0..2000).map(|index| format!("v{index}=a; (w{index}=b; g{index}() {{ :; }})\n")).collect::<String>());
}

#[test]
fn what_is_too_long_has_no_effects() {
    let command = format!("rm a # {}", "x".repeat(MOST_BYTES));
    assert!(told(&command).is_empty());
    assert_eq!(lines(&told(&command[..MOST_BYTES])), ["remove a"]);
}

#[test]
fn touches_are_counted() {
    let many: String = (0..3000).map(|index| format!("rm f{index}\n")).collect();
    assert_eq!(told(&many).touched.len(), MOST_TOUCHES);
}
