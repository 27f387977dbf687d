//! One run: accesses, episodes and crashes in an order that the seed decides, then peace, and the account.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use koney_agent::{
    alert::{Alert, AlertId, Owner, Process, Trap},
    event::{Check, Operation},
    sink::{
        Action, Answer, BatchLimits, Letter, Render,
        store::{Bounds, Medium, Place, Store},
    },
};

use super::{
    disk::{Crash, Disk},
    receiver::{Receiver, count},
    ring::Ring,
};

/// Records that are read at once.
const BATCH: usize = 16;
const STEPS: u32 = 120;
const LIMITS: BatchLimits = BatchLimits { entries: 10, bytes: 4_000 };

/// What one run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Agents that were killed, or lost power.
    pub crashes: u64,
    /// Accesses that were caused, without those that a machine which went down took with it.
    pub caused: u64,
    /// Of which nobody was told.
    pub lost: u64,
    /// Told again for no good reason.
    pub duplicated_without_crash: u64,
    /// Told again after a crash or a lost answer.
    pub repeated: u64,
    /// Told again in other words.
    pub altered: u64,
}

struct Words;

impl Render for Words {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        let count = alert.repeats.map_or(1, |repeated| repeated.count);
        let padding = "x".repeat(usize::from(alert.id.digest()[15]) * 4);
        format!("{} {padding} {count}", alert.id).into_bytes()
    }
}

struct Run {
    random: fastrand::Rng,
    now: Timestamp,
    disk: Disk,
    ring: Ring,
    receiver: Receiver,
    store: Store,
    bounds: Bounds,
    outcome: Outcome,
    number: u32,
    /// Records that a machine which went down may or may not have stored before.
    optional: u64,
    ill: bool,
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    let mut random = fastrand::Rng::with_seed(seed);
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 56);
    let disk = Disk::new(random.u64(..));
    let receiver = Receiver::new(random.u64(..));
    // Small enough to run short of space.
    let bounds = Bounds { entries: random.usize(20..200), file: 8 << 20, ..Bounds::default() };
    let store = Store::open(Some(Arc::new(disk.clone()) as Arc<dyn Medium>), bounds, now);
    let (ring, outcome) = (Ring::default(), Outcome::default());
    let mut run = Run { random, now, disk, ring, receiver, store, bounds, outcome, number: 0, optional: 0, ill: false };
    for _ in 0..STEPS {
        run.step();
    }
    run.peace();
    run.account()
}

impl Run {
    fn step(&mut self) {
        match self.random.u8(..20) {
            0..6 => self.cause(),
            6..11 => self.consume(),
            11..16 => self.deliver(),
            16 => self.pass(),
            17 => self.episode(),
            18 if self.is_safe() => self.disk.arm(self.random.u32(1..60)),
            _ if self.is_safe() => self.die(),
            _ => {}
        }
        if self.disk.is_dead() {
            self.die();
        }
    }

    /// A kill loses nothing that was promised.
    fn is_safe(&self) -> bool {
        let stats = self.store.stats();
        !self.ill && stats.place == Place::Disk && stats.volatile == 0
    }

    fn cause(&mut self) {
        for _ in 0..self.random.u32(1..20) {
            self.number += 1;
            let (policy, process) = (self.random.u8(..4), self.random.u32(..6));
            self.outcome.caused += 1;
            self.ring.cause(access(self.number, policy, process, self.now));
        }
    }

    fn consume(&mut self) {
        let batch = self.ring.read(BATCH);
        if self.random.u8(..30) == 0 && self.is_safe() {
            return self.die();
        }
        let pushed = self.store.push(self.now, &batch.iter().collect::<Vec<_>>(), &Words);
        if self.disk.is_dead() {
            return;
        }
        if !pushed.refused.is_empty() {
            // Read again when there is room.
            self.ring.reopen();
            return;
        }
        if self.random.u8(..30) == 0 && self.is_safe() {
            return self.die();
        }
        self.ring.publish();
    }

    fn deliver(&mut self) {
        let letters = self.store.take(self.now, LIMITS, &[]).letters;
        if letters.is_empty() || self.disk.is_dead() {
            return;
        }
        if self.random.u8(..30) == 0 && self.is_safe() {
            return self.die();
        }
        let answer = self.receiver.attempt(self.now, &letters);
        if self.random.u8(..30) == 0 && self.is_safe() {
            return self.die();
        }
        self.settle(&letters, answer);
    }

    fn settle(&mut self, letters: &[Letter], answer: Answer) {
        let actions = match answer {
            Answer::All(action) => vec![action; letters.len()],
            Answer::Each(actions) => actions,
        };
        let mut delivered = Vec::new();
        let mut rejected = Vec::new();
        for (letter, action) in letters.iter().zip(actions) {
            match action {
                Action::Delivered { .. } => delivered.push(letter.id.clone()),
                Action::Reject { reason } => rejected.push((letter.id.clone(), reason)),
                _ => {}
            }
        }
        self.store.remove(&delivered, self.now);
        if self.disk.is_dead() {
            return;
        }
        let durable = self.is_durable();
        for id in &delivered {
            if let Some(accepted) = self.receiver.accepted.get_mut(id) {
                accepted.settled = durable;
            }
        }
        for (id, reason) in rejected {
            if self.disk.is_dead() {
                return;
            }
            self.store.bury(&id, &reason, self.now);
        }
    }

