//! What can happen, as plain data: any part of a history is a history, so that a failing one can be made shorter.

/// One thing that happens. Numbers stand for whatever there is of a kind, round and round.
#[derive(Clone, Debug)]
pub enum Step {
    Register { agent: usize, session: usize, worktree: usize, process: bool },
    Heartbeat { agent: usize },
    Unregister { agent: usize },
    Task { agent: usize, idle: bool },
    Claim { agent: usize, places: Vec<usize>, shared: bool, ttl_s: u64, reason: bool, wait_s: u64, process: bool },
    AskAgain { wait: usize },
    CancelWait { agent: usize, wait: usize },
    Release { agent: Option<usize>, of: Named, force: bool },
    ReleaseAll { agent: usize },
    Guard { agent: usize, places: Vec<usize> },
    Note { agent: Option<usize>, category: usize, everywhere: bool },
    Close { agent: Option<usize>, note: usize },
    Prune { days: u64 },
    Cleanup { agent: Option<usize> },
    Pass { seconds: u64 },
    Suspend { seconds: u64 },
    SetBack { seconds: u64 },
    Crash { agent: usize },
    KillWait { wait: usize },
    Tool { agent: usize, runs: bool },
    Reboot,
    HandEdit { line: usize },
}

/// How a claim to be released is named.
#[derive(Clone, Debug)]
pub enum Named {
    Id(Vec<usize>),
    Place(usize),
}

/// An xorshift generator: the same seed draws the same histories everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % bound
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn seconds(&mut self, common: &[u64], rare: &[u64]) -> u64 {
        let from = if self.chance(12) { rare } else { common };
        from[self.below(from.len())]
    }

    fn places(&mut self) -> Vec<usize> {
        let count = if self.chance(3) { 1 + self.below(3) } else { 1 };
        (0..count).map(|_| self.below(64)).collect()
    }

    fn person(&mut self, agent: usize) -> Option<usize> {
        (!self.chance(5)).then_some(agent)
    }

    pub fn step(&mut self, agents: usize) -> Step {
        let agent = self.below(agents);
        match self.below(100) {
            0..9 => Step::Register { agent, session: self.below(4), worktree: self.below(2), process: !self.chance(4) },
            9..17 => Step::Heartbeat { agent },
            17 => Step::Unregister { agent },
            18 => Step::Task { agent, idle: self.chance(2) },
            19..48 => self.claim(agent),
            48..53 => Step::AskAgain { wait: self.below(8) },
            53..55 => Step::CancelWait { agent, wait: self.below(8) },
            55..63 => {
                let count = if self.chance(4) { 2 } else { 1 };
                let ids = Named::Id((0..count).map(|_| self.below(32)).collect());
                let of = if self.chance(3) { Named::Place(self.below(64)) } else { ids };
                Step::Release { agent: self.person(agent), of, force: self.chance(3) }
            }
            63..65 => Step::ReleaseAll { agent },
            65..70 => Step::Guard { agent, places: self.places() },
            70..74 => Step::Note { agent: self.person(agent), category: self.below(6), everywhere: self.chance(3) },
            74 => Step::Close { agent: self.person(agent), note: self.below(300) },
            75 if self.chance(4) => Step::Prune { days: self.seconds(&[1, 2, 5], &[0]) },
            76..78 => Step::Cleanup { agent: self.person(agent) },
            78..85 => Step::Pass {
                seconds: self.seconds(&[1, 10, 29, 31, 90, 240], &[301, 1800, 3599, 7300, 43_300, 700_000]),
            },
            85..87 => Step::Suspend { seconds: self.seconds(&[100, 400, 4000], &[90_000, 700_000]) },
            87 => Step::SetBack { seconds: self.seconds(&[30, 3600], &[100_000]) },
            88..90 => Step::Crash { agent },
            90 => Step::KillWait { wait: self.below(8) },
            91..94 => Step::Tool { agent, runs: !self.chance(3) },
            94 if self.chance(6) => Step::Reboot,
            95..97 => Step::HandEdit { line: self.below(64) },
            _ => Step::Heartbeat { agent },
        }
    }

    fn claim(&mut self, agent: usize) -> Step {
        let ttl_s = if self.chance(5) { [1, 60, 600][self.below(3)] } else { 0 };
        let wait_s = if self.chance(3) { [5, 90, 1800][self.below(3)] } else { 0 };
        Step::Claim {
            agent,
            places: self.places(),
            shared: self.chance(3),
            ttl_s,
            reason: self.chance(4),
            wait_s,
            process: !self.chance(4),
        }
    }
}
