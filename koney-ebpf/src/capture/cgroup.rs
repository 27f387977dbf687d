//! Which cgroup: its id, its name (a container's id) and its parent's name (a pod's uid).

use koney_common::{Record, record::valid};

use crate::kernel::{KernelPtr, config, offset};

#[inline(always)]
pub(crate) fn capture(record: &mut Record, task: KernelPtr) {
    let Some(cgroup) = of(task) else { return };
    let Some(node) = cgroup.follow(offset!(cgroup_node)) else { return };
    if let Some(id) = node.read(offset!(node_id)) {
        record.cgroup_id = id;
        record.valid |= valid::CGROUP_ID;
    }
    if let Some(length) = node.follow(offset!(node_name)).and_then(|name| name.read_str(&mut record.cgroup_name)) {
        record.cgroup_name_len = length;
        record.valid |= valid::CGROUP_NAME;
    }
    let Some(parent) = parent_node(cgroup) else { return };
    if let Some(length) = parent.follow(offset!(node_name)).and_then(|name| name.read_str(&mut record.cgroup_parent_name)) {
        record.cgroup_parent_name_len = length;
        record.valid |= valid::CGROUP_PARENT_NAME;
    }
}

/// The current id of the process's cgroup.
#[inline(always)]
pub(crate) fn id(task: KernelPtr) -> Option<u64> {
    of(task)?.follow(offset!(cgroup_node))?.read(offset!(node_id))
}

/// The cgroup in the hierarchy that container runtimes name: v2's own, or on v1 the memory controller's.
#[inline(always)]
fn of(task: KernelPtr) -> Option<KernelPtr> {
    let set = task.follow(offset!(task_cgroups))?;
    if config!(cgroup_v1) == 0 {
        return set.follow(offset!(css_set_default_cgroup));
    }
    set.follow(offset!(css_set_memory_css))?.follow(offset!(css_cgroup))
}

/// By way of the css, whose `parent` never changed its name (`kernfs_node.parent` became `__parent` in 6.15).
#[inline(always)]
fn parent_node(cgroup: KernelPtr) -> Option<KernelPtr> {
    let parent = cgroup.member(offset!(cgroup_self))?.follow(offset!(css_parent))?;
    parent.follow(offset!(css_cgroup))?.follow(offset!(cgroup_node))
}