    fn is_durable(&self) -> bool {
        self.store.stats().place == Place::Disk
    }

    fn pass(&mut self) {
        let seconds = if self.random.bool() { self.random.i64(1..90) } else { self.random.i64(90..6 * 3600) };
        self.now += SignedDuration::from_secs(seconds);
    }

    fn episode(&mut self) {
        match self.random.u8(..6) {
            0 => self.receiver.go_out(self.now + SignedDuration::from_hours(self.random.i64(1..12))),
            1 => self.disk.set_full(true),
            2 => self.disk.set_full(false),
            3 => {
                self.disk.disarm();
                self.disk.set_read_only(true);
                self.ill = true;
            }
            _ => {
                self.disk.set_read_only(false);
                self.ill = false;
            }
        }
    }

    fn die(&mut self) {
        self.outcome.crashes += 1;
        self.receiver.agent_died();
        let crash = if self.random.u8(..3) == 0 { Crash::PowerCut } else { Crash::Kill };
        // The disk must not see what the store does at its end: a process that dies does nothing.
        self.disk.crash(crash);
        match crash {
            Crash::Kill => self.ring.reopen(),
            Crash::PowerCut => self.optional += self.ring.lose() as u64,
        }
        self.open();
        if self.disk.is_dead() {
            self.die();
        }
    }

    fn open(&mut self) {
        // Sometimes during its start as well.
        if self.random.u8(..5) == 0 {
            self.disk.arm(self.random.u32(1..30));
        }
        self.now += SignedDuration::from_millis(1);
        self.store = Store::open(Some(Arc::new(self.disk.clone()) as Arc<dyn Medium>), self.bounds, self.now);
    }

    /// Everything is mended, and everything that waits goes out.
    fn peace(&mut self) {
        self.disk.disarm();
        self.disk.set_read_only(false);
        self.disk.set_full(false);
        self.receiver.well = true;
        self.receiver.go_out(self.now);
        if self.disk.is_dead() {
            self.die();
            self.disk.disarm();
        }
        for _ in 0..10_000 {
            self.now += SignedDuration::from_mins(2);
            self.consume_in_peace();
            let letters = self.store.take(self.now, LIMITS, &[]).letters;
            if letters.is_empty() && self.ring.is_drained() && self.store.stats().rows == 0 {
                return;
            }
            let answer = self.receiver.attempt(self.now, &letters);
            self.settle(&letters, answer);
        }
    }

    fn consume_in_peace(&mut self) {
        let batch = self.ring.read(BATCH);
        let pushed = self.store.push(self.now, &batch.iter().collect::<Vec<_>>(), &Words);
        if pushed.refused.is_empty() { self.ring.publish() } else { self.ring.reopen() }
    }

    fn account(mut self) -> Outcome {
        let told: u64 = self.receiver.accepted.values().map(|accepted| accepted.count).sum();
        let mut dead = 0;
        for letter in self.store.dead() {
            // What a receiver took, lost its answer for, and refused the second time was told.
            if !self.receiver.accepted.contains_key(&letter.id) {
                let body = self.store.dead_letter(&letter.id).and_then(|letter| letter.body).expect("a dead letter has its body");
                dead += count(&body);
            }
        }
        let known = told + dead;
        self.outcome.lost = (self.outcome.caused - self.optional).saturating_sub(known);
        // More than was caused would be as wrong as less.
        self.outcome.altered = self.receiver.altered + known.saturating_sub(self.outcome.caused);
        self.outcome.repeated = self.receiver.repeated;
        self.outcome.duplicated_without_crash = self.receiver.duplicated_without_crash;
        self.outcome
    }
}

/// The access with this number, to the trap of a policy by a process.
#[must_use]
pub fn access(number: u32, policy: u8, process: u32, time: Timestamp) -> Alert {
    let mut digest = [0; 16];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    digest[15] = number.to_be_bytes()[3].wrapping_mul(7);
    Alert {
        id: AlertId::from_digest(&digest),
        time,
        policy: Some(format!("policy-{policy}")),
        trap: Trap::FilesystemHoneytoken { file_path: "/run/token".to_owned() },
        operation: Operation::Open,
        check: Check::Identity,
        node: Some("node".to_owned()),
        owner: Owner::Host { name: "node".to_owned(), machine_id: None },
        process: Some(Process { pid: Some(process), ..Process::default() }),
        accessor: None,
        accessed_path: None,
        repeats: None,
        gap: None,
        detector: "lsm",
        labels: Arc::default(),
        cluster: None,
        cluster_uid: None,
        purpose: koney_agent::alert::Purpose::Alert,
    }
}
