//! Counts what an operation takes, on a machine whose clock ticks once for each instruction.
//!
//! QEMU does that (`-icount shift=0`): a nanosecond of its virtual time is one executed instruction, so a difference of clocks is a
//! count and no timing. On any other machine the numbers mean nothing.

use std::{
    fmt, io,
    ops::Sub,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// Operations in a round: the round's nanoseconds are then one operation's hundredths of an instruction.
const OPERATIONS: u32 = 100;

/// Rounds in a block. The median of a block is that of a round in which no timer ticked.
const ROUNDS: usize = 31;

/// Blocks in a row that must agree, and how many are tried.
const AGREEING: usize = 3;
const BLOCKS: usize = 200;

/// How far they may be apart: caches of the kernel fill and empty now and then.
const TOLERANCE: i64 = 100;

/// Instructions that one operation takes, exact to a hundredth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Instructions(i64);

impl Instructions {
    /// The number.
    #[must_use]
    pub fn number(self) -> f64 {
        // Beyond this an operation would take seconds.
        i32::try_from(self.0).map_or(f64::MAX, f64::from) / 100.0
    }

    /// The number without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl Sub for Instructions {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.2}", self.number())
    }
}

/// Repeats an operation until its count has settled: the first times after a boot or after attaching are not like the others.
pub fn settled(what: &str, mut operation: impl FnMut() -> io::Result<()>) -> Result<Instructions> {
    let mut blocks: Vec<Instructions> = Vec::new();
    while blocks.len() < BLOCKS {
        blocks.push(block(&mut operation).with_context(|| format!("{what} failed"))?);
        if let Some(count) = agreed(&blocks) {
            return Ok(count);
        }
    }
    let last: Vec<_> = blocks.iter().rev().take(10).map(ToString::to_string).collect();
    bail!(
        "{what} does not settle on this machine, which must be one that counts instructions; the last counts: {}",
        last.join(", ")
    )
}

fn block(operation: &mut impl FnMut() -> io::Result<()>) -> io::Result<Instructions> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..OPERATIONS {
            operation()?;
        }
        rounds.push(start.elapsed());
    }
    Ok(median(rounds))
}

fn median(mut rounds: Vec<Duration>) -> Instructions {
    rounds.sort_unstable();
    let middle = rounds.get(rounds.len() / 2).copied().unwrap_or_default();
    Instructions(i64::try_from(middle.as_nanos()).unwrap_or(i64::MAX))
}

/// The lowest of the last blocks, if they agree.
fn agreed(blocks: &[Instructions]) -> Option<Instructions> {
    let last = blocks.last_chunk::<AGREEING>()?;
    let (lowest, highest) = (last.iter().min()?, last.iter().max()?);
    (highest.0 - lowest.0 <= TOLERANCE).then_some(*lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_in_a_few_rounds_does_not_count() {
        let rounds = [90, 700, 90, 90, 800].map(Duration::from_nanos).to_vec();
        assert_eq!(median(rounds), Instructions(90));
    }

    #[test]
    fn only_the_last_blocks_must_agree() {
        let counts = |numbers: &[i64]| numbers.iter().copied().map(Instructions).collect::<Vec<_>>();
        assert_eq!(agreed(&counts(&[545_670, 545_670])), None);
        assert_eq!(agreed(&counts(&[900_000, 545_670, 545_671, 545_670])), Some(Instructions(545_670)));
        assert_eq!(agreed(&counts(&[545_670, 545_670, 560_000])), None);
    }

    #[test]
    fn a_count_is_told_in_instructions() {
        let added = Instructions(559_321) - Instructions(545_670);
        assert_eq!(added.to_string(), "136.51");
        assert_eq!((Instructions(0) - added).abs(), added);
    }
}
