//! Loading the object with this kernel's offsets, and attaching the programs of one method at a time.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
    path::PathBuf,
};

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::MapData,
    programs::{
        Program,
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
    program,
    relocate::{self, Places},
    types::{self, Types},
};
use crate::causes::chain;

/// The loaded object; its programs attach and detach, its maps stay.
pub(super) struct Programs {
    ebpf: Ebpf,
    /// The map that is not the object's, until it is taken.
    gate: Option<MapData>,
    /// The program of kprobes can load instead of probing.
    can_cast: bool,
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
    /// `types` are this kernel's. With `pins`, maps and links outlive the agent once they are kept.
    pub(super) fn load(
        offsets: Offsets,
        config: Config,
        places: &Places,
        options: Options,
        pins: Option<Pins>,
        types: Types,
    ) -> Result<Self, KernelError> {
        let bytes = object::embedded().ok_or(KernelError::NoObject)?;
        raise_memory_limit();
        let gate = relocate::gate()?;
        let bytes = places.fill(bytes, &gate)?;
        let (layout, settings) = (Layout(offsets), Settings(config));
        // 0 switches the log sites off: the verifier removes them. 5 is `Level::Trace`.
        let level: u8 = if options.diagnostics { 5 } else { 0 };
        let mut loader: EbpfLoader<'_> = types.loader();
        let mut ebpf = loader
            .override_global("OFFSETS", &layout, true)
            .override_global("CONFIG", &settings, true)
            .override_global(aya_log::LEVEL, &level, true)
            .load(&bytes)
            .map_err(|error| KernelError::Load(chain(&error)))?;
        for (pins, name) in pins.iter().flat_map(|pins| pins::MAPS.map(|name| (pins, name))) {
            let pinned = match ebpf.map_mut(name) {
                Some(map) => map.pin(pins.map(name)),
                None if name == pins::GATE => gate.pin(pins.map(name)),
                None => return Err(KernelError::Load(format!("the object has no map {name}"))),
            };
            pinned.map_err(|error| KernelError::Load(format!("map {name} cannot be pinned: {}", chain(&error))))?;
        }
        let unpinnable = if Environment::read().older_than(5, 15) { |method| method == Method::Kprobe } else { |_method| false };
        let btf = Some(types.read()?);
        let (attached, links, changes) = (Vec::new(), Vec::new(), options.changes);
        Ok(Self {
            ebpf,
            gate: Some(gate),
            btf,
            can_cast: places.can_cast(),
            attached,
            changes,
            denied: false,
            pins,
            links,
            unpinnable,
        })
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

    /// The map of the gate; must outlive the programs, a later attaching included.
    pub(super) fn take_gate(&mut self) -> Result<MapData, KernelError> {
        self.gate.take().ok_or_else(|| KernelError::Load("the gate was taken before".to_owned()))
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
        let mut others: Vec<Hook> = if self.changes { Hook::CHANGES.to_vec() } else { Vec::new() };
        others.extend(self.denied.then_some(Hook::Denied));
        let mut opened = self.attach_open(method, &others);
        if method == Method::Kprobe
            && let Err(reason) = &opened
            && std::mem::take(&mut self.can_cast)
        {
            let reason = reason.clone();
            opened = self.attach_open(method, &others);
            // Where both are refused, the casts were not what hindered.
            if opened.is_ok() {
                tracing::info!(
                    reason,
                    "this kernel refuses a kprobe that casts addresses to types: it reads by helper calls, and each open costs more"
                );
            }
        }
        let mut failures = match opened {
            Ok(failures) => failures,
            Err(reason) => {
                others.into_iter().chain([Hook::FileOpen]).for_each(|hook| self.unload(method, hook));
                return Err(reason);
            }
        };
        self.attached.push((method, Hook::FileOpen));
        for hook in others {
            if failures.iter().any(|failure| failure.hook == hook) {
                continue;
            }
            match self.attach_one(method, hook) {
                Ok(()) => self.attached.push((method, hook)),
                Err(reason) => {
                    self.unload(method, hook);
                    failures.push(HookFailure { hook, reason });
                }
            }
        }
        failures.sort_by_key(|failure| failure.hook);
        Ok(failures)
    }

    /// Attaches the program of opens and meanwhile loads those of the other hooks; tells which of these the kernel refused.
    fn attach_open(&mut self, method: Method, others: &[Hook]) -> Result<Vec<HookFailure>, String> {
        let open = self.program(method, Hook::FileOpen);
        let names: Vec<_> = others.iter().map(|hook| (*hook, self.program(method, *hook))).collect();
        let wants_link = self.pin_of(method, Hook::FileOpen).is_some();
        let btf = types::kept(&mut self.btf)?;
        let (mut opens, mut rest) = (None, Vec::new());
        for (name, program) in self.ebpf.programs_mut() {
            if name == open {
                opens = Some(program);
            } else if let Some((hook, _)) = names.iter().find(|(_, other)| name == other) {
                rest.push((*hook, program));
            }
        }
        let opens = opens.ok_or_else(|| lacks(&open))?;
        let attach = || program::attach(method, Hook::FileOpen, opens, btf, wants_link);
        let (link, failures) = program::load_beside(method, rest, btf, attach)?;
        self.keep_link(method, Hook::FileOpen, link)?;
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

    /// The name of the program.
    fn program(&self, method: Method, hook: Hook) -> String {
        let by_reads = method == Method::Kprobe && hook == Hook::FileOpen && !self.can_cast;
        hook.program(method) + if by_reads { "_by_reads" } else { "" }
    }

    fn attach_one(&mut self, method: Method, hook: Hook) -> Result<(), String> {
        let name = self.program(method, hook);
        let wants_link = self.pin_of(method, hook).is_some();
        let btf = types::kept(&mut self.btf)?;
        let program = self.ebpf.program_mut(&name).ok_or_else(|| lacks(&name))?;
        let link = program::attach(method, hook, program, btf, wants_link)?;
        self.keep_link(method, hook, link)
    }

    /// Where the link of a program is pinned, if it is.
    fn pin_of(&self, method: Method, hook: Hook) -> Option<PathBuf> {
        self.pins.as_ref().filter(|_| !(self.unpinnable)(method)).map(|pins| pins.link(hook.name()))
    }

    fn keep_link(&mut self, method: Method, hook: Hook, link: Option<FdLink>) -> Result<(), String> {
        if let Some((path, link)) = self.pin_of(method, hook).zip(link) {
            let pinned = link.pin(path).map_err(|error| format!("the link cannot be pinned: {}", chain(&error)))?;
            self.links.push((hook, pinned));
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
        let name = self.program(method, hook);
        let unloaded = match self.ebpf.program_mut(&name) {
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
            self.attached.iter().filter_map(|(method, hook)| Some((*hook, self.ebpf.program(&self.program(*method, *hook))?)));
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

fn lacks(program: &str) -> String {
    format!("the object has no program {program}")
}

/// Before 5.11 map memory counts against `RLIMIT_MEMLOCK`; without `CAP_SYS_RESOURCE` the limit stays and the load says what it lacked.
fn raise_memory_limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let unlimited = Rlimit { current: None, maximum: None };
    if let Err(error) = setrlimit(Resource::Memlock, unlimited) {
        tracing::debug!(error = %io::Error::from(error), "RLIMIT_MEMLOCK stays as it is");
    }
}
