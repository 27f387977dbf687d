//! Loading the object with this kernel's offsets, and attaching the programs of one method at a time.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
};

use aya::{
    Btf, Ebpf, EbpfLoader,
    programs::{
        Program, ProgramError,
        links::{FdLink, PinnedLink},
    },
};
use koney_common::{Offsets, offsets::Config};

use super::{
    detector::Options,
    environment::Environment,
    error::KernelError,
    hook::{Hook, HookFailure},
    method::Method,
    object,
    pins::{self, Pins},
    pod::{Layout, Settings},
};
use crate::causes::chain;

/// The loaded object; its programs attach and detach, its maps stay.
pub(super) struct Programs {
    ebpf: Ebpf,
    /// The kernel's types, while programs are loaded: eight MiB.
    btf: Option<Btf>,
    attached: Vec<(Method, Hook)>,
    changes: bool,
    /// Denied opens are asked for.
    denied: bool,
    pins: Option<Pins>,
    links: Vec<(Hook, PinnedLink)>,
    /// The kernel cannot pin the links of this method.
    unpinnable: fn(Method) -> bool,
}

impl Programs {
    /// With `pins`, maps and links outlive the agent once they are kept.
    pub(super) fn load(offsets: Offsets, config: Config, options: Options, pins: Option<Pins>) -> Result<Self, KernelError> {
        let bytes = object::embedded().ok_or(KernelError::NoObject)?;
        raise_memory_limit();
        let btf = Btf::from_sys_fs().map_err(|error| KernelError::Load(chain(&error)))?;
        let (layout, settings) = (Layout(offsets), Settings(config));
        // 0 switches the log sites off: the verifier removes them. 5 is `Level::Trace`.
        let level: u8 = if options.diagnostics { 5 } else { 0 };
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .override_global("OFFSETS", &layout, true)
            .override_global("CONFIG", &settings, true)
            .override_global(aya_log::LEVEL, &level, true)
            .load(bytes)
            .map_err(|error| KernelError::Load(chain(&error)))?;
        for (pins, name) in pins.iter().flat_map(|pins| pins::MAPS.map(|name| (pins, name))) {
            let map = ebpf.map_mut(name).ok_or_else(|| KernelError::Load(format!("the object has no map {name}")))?;
            map.pin(pins.map(name))
                .map_err(|error| KernelError::Load(format!("map {name} cannot be pinned: {}", chain(&error))))?;
        }
        let unpinnable = if Environment::read().older_than(5, 15) { |method| method == Method::Kprobe } else { |_method| false };
        let btf = Some(btf);
        Ok(Self { ebpf, btf, attached: Vec::new(), changes: options.changes, denied: false, pins, links: Vec::new(), unpinnable })
    }

    /// The pinned set, where there is one.
    pub(super) const fn pins(&self) -> Option<&Pins> {
        self.pins.as_ref()
    }

    /// Everything is attached: what more is needed then is read again.
    pub(super) fn settle(&mut self) {
        self.btf = None;
    }

    /// From here on the set outlives the agent, as far as the kernel pins this method's links.
    pub(super) fn keep(&mut self, method: Method) {
        let Some(pins) = &mut self.pins else { return };
        pins.keep();
        if (self.unpinnable)(method) {
            let remedy = "use another method, or Linux 5.15 or newer";
            tracing::warn!(%method, remedy, "accesses while no agent runs go unseen: this kernel cannot keep the links of kprobes");
        }
    }

    /// Another agent has taken over: its programs see what these saw.
    pub(super) fn release(&mut self) {
        self.detach();
        self.pins = None;
    }

