//! One program: loading it, which is the verifier's time, and attaching it.

use std::{
    panic,
    sync::{Mutex, PoisonError},
    thread,
};

use aya::{
    Btf,
    programs::{Program, ProgramError, links::FdLink},
};

use super::{
    hook::{Hook, HookFailure},
    method::Method,
};
use crate::causes::chain;

/// Loads the programs of these hooks while `first` is at work; nothing more is begun once that has failed. Gives what came of it, and the hooks whose
/// programs the kernel refused.
///
/// The verifier takes most of a start, and works for whom it trusts on all processors at once (`kernel/bpf/verifier.c`, `bpf_check`: its lock is for
/// the others).
pub(super) fn load_beside<T>(
    method: Method,
    programs: Vec<(Hook, &mut Program)>,
    btf: &Btf,
    first: impl FnOnce() -> Result<T, String>,
) -> Result<(T, Vec<HookFailure>), String> {
    let helpers = thread::available_parallelism().map_or(0, |processors| processors.get() - 1).min(programs.len());
    let queue = Mutex::new(programs.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut failures = Vec::new();
        while let Some((hook, program)) = next() {
            failures.extend(load(method, hook, program, btf).err().map(|reason| HookFailure { hook, reason }));
        }
        failures
    };
    thread::scope(|scope| {
        // Where there can be no thread, fewer do the work.
        let start = |_| thread::Builder::new().name("load".to_owned()).spawn_scoped(scope, work).ok();
        let helpers: Vec<_> = (0..helpers).filter_map(start).collect();
        let first = first();
        if first.is_err() {
            while next().is_some() {}
        }
        let mut failures = work();
        for helper in helpers {
            failures.extend(helper.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        }
        Ok((first?, failures))
    })
}

/// Has the verifier look at it; nothing, where it has done so.
fn load(method: Method, hook: Hook, program: &mut Program, btf: &Btf) -> Result<(), String> {
    let loaded = match (method, program) {
        (Method::Lsm, Program::Lsm(lsm)) => lsm.load(hook.lsm(), btf),
        (Method::Fentry, Program::FEntry(fentry)) => fentry.load(&hook.function(), btf),
        (Method::Kprobe, Program::KProbe(kprobe)) => kprobe.load(),
        (_, Program::FExit(fexit)) if hook == Hook::Denied => fexit.load(&hook.function(), btf),
        _ => return Err(is_of_another_type(method, hook)),
    };
    match loaded {
        Err(ProgramError::AlreadyLoaded) => Ok(()),
        other => other.map_err(|error| explain(&error)),
    }
}

/// Loads it if that was not done, and attaches it. Gives its link where that is `wanted`; else the program keeps it.
pub(super) fn attach(
    method: Method,
    hook: Hook,
    program: &mut Program,
    btf: &Btf,
    wanted: bool,
) -> Result<Option<FdLink>, String> {
    load(method, hook, program, btf)?;
    let refused = |error: ProgramError| explain(&error);
    Ok(match (method, program) {
        (Method::Lsm, Program::Lsm(lsm)) => {
            let id = lsm.attach().map_err(refused)?;
            if wanted { Some(lsm.take_link(id).map_err(refused)?.into()) } else { None }
        }
        (Method::Fentry, Program::FEntry(fentry)) => {
            let id = fentry.attach().map_err(refused)?;
            if wanted { Some(fentry.take_link(id).map_err(refused)?.into()) } else { None }
        }
        (Method::Kprobe, Program::KProbe(kprobe)) => {
            let id = kprobe.attach(hook.function(), 0).map_err(refused)?;
            let link = if wanted { Some(kprobe.take_link(id).map_err(refused)?) } else { None };
            link.map(|link| link.try_into().map_err(|error| chain(&error))).transpose()?
        }
        (_, Program::FExit(fexit)) if hook == Hook::Denied => {
            let id = fexit.attach().map_err(refused)?;
            if wanted { Some(fexit.take_link(id).map_err(refused)?.into()) } else { None }
        }
        _ => return Err(is_of_another_type(method, hook)),
    })
}

fn is_of_another_type(method: Method, hook: Hook) -> String {
    format!("the program of {hook} by {method} is of another type")
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
