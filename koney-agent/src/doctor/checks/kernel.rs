//! The kernel itself: its age, its type information, and whether there is anything to load into it.

use super::super::{
    facts::Facts,
    fields,
    finding::{Finding, cause_and_remedy},
};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    vec![release(facts), programs(facts), types(facts), record(facts)]
}

fn release(facts: &Facts) -> Finding {
    let (check, release) = ("kernel", facts.environment.release.as_str());
    if !facts.environment.older_than(5, 10) {
        return Finding::ok(check, release);
    }
    Finding::missing(check, format!("{release}, older than 5.10"))
        .costs("untested, and the programs use what older kernels do not have")
        .mended_by("use Linux 5.10 or newer")
}

fn programs(facts: &Facts) -> Finding {
    let check = "eBPF programs";
    if facts.has_programs {
        return Finding::ok(check, "built into this binary");
    }
    Finding::missing(check, "this binary was built without them")
        .costs("there is nothing to load into the kernel")
        .mended_by("run `cargo xtask build-ebpf` and build the agent again")
}

fn types(facts: &Facts) -> Finding {
    let check = "type information";
    let Err(error) = &facts.absent_members else { return Finding::ok(check, "/sys/kernel/btf/vmlinux, readable") };
    let (cause, remedy) = cause_and_remedy(error);
    Finding::missing(check, cause)
        .costs("fields of the kernel cannot be found, so no program can be loaded")
        .mended_by(remedy.unwrap_or("report this kernel's version"))
}

fn record(facts: &Facts) -> Finding {
    let (check, v1) = ("record fields", facts.cgroups.names_from_v1);
    let all = fields::all(v1);
    let Ok(absent) = &facts.absent_members else {
        return Finding::missing(check, format!("0 of {}", all.len())).costs("see type information");
    };
    let there = all.iter().filter(|field| field.lacks(absent).is_empty()).count();
    let counted = format!("{there} of {}", all.len());
    match fields::costs(v1, absent) {
        None => Finding::ok(check, counted),
        Some(cost) => Finding::degraded(check, format!("{counted}; this kernel does not tell {}", absent.join(", ")))
            .costs(cost)
            .mended_by("use a kernel that is built with these features, or report this kernel's version"),
    }
}
