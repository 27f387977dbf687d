//! What stands in the files of `/proc/PID`: total on any bytes.
//!
//! The kernel writes the form, but the process writes its name into it, and whoever may create cgroups theirs. Neither need be UTF-8, so
//! a reader that insists on it would let a process hide its user by its name.

use std::str::SplitAsciiWhitespace;

/// What is taken from `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) comm: String,
    /// 0 for none, or for one outside the reader's pid namespace.
    pub(super) parent: u32,
    pub(super) flags: u32,
    /// Start in clock ticks since boot.
    pub(super) start_ticks: u64,
}

/// What is taken from `/proc/PID/status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) uid: Option<u32>,
    pub(super) euid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) capabilities: Option<u64>,
}

/// Fields 2, 4, 9 and 22 (`do_task_stat`, `fs/proc/array.c`). The name may hold parentheses; what follows it holds none.
pub(super) fn stat(bytes: &[u8]) -> Option<Stat> {
    let text = String::from_utf8_lossy(bytes);
    let (comm, numbers) = text.split_once('(')?.1.rsplit_once(')')?;
    let mut fields = numbers.split_ascii_whitespace().skip(1);
    let parent = next(&mut fields)?;
    let mut fields = fields.skip(4);
    let flags = next(&mut fields)?;
    let mut fields = fields.skip(12);
    Some(Stat { comm: comm.to_owned(), parent, flags, start_ticks: next(&mut fields)? })
}

/// A line for each fact (`proc_pid_status`); in the first, the name, a line break is escaped.
pub(super) fn status(bytes: &[u8]) -> Status {
    let text = String::from_utf8_lossy(bytes);
    let mut status = Status::default();
    for line in text.lines() {
        let Some((name, values)) = line.split_once(':') else { continue };
        let mut values = values.split_ascii_whitespace();
        match name {
            "Uid" => (status.uid, status.euid) = two(&mut values),
            "Gid" => status.gid = next(&mut values),
            "CapEff" => status.capabilities = values.next().and_then(|digits| u64::from_str_radix(digits, 16).ok()),
            _ => {}
        }
    }
    status
}

/// The path in `/proc/PID/cgroup` that containers are named by: that of the memory controller where it has a hierarchy of its own
/// (cgroup v1), else the unified one.
pub(super) fn cgroup(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut unified = None;
    // Not `lines`, which would take a carriage return off a name's end.
    for line in text.split_terminator('\n') {
        let mut parts = line.splitn(3, ':');
        let (Some(hierarchy), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        if controllers.split(',').any(|name| name == "memory") {
            return Some(path.to_owned());
        }
        if hierarchy == "0" {
            unified = unified.or_else(|| Some(path.to_owned()));
        }
    }
    unified
}

/// Real and effective.
fn two(values: &mut SplitAsciiWhitespace<'_>) -> (Option<u32>, Option<u32>) {
    (next(values), next(values))
}

fn next<'a, T: std::str::FromStr>(fields: &mut impl Iterator<Item = &'a str>) -> Option<T> {
    fields.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_shift_the_fields_after_it() {
        let line = "4711 (a) R 1 (b) S 17 4711 4711 0 -1 4194304 90 0 0 0 0 0 0 0 20 0 1 0 98765 1 2 3\n";
        let expected = Stat { comm: "a) R 1 (b".to_owned(), parent: 17, flags: 0x0040_0000, start_ticks: 98765 };
        assert_eq!(stat(line.as_bytes()), Some(expected));
        assert_eq!(stat(b")("), None);
        assert_eq!(stat(b"("), None);
        assert_eq!(stat(b"1 (x)"), None);
        assert_eq!(stat(b"1 (x) S 17 1 1 0 -1 4194304 90"), None, "cut before the start");
    }

    #[test]
    fn ids_and_capabilities_are_found_beside_any_name() {
        let text = b"Name:\tUid:\\n\xFF\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nGid:\t100\t0\t0\t0\nCapEff:\t000001ffffffffff\n";
        let expected = Status { uid: Some(1000), euid: Some(0), gid: Some(100), capabilities: Some(0x1FF_FFFF_FFFF) };
        assert_eq!(status(text), expected);
        assert_eq!(status(b""), Status::default());
        assert_eq!(status(b"Uid:\t-1 4294967296\nCapEff:\txyz\n"), Status::default());
    }

    #[test]
    fn the_memory_controllers_path_goes_first() {
        let hybrid = b"4:cpu,memory:/docker/x\n1:name=systemd:/y\n0::/z\n";
        assert_eq!(cgroup(hybrid).as_deref(), Some("/docker/x"));
        assert_eq!(cgroup(b"1:name=systemd:/y\n0::/a:b/\xFF\n").as_deref(), Some("/a:b/\u{FFFD}"));
        assert_eq!(cgroup(b"0::/x\r\n").as_deref(), Some("/x\r"));
        assert_eq!(cgroup(b"1:name=systemd:/y\n"), None);
    }
}
