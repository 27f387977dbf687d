//! What the record could not hold, from `/proc`, while the process is still the same one.

use procfs::process::Process;

use crate::event::Subject;

/// Longest text taken from `/proc`, as long as the record's own.
const LONGEST: usize = 2048;

/// Fills in what is missing. A record is normally whole; a page of arguments that was swapped out is the usual gap.
///
/// `/proc` is trusted only when the process there started when the record's did: process ids are used again.
pub fn complete(subject: &mut Subject) {
    if subject.kernel_thread || (subject.arguments.is_some() && subject.executable.is_some() && subject.cwd.is_some()) {
        return;
    }
    let Some(process) = same_process(subject) else { return };
    if subject.arguments.is_none() {
        subject.arguments = process.cmdline().ok().map(bounded);
    }
    if subject.executable.is_none() {
        subject.executable = process.exe().ok().map(|path| path.to_string_lossy().into_owned());
    }
    if subject.cwd.is_none() {
        subject.cwd = process.cwd().ok().map(|path| path.to_string_lossy().into_owned());
    }
}

fn same_process(subject: &Subject) -> Option<Process> {
    let process = Process::new(i32::try_from(subject.pid?).ok()?).ok()?;
    let ticks = process.stat().ok()?.starttime;
    // Field 22 of /proc/PID/stat is the start in clock ticks (`fs/proc/array.c`, `do_task_stat`).
    (subject.start_ns? / (1_000_000_000 / procfs::ticks_per_second()) == ticks).then_some(process)
}

fn bounded(arguments: Vec<String>) -> Vec<String> {
    let mut room = LONGEST;
    arguments
        .into_iter()
        .take_while(|argument| {
            let fits = argument.len() < room;
            room = room.saturating_sub(argument.len() + 1);
            fits
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn myself() -> Subject {
        let stat = Process::myself().and_then(|me| me.stat()).expect("own stat");
        let tick = 1_000_000_000 / procfs::ticks_per_second();
        Subject { pid: Some(std::process::id()), start_ns: Some(stat.starttime * tick + tick / 2), ..Subject::default() }
    }

    #[test]
    fn gaps_are_filled_for_the_same_process() {
        let mut subject = myself();
        complete(&mut subject);
        assert_eq!(subject.cwd, std::env::current_dir().ok().map(|path| path.display().to_string()));
        assert!(subject.executable.is_some_and(|path| path.contains("koney_agent")));
        assert!(subject.arguments.is_some_and(|arguments| !arguments.is_empty()));
    }

    #[test]
    fn another_start_time_is_another_process() {
        let mut subject = Subject { start_ns: Some(1), ..myself() };
        complete(&mut subject);
        assert_eq!(subject.executable, None);
    }

    #[test]
    fn arguments_are_bounded() {
        let arguments = vec!["a".repeat(1000); 5];
        assert_eq!(bounded(arguments).len(), 2);
    }
}
