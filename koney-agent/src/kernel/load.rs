//! Loading the object with this kernel's offsets, and attaching the programs of one method at a time.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
};

use aya::{
    Btf, Ebpf, EbpfLoader,
    programs::{Program, ProgramError},
};
use koney_common::{Offsets, offsets::Config};

use super::{
    detector::Options,
    error::KernelError,
    hook::{Hook, HookFailure},
    method::Method,
    object,
    pod::{Layout, Settings},
};

/// The loaded object; its programs attach and detach, its maps stay.
pub(super) struct Programs {
    ebpf: Ebpf,
    btf: Btf,
    attached: Vec<(Method, Hook)>,
    changes: bool,
}

impl Programs {
    pub(super) fn load(offsets: Offsets, config: Config, options: Options) -> Result<Self, KernelError> {
        let bytes = object::embedded().ok_or(KernelError::NoObject)?;
        raise_memory_limit();
        let btf = Btf::from_sys_fs().map_err(|error| KernelError::Load(chain(&error)))?;
        let (layout, settings) = (Layout(offsets), Settings(config));
        // 0 switches the log sites off: the verifier removes them. 5 is `Level::Trace`.
        let level: u8 = if options.diagnostics { 5 } else { 0 };
        let ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .override_global("OFFSETS", &layout, true)
            .override_global("CONFIG", &settings, true)
            .override_global(aya_log::LEVEL, &level, true)
            .load(bytes)
            .map_err(|error| KernelError::Load(chain(&error)))?;
        Ok(Self { ebpf, btf, attached: Vec::new(), changes: options.changes })
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
        Ok(failures)
    }

    fn attach_one(&mut self, method: Method, hook: Hook) -> Result<(), String> {
        let Self { ebpf, btf, .. } = self;
        let name = hook.program(method);
        let program = ebpf.program_mut(&name).ok_or_else(|| format!("the object has no program {name}"))?;
        let function = hook.function();
        let result = match (method, program) {
            (Method::Lsm, Program::Lsm(lsm)) => loaded(lsm.load(hook.lsm(), btf)).and_then(|()| lsm.attach().map(drop)),
            (Method::Fentry, Program::FEntry(fentry)) => {
                loaded(fentry.load(&function, btf)).and_then(|()| fentry.attach().map(drop))
            }
            (Method::Kprobe, Program::KProbe(kprobe)) => {
                loaded(kprobe.load()).and_then(|()| kprobe.attach(&function, 0).map(drop))
            }
            _ => return Err(format!("program {name} is of another type")),
        };
        result.map_err(|error| explain(&error))
    }

    pub(super) fn detach(&mut self) {
        for (method, hook) in std::mem::take(&mut self.attached) {
            let Some(program) = self.ebpf.program_mut(&hook.program(method)) else { continue };
            let unloaded = match program {
                Program::Lsm(lsm) => lsm.unload(),
                Program::FEntry(fentry) => fentry.unload(),
                Program::KProbe(kprobe) => kprobe.unload(),
                _ => continue,
            };
            if let Err(error) = unloaded {
                tracing::debug!(%error, %method, %hook, "the program was gone already");
            }
        }
    }

    /// The attached programs.
    pub(super) fn program_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let programs = self.attached.iter().filter_map(|(method, hook)| self.ebpf.program(&hook.program(*method)));
        programs.filter_map(|program| Some(program.fd().ok()?.as_fd()))
    }
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

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let line = inner.to_string();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        source = inner.source();
    }
    text
}

/// Before 5.11 map memory counts against `RLIMIT_MEMLOCK`; without `CAP_SYS_RESOURCE` the limit stays and the load says what it lacked.
fn raise_memory_limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let unlimited = Rlimit { current: None, maximum: None };
    if let Err(error) = setrlimit(Resource::Memlock, unlimited) {
        tracing::debug!(error = %io::Error::from(error), "RLIMIT_MEMLOCK stays as it is");
    }
}
