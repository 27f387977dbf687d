//! How the process uses memory: it loads kernel types of many megabytes once, and needs little afterwards.

/// Allocations of this size and more are given back as soon as they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: i32 = 64 << 10;

/// Has freed memory go back to the kernel. By itself glibc raises the bound to whatever was freed last, and keeps everything below it
/// (`malloc/malloc.c`, `M_MMAP_THRESHOLD`), in a heap for each thread (`malloc/arena.c`): with 1,000 traps, six MiB of thirty-one. The threads
/// that resolve paths wait for disks, not for each other. Called before other threads start.
pub fn be_frugal() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (option, value) in [(libc::M_MMAP_THRESHOLD, LARGE), (libc::M_TRIM_THRESHOLD, LARGE), (libc::M_ARENA_MAX, 1)] {
        // SAFETY: changes parameters of the allocator and touches no memory of ours; no other thread allocates yet.
        let _taken = unsafe { libc::mallopt(option, value) };
    }
}

/// Gives back what was freed: after a start, a change or a flood.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: thread-safe by its documentation (`malloc_trim(3)`), and only returns pages that hold nothing.
    let _trimmed = unsafe { libc::malloc_trim(0) };
}
