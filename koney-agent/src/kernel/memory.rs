//! How the process uses memory: it loads kernel types of many megabytes once, and needs little afterwards.

/// Allocations of this size and more are given back as soon as they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: i32 = 64 << 10;

/// Has freed memory go back to the kernel. By itself glibc raises the bound to whatever was freed last, and keeps everything below it
/// (`malloc/malloc.c`, `M_MMAP_THRESHOLD`). Called before other threads start.
pub fn be_frugal() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for option in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: changes parameters of the allocator and touches no memory of ours; no other thread allocates yet.
        let _taken = unsafe { libc::mallopt(option, LARGE) };
    }
}

/// Gives back what was freed, once the agent has started.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: thread-safe by its documentation (`malloc_trim(3)`), and only returns pages that hold nothing.
    let _trimmed = unsafe { libc::malloc_trim(0) };
}
