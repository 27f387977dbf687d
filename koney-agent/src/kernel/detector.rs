//! The detector: loads, attaches what fires, arms, counts.

use std::{fmt, io, os::fd::AsFd as _, path::Path, sync::Arc};

use aya::maps::{HashMap, Map, MapData, PerCpuArray};
use koney_common::record::{CANDIDATE_RING_BYTES, RING_BYTES};
use tracing::{info, warn};

use super::{
    arm::Armory,
    attach::{Attached, attach_first},
    canary::Canary,
    candidates::Candidates,
    counters::Counts,
    diagnostics,
    environment::{self, Environment},
    error::{Attempts, KernelError},
    gate::Gate,
    hook::{Hook, HookFailure},
    load::Programs,
    method::{Choice, Method},
    names::Names,
    offsets,
    pins::{Former, Pins},
    relocate::Places,
    repeats::RepeatsTable,
    ring::Ring,
    settings,
    sweep::{Crowds, Slots},
    types::Types,
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
    /// Watch changes of decoys too, not only opens.
    pub changes: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { attach: Choice::Auto, diagnostics: false, throttle: true, changes: true }
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
    /// Changes that are not watched on this kernel, and why.
    pub unwatched: Vec<HookFailure>,
}

/// The rings of records: that of the traps, and that of files which only have a decoy's name.
pub struct Rings {
    /// Touches of armed files.
    pub records: Ring,
    /// Touches of candidates: whoever floods them takes no room from the other.
    pub candidates: Ring,
}

/// eBPF detection, attached and seen to fire.
pub struct Detector {
    programs: Programs,
    armory: Arc<Armory>,
    pool: ArmPool,
    counters: PerCpuArray<MapData, u64>,
    canary: Canary,
    repeats: RepeatsTable,
    candidates: Candidates,
    slots: Slots,
    crowds: Crowds,
    report: Report,
    /// Programs are loaded with the descriptor numbers of their maps, a later `reattach` included.
    _maps: [MapData; 3],
}

impl Detector {
    /// Loads the programs and attaches the first method whose canary comes back. Must be called inside a tokio runtime; blocks for
    /// up to a second per method.
    pub fn start(options: Options) -> Result<(Self, Rings), KernelError> {
        Self::start_in(options, None)
    }

    /// The same, with a set that outlives the agent, pinned below `root`. Where other agents have left theirs there, this one is silent until
    /// [`Self::take_over`]. Where nothing can be pinned, that is logged.
    pub fn start_in(options: Options, root: Option<&Path>) -> Result<(Self, Rings), KernelError> {
        environment::require_privilege()?;
        let environment = Environment::read();
        let types = Types::begin();
        let btf = offsets::read_btf()?;
        let (layout, problems) = offsets::resolve(&btf);
        offsets::require_identity(&layout)?;
        offsets::report(&problems);
        let pins = root.and_then(pins);
        let (config, places) = (settings::read(options.throttle, &btf, &layout), Places::new(layout, &btf));
        let mut programs = Programs::load(layout, config, &places, options, pins, types)?;
        drop(btf);
        if options.diagnostics {
            diagnostics::forward(programs.ebpf_mut());
        }
        let (gate_map, gate) = gate(&mut programs)?;
        let names = Names::new(programs.map("NAMES")?);
        let armory = Arc::new(Armory::new(gate, programs.map("ARMING")?, programs.map::<HashMap<_, _, _>>("TRAPS")?, names));
        let counters = programs.map("COUNTERS")?;
        let repeats = RepeatsTable::new(programs.map("REPEATS")?);
        let candidates = Candidates::new(programs.map("CANDIDATES")?, programs.map("NEGATIVES")?, Arc::clone(&armory));
        let slots = Slots::new(programs.map("SLOTS")?);
        let crowds = Crowds::new(programs.map("CROWDS")?);
        let (ring_map, records) = ring(&mut programs, "RECORDS", RING_BYTES)?;
        let (candidate_map, candidate_ring) = ring(&mut programs, "CANDIDATE_RECORDS", CANDIDATE_RING_BYTES)?;
        let mut rings = Rings { records, candidates: candidate_ring };
        let canary = Canary::new().map_err(KernelError::Canary)?;
        let attached =
            attach_first(options.attach, &environment, &mut programs, &armory, &canary, &mut rings.records, |_record| {})?;
        if let Some(pins) = programs.pins() {
            pins.announce(attached.agent);
        }
        let report = Report::new(environment, attached);
        report.log();
        programs.keep(report.method);
        armory.set_live(programs.pins().is_none_or(|pins| pins.formers().is_empty()));
        let pool = ArmPool::new(Arc::<Armory>::clone(&armory));
        let kept = [gate_map, ring_map, candidate_map];
        Ok((Self { programs, armory, pool, counters, canary, repeats, candidates, slots, crowds, report, _maps: kept }, rings))
    }

