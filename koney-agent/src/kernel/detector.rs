//! The detector: loads, attaches what fires, arms, counts.

use std::{fmt, io, os::fd::AsFd as _, sync::Arc};

use aya::maps::{HashMap, Map, MapData, PerCpuArray};
use koney_common::record::RING_BYTES;
use tracing::{info, warn};

use super::{
    arm::Armory,
    attach::attach_first,
    canary::Canary,
    counters::Counts,
    diagnostics,
    environment::{self, Environment},
    error::{Attempts, KernelError},
    gate::Gate,
    load::Programs,
    method::{Choice, Method},
    offsets,
    repeats::RepeatsTable,
    ring::Ring,
    settings,
    workers::ArmPool,
};

/// What the user chose.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Attach method.
    pub attach: Choice,
    /// Have the programs log (for diagnosis; off unless asked for).
    pub diagnostics: bool,
    /// Count what a process does again instead of recording it.
    pub throttle: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { attach: Choice::Auto, diagnostics: false, throttle: true }
    }
}

/// What was tried and what holds.
#[derive(Clone, Debug)]
pub struct Report {
    /// The kernel.
    pub environment: Environment,
    /// The method in force.
    pub method: Method,
    /// Methods that were tried before it.
    pub failed: Attempts,
    /// Accesses can be missed, and why.
    pub degraded: Option<&'static str>,
}

/// eBPF detection, attached and seen to fire.
pub struct Detector {
    programs: Programs,
    armory: Arc<Armory>,
    pool: ArmPool,
    counters: PerCpuArray<MapData, u64>,
    canary: Canary,
    repeats: RepeatsTable,
    report: Report,
    /// Programs are loaded with the descriptor numbers of their maps, a later `reattach` included.
    _maps: [MapData; 2],
}

impl Detector {
    /// Loads the programs and attaches the first method whose canary comes back. Must be called inside a tokio runtime; blocks for
    /// up to a second per method.
    pub fn start(options: Options) -> Result<(Self, Ring), KernelError> {
        environment::require_privilege()?;
        let environment = Environment::read();
        let (layout, problems) = offsets::of_this_kernel()?;
        offsets::require_identity(&layout)?;
        offsets::report(&problems);
        let mut programs = Programs::load(layout, settings::read(options.throttle), options.diagnostics)?;
        if options.diagnostics {
            diagnostics::forward(programs.ebpf_mut());
        }
        let (gate_map, gate) = gate(&mut programs)?;
        let armory = Arc::new(Armory::new(gate, programs.map("ARMING")?, programs.map::<HashMap<_, _, _>>("TRAPS")?));
        let counters = programs.map("COUNTERS")?;
        let repeats = RepeatsTable::new(programs.map("REPEATS")?);
        let (ring_map, mut ring) = ring(&mut programs)?;
        let canary = Canary::new().map_err(KernelError::Canary)?;
        let (method, failed) =
            attach_first(options.attach, &environment, &mut programs, &armory, &canary, &mut ring, |_record| {})?;
        let degraded = method.degraded(&environment);
        let report = Report { environment, method, failed, degraded };
        report.log();
        let pool = ArmPool::new(Arc::<Armory>::clone(&armory));
        Ok((Self { programs, armory, pool, counters, canary, repeats, report, _maps: [gate_map, ring_map] }, ring))
    }

    /// What is attached.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// What arms and disarms, for the task that knows the traps.
    #[must_use]
    pub fn pool(&self) -> ArmPool {
        self.pool.clone()
    }

    /// What was counted instead of recorded.
    pub fn repeats(&mut self) -> &mut RepeatsTable {
        &mut self.repeats
    }

    /// Touches the canary: its record must come out of the ring within a second.
    pub fn touch_canary(&self) -> io::Result<()> {
        self.canary.touch()
    }

    /// What was seen, emitted, dropped and missed so far.
    pub fn counts(&self) -> io::Result<Counts> {
        Counts::read(&self.counters, self.programs.program_fd())
    }

    /// Attaches again, for a canary that stayed away: somebody may have removed the link or the entry.
    ///
    /// Records of accesses that come out of the ring meanwhile go to `each`.
    pub fn reattach(&mut self, choice: Choice, ring: &mut Ring, each: impl FnMut(&[u8])) -> Result<(), KernelError> {
        let Self { programs, armory, canary, report, .. } = self;
        // The program answers an arming open at once, whatever the ring is doing: where it does, only the canary's key was gone.
        if canary.arm(armory).is_ok() {
            info!(method = %report.method, "the program still sees; the canary is armed again");
            return Ok(());
        }
        let (method, failed) = attach_first(choice, &report.environment, programs, armory, canary, ring, each)?;
        report.method = method;
        report.failed = failed;
        report.degraded = method.degraded(&report.environment);
        report.log();
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "kernel {}, attached by {}", self.environment.release, self.method)?;
        if let Some(reason) = self.degraded {
            write!(formatter, " (degraded: {reason})")?;
        }
        if !self.failed.0.is_empty() {
            write!(formatter, "; tried before: {}", self.failed)?;
        }
        Ok(())
    }
}

impl Report {
    fn log(&self) {
        let kernel = self.environment.release.as_str();
        info!(kernel, method = %self.method, "watching opens; the canary was seen");
        if !self.failed.0.is_empty() {
            info!(tried = %self.failed, "other attach methods");
        }
        if let Some(reason) = self.degraded {
            warn!(kernel, method = %self.method, reason, "detection is degraded");
        }
    }
}

fn gate(programs: &mut Programs) -> Result<(MapData, Gate), KernelError> {
    let Map::Array(data) = programs.take_map("GATE")? else {
        return Err(KernelError::Load("GATE is not an array".to_owned()));
    };
    let gate = Gate::map(data.fd()).map_err(|source| KernelError::Map { what: "gate", source })?;
    Ok((data, gate))
}

fn ring(programs: &mut Programs) -> Result<(MapData, Ring), KernelError> {
    let failed = |source| KernelError::Map { what: "ring", source };
    let Map::RingBuf(data) = programs.take_map("RECORDS")? else {
        return Err(KernelError::Load("RECORDS is not a ring".to_owned()));
    };
    let fd = data.fd().as_fd().try_clone_to_owned().map_err(failed)?;
    let ring = Ring::map(fd, RING_BYTES).map_err(failed)?;
    Ok((data, ring))
}
