//! The argument block, from the process's own memory: the process can rewrite it, and it is told as it stands at the access.

use koney_common::{
    Record,
    record::{ARGUMENTS_LEN, valid},
};

use crate::kernel::{KernelPtr, offset, read_user};

/// Smallest page size of the kernels koney runs on.
const PAGE: u64 = 4096;

#[inline(always)]
pub(crate) fn capture(record: &mut Record, task: KernelPtr) {
    let Some(mm) = task.follow(offset!(task_mm)) else { return };
    let (Some(start), Some(end)) = (mm.read::<u64>(offset!(mm_arg_start)), mm.read::<u64>(offset!(mm_arg_end))) else { return };
    if end <= start {
        return;
    }
    let mut length = end - start;
    if length > ARGUMENTS_LEN as u64 {
        length = ARGUMENTS_LEN as u64;
        record.valid |= valid::ARGUMENTS_TRUNCATED;
    }
    if !read_user(&mut record.arguments, length, start) {
        // The program must not sleep, so a page that is not resident cannot be fetched: what the first page holds is better
        // than nothing.
        let first = PAGE - (start & (PAGE - 1));
        if first >= length || !read_user(&mut record.arguments, first, start) {
            return;
        }
        length = first;
        record.valid |= valid::ARGUMENTS_TRUNCATED;
    }
    record.arguments_len = length as u16;
    record.valid |= valid::ARGUMENTS;
}