    /// Has its own programs tell and those of all earlier agents be silent; gives the earlier ones, to be read and removed.
    ///
    /// An access in the moment between the two is seen by both.
    pub fn take_over(&mut self) -> Vec<Former> {
        let mut formers = self.programs.pins().map(Pins::formers).unwrap_or_default();
        formers.iter_mut().for_each(Former::prepare);
        self.armory.set_live(true);
        formers.iter_mut().for_each(Former::silence);
        formers.iter().for_each(Former::detach);
        formers
    }

    /// Notes for the next agent of how many dropped records this one has told.
    pub fn note_dropped(&self, told: u64) {
        self.armory.set_dropped_told(told);
    }

    /// Notes for the next agent that this one is there.
    pub fn beat(&self, boot_ns: u64) {
        self.armory.beat(boot_ns);
    }

    /// Watches opens that the kernel denies too, or no longer: a program on every permission check of the node, attached only while it
    /// is wanted.
    pub fn watch_denied(&mut self, watch: bool) -> Result<(), HookFailure> {
        self.programs.watch_denied(self.report.method, watch)
    }

    /// A younger agent is about to tell.
    #[must_use]
    pub fn is_relieving(&self) -> bool {
        self.armory.is_relieving()
    }

    /// It has not done so: it may have died in that moment.
    pub fn stay(&self) {
        self.armory.stay();
    }

    /// A younger agent has silenced this one's programs.
    #[must_use]
    pub fn is_relieved(&self) -> bool {
        !self.armory.is_live()
    }

    /// Detaches, and leaves what is pinned to the younger agent.
    pub fn release(&mut self) {
        self.programs.release();
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

    /// Files that only have a decoy's name.
    pub fn candidates(&mut self) -> &mut Candidates {
        &mut self.candidates
    }

    /// What was kept in few words while the ring was full.
    pub fn slots(&mut self) -> &mut Slots {
        &mut self.slots
    }

    /// What was folded because a cgroup had had its share.
    #[must_use]
    pub const fn crowds(&self) -> &Crowds {
        &self.crowds
    }

    /// Touches the canary: its record must come out of the ring within a second.
    pub fn touch_canary(&self) -> io::Result<()> {
        self.canary.touch()
    }

    /// What was seen, emitted, dropped and missed so far.
    pub fn counts(&self) -> io::Result<Counts> {
        Counts::read(&self.counters, self.programs.program_fds())
    }

    /// Every hook that is wanted, by what it is attached (`fexit` for denied opens, else the method), and whether it is.
    pub fn hooks(&self) -> impl Iterator<Item = (Hook, &'static str, bool)> + '_ {
        self.programs.hooks(self.report.method)
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
        let attached = attach_first(choice, &report.environment, programs, armory, canary, ring, each)?;
        *report = Report::new(report.environment.clone(), attached);
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
    fn new(environment: Environment, attached: Attached) -> Self {
        let Attached { method, failed, unwatched, .. } = attached;
        let degraded = method.degraded(&environment);
        Self { environment, method, failed, degraded, unwatched }
    }

    fn log(&self) {
        let kernel = self.environment.release.as_str();
        info!(kernel, method = %self.method, "watching opens; the canary was seen");
        if !self.failed.0.is_empty() {
            info!(tried = %self.failed, "other attach methods");
        }
        if let Some(reason) = self.degraded {
            let remedy = "`koney-agent doctor` says what this kernel offers";
            warn!(kernel, method = %self.method, reason, remedy, "detection is degraded");
        }
        for HookFailure { hook, reason } in &self.unwatched {
            let remedy = "use a newer kernel where that is to be seen";
            warn!(kernel, %hook, reason, unseen = hook.cost(), remedy, "a change of decoys is not watched on this kernel");
        }
    }
}

/// A folder of its own to pin in.
fn pins(root: &Path) -> Option<Pins> {
    Pins::create(root).inspect_err(|error| warn!("accesses while no agent runs go unseen: {error}")).ok()
}

fn gate(programs: &mut Programs) -> Result<(MapData, Gate), KernelError> {
    let data = programs.take_gate()?;
    let gate = Gate::map(data.fd()).map_err(|source| KernelError::Map { what: "gate", source })?;
    Ok((data, gate))
}

fn ring(programs: &mut Programs, name: &'static str, bytes: usize) -> Result<(MapData, Ring), KernelError> {
    let failed = |source| KernelError::Map { what: "ring", source };
    let Map::RingBuf(data) = programs.take_map(name)? else {
        return Err(KernelError::Load(format!("{name} is not a ring")));
    };
    let fd = data.fd().as_fd().try_clone_to_owned().map_err(failed)?;
    let ring = Ring::map(fd, bytes).map_err(failed)?;
    Ok((data, ring))
}
