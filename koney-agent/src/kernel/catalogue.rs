//! The kernel's part of the catalogue of errors.

use super::{
    ArmError, Attempt, Attempts, KernelError, Method,
    btf::{BtfError, Expect, MemberError},
    fanotify::FanotifyError,
    offsets,
    pins::PinsError,
};
use crate::catalogue::{Entry, REASON, Said, entries, os};

pub(crate) fn entries() -> Vec<Entry> {
    let attempts = || Attempts(vec![Attempt { method: Method::Lsm, reason: REASON.to_owned() }]);
    let mut entries = entries!(KernelError, Said::whole;
        KernelError::NoObject = KernelError::NoObject, "eBPF object", "this binary";
        KernelError::NoPrivilege { .. } = KernelError::NoPrivilege { missing: "CAP_BPF".to_owned() }, "eBPF", "CAP_BPF missing";
        KernelError::NoBtf(_) = KernelError::NoBtf(os()), "/sys/kernel/btf/vmlinux", REASON;
        KernelError::Btf(_) = BtfError::Header.into(), "/sys/kernel/btf/vmlinux", "not BTF";
        KernelError::UnknownLayout(_) = KernelError::UnknownLayout("file.f_inode"), "file.f_inode", "unknown layout";
        KernelError::Load(_) = KernelError::Load(REASON.to_owned()), "maps", REASON;
        KernelError::Map { .. } = KernelError::Map { what: "ring", source: os() }, "ring", REASON;
        KernelError::Canary(_) = KernelError::Canary(os()), "canary file", REASON;
        KernelError::NoMethod(_) = KernelError::NoMethod(attempts()), "attach method", REASON;
        KernelError::Fanotify(_) = FanotifyError::Init(os()).into(), "fanotify", REASON;
        KernelError::Neither { .. } =
            KernelError::Neither { ebpf: Box::new(KernelError::NoMethod(attempts())), fanotify: FanotifyError::Init(os()) },
            "attach method", REASON;
    );
    entries.extend(entries!(BtfError, |error: &BtfError| Said::whole(&KernelError::Btf(error.clone()));
        BtfError::Header = BtfError::Header, "/sys/kernel/btf/vmlinux", "not BTF";
        BtfError::Section(_) = BtfError::Section("type"), "/sys/kernel/btf/vmlinux", "type section";
        BtfError::Type { .. } = BtfError::Type { id: 7, position: 99 }, "/sys/kernel/btf/vmlinux", "type 7 at byte 99";
    ));
    entries.extend(entries!(FanotifyError, Said::whole;
        FanotifyError::Init(_) = FanotifyError::Init(os()), "fanotify", REASON;
        FanotifyError::Canary(_) = FanotifyError::Canary(os()), "canary file", REASON;
        FanotifyError::Mark(_) = FanotifyError::Mark(ArmError::Mark(os())), "canary", REASON;
        FanotifyError::Read(_) = FanotifyError::Read(os()), "fanotify's events", REASON;
        FanotifyError::NotSeen = FanotifyError::NotSeen, "fanotify", "no event came";
    ));
    entries.extend(entries!(PinsError, Said::whole;
        PinsError::NotBpf(_) = PinsError::NotBpf("/run/pins".into()), "/run/pins", "not on a BPF file system";
        PinsError::Folder { .. } = PinsError::Folder { path: "/run/pins".into(), source: os() }, "/run/pins", REASON;
    ));
    let text = |text: &str| text.to_owned();
    let member = |error: &MemberError| Said::apart(error.to_string(), offsets::WITHOUT);
    entries.extend(entries!(MemberError, member;
        MemberError::NoStruct(_) = MemberError::NoStruct(text("cred")), "struct cred", "no struct";
        MemberError::NoMember(..) = MemberError::NoMember(text("cred"), text("uid")), "struct cred", "no member uid";
        MemberError::Shape(..) = MemberError::Shape(text("cred.uid"), Expect::Pointer), "cred.uid", "not what was expected";
        MemberError::Ambiguous(..) = MemberError::Ambiguous(text("cred"), text("uid")), "cred", "disagree on uid";
        MemberError::Unreachable(_) = MemberError::Unreachable(text("cred.uid")), "cred.uid", "out of reach";
    ));
    entries
}