    /// Takes a map out of the object.
    pub(super) fn map<M>(&mut self, name: &'static str) -> Result<M, KernelError>
    where
        M: TryFrom<aya::maps::Map, Error = aya::maps::MapError>,
    {
        let map = self.ebpf.take_map(name).ok_or_else(|| KernelError::Load(format!("the object has no map {name}")))?;
        M::try_from(map).map_err(|error| KernelError::Load(format!("map {name}: {error}")))
    }

    pub(super) fn take_map(&mut self, name: &'static str) -> Result<aya::maps::Map, KernelError> {
        self.ebpf.take_map(name).ok_or_else(|| KernelError::Load(format!("the object has no map {name}")))
    }

    pub(super) fn ebpf_mut(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }

    /// Loads and attaches; whether it fires is for the canary to say. Changes that this kernel does not let be watched are told, and
    /// cost nothing else.
    pub(super) fn attach(&mut self, method: Method) -> Result<Vec<HookFailure>, String> {
        self.detach();
        self.attach_one(method, Hook::FileOpen)?;
        self.attached.push((method, Hook::FileOpen));
        let mut failures = Vec::new();
        let changes: &[Hook] = if self.changes { &Hook::CHANGES } else { &[] };
        for hook in changes.iter().copied() {
            match self.attach_one(method, hook) {
                Ok(()) => self.attached.push((method, hook)),
                Err(reason) => failures.push(HookFailure { hook, reason }),
            }
        }
        if self.denied {
            match self.attach_one(method, Hook::Denied) {
                Ok(()) => self.attached.push((method, Hook::Denied)),
                Err(reason) => failures.push(HookFailure { hook: Hook::Denied, reason }),
            }
        }
        Ok(failures)
    }

    /// Watches denied opens beside all that the method in force watches, or no longer.
    pub(super) fn watch_denied(&mut self, method: Method, watch: bool) -> Result<(), HookFailure> {
        self.denied = watch;
        let attached = self.attached.iter().position(|(_, hook)| *hook == Hook::Denied);
        match (watch, attached) {
            (true, None) => {
                let attached = self.attach_one(method, Hook::Denied);
                self.settle();
                attached.map_err(|reason| HookFailure { hook: Hook::Denied, reason })?;
                self.attached.push((method, Hook::Denied));
            }
            (false, Some(position)) => {
                self.attached.remove(position);
                self.unload(method, Hook::Denied);
            }
            _ => {}
        }
        Ok(())
    }

    fn attach_one(&mut self, method: Method, hook: Hook) -> Result<(), String> {
        let Self { ebpf, btf, pins, links, unpinnable, .. } = self;
        let pin = pins.as_ref().filter(|_| !unpinnable(method)).map(|pins| pins.link(hook.name()));
        let name = hook.program(method);
        let program = ebpf.program_mut(&name).ok_or_else(|| format!("the object has no program {name}"))?;
        let btf = match btf {
            Some(btf) => btf,
            None => btf.insert(Btf::from_sys_fs().map_err(|error| chain(&error))?),
        };
        let link = attach(method, hook, program, btf, pin.is_some())?;
        if let (Some(path), Some(link)) = (pin, link) {
            let pinned = link.pin(path).map_err(|error| format!("the link cannot be pinned: {}", chain(&error)))?;
            links.push((hook, pinned));
        }
        Ok(())
    }

    pub(super) fn detach(&mut self) {
        for (method, hook) in std::mem::take(&mut self.attached) {
            self.unload(method, hook);
        }
    }

    fn unload(&mut self, method: Method, hook: Hook) {
        for (_, link) in self.links.extract_if(.., |(of, _)| *of == hook) {
            if let Err(error) = link.unpin() {
                tracing::debug!(%error, "the pinned link was gone already");
            }
        }
        let unloaded = match self.ebpf.program_mut(&hook.program(method)) {
            Some(Program::Lsm(lsm)) => lsm.unload(),
            Some(Program::FEntry(fentry)) => fentry.unload(),
            Some(Program::KProbe(kprobe)) => kprobe.unload(),
            Some(Program::FExit(fexit)) => fexit.unload(),
            _ => return,
        };
        if let Err(error) = unloaded {
            tracing::debug!(%error, %method, %hook, "the program was gone already");
        }
    }

    /// The attached programs.
    pub(super) fn program_fds(&self) -> impl Iterator<Item = (Hook, BorrowedFd<'_>)> {
        let programs =
            self.attached.iter().filter_map(|(method, hook)| Some((*hook, self.ebpf.program(&hook.program(*method))?)));
        programs.filter_map(|(hook, program)| Some((hook, program.fd().ok()?.as_fd())))
    }

    /// The hooks that are wanted, the way in which each would be attached, and whether it is.
    pub(super) fn hooks(&self, method: Method) -> impl Iterator<Item = (Hook, &'static str, bool)> + '_ {
        let wanted = |hook: &Hook| match hook {
            Hook::FileOpen => true,
            Hook::Denied => self.denied,
            _ => self.changes,
        };
        let is_attached = |hook| self.attached.iter().any(|(_, attached)| *attached == hook);
        Hook::ALL.into_iter().filter(wanted).map(move |hook| (hook, hook.kind(method), is_attached(hook)))
    }
}

/// Loads and attaches a program. Gives its link where that is `wanted`; else the program keeps it.
fn attach(method: Method, hook: Hook, program: &mut Program, btf: &Btf, wanted: bool) -> Result<Option<FdLink>, String> {
    let refused = |error: ProgramError| explain(&error);
    let function = hook.function();
    Ok(match (method, program) {
        (Method::Lsm, Program::Lsm(lsm)) => {
            let id = loaded(lsm.load(hook.lsm(), btf)).and_then(|()| lsm.attach()).map_err(refused)?;
            if wanted { Some(lsm.take_link(id).map_err(refused)?.into()) } else { None }
        }
        (Method::Fentry, Program::FEntry(fentry)) => {
            let id = loaded(fentry.load(&function, btf)).and_then(|()| fentry.attach()).map_err(refused)?;
            if wanted { Some(fentry.take_link(id).map_err(refused)?.into()) } else { None }
        }
        (Method::Kprobe, Program::KProbe(kprobe)) => {
            let id = loaded(kprobe.load()).and_then(|()| kprobe.attach(&function, 0)).map_err(refused)?;
            let link = if wanted { Some(kprobe.take_link(id).map_err(refused)?) } else { None };
            link.map(|link| link.try_into().map_err(|error| chain(&error))).transpose()?
        }
        (_, Program::FExit(fexit)) if hook == Hook::Denied => {
            let id = loaded(fexit.load(&function, btf)).and_then(|()| fexit.attach()).map_err(refused)?;
            if wanted { Some(fexit.take_link(id).map_err(refused)?.into()) } else { None }
        }
        _ => return Err(format!("the program of {hook} by {method} is of another type")),
    })
}

fn loaded(result: Result<(), ProgramError>) -> Result<(), ProgramError> {
    match result {
        Err(ProgramError::AlreadyLoaded) => Ok(()),
        other => other,
    }
}

/// What the verifier prints after its verdict (`print_verification_stats`, `kernel/bpf/verifier.c`).
const STATISTICS: [&str; 5] = ["processed", "stack depth", "subprog", "verification time", "insns processed"];

/// The errno and the verifier's last telling line; the whole log goes to the debug level.
fn explain(error: &ProgramError) -> String {
    match error {
        ProgramError::LoadError { io_error, verifier_log } => {
            let log = verifier_log.to_string();
            tracing::debug!(%log, "verifier log");
            let telling =
                log.lines().rev().map(str::trim).find(|line| !line.is_empty() && !STATISTICS.iter().any(|s| line.starts_with(s)));
            match telling {
                Some(line) => format!("refused at load ({io_error}): {line}"),
                None => format!("refused at load ({io_error}), the verifier said nothing"),
            }
        }
        other => format!("refused at attach: {}", chain(other)),
    }
}

/// Before 5.11 map memory counts against `RLIMIT_MEMLOCK`; without `CAP_SYS_RESOURCE` the limit stays and the load says what it lacked.
fn raise_memory_limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let unlimited = Rlimit { current: None, maximum: None };
    if let Err(error) = setrlimit(Resource::Memlock, unlimited) {
        tracing::debug!(error = %io::Error::from(error), "RLIMIT_MEMLOCK stays as it is");
    }
}
