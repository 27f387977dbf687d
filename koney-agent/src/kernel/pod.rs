//! The shared records as aya sees them: `Pod` is foreign and so are the records, hence one transparent wrapper each.

use koney_common::{
    ArmRequest, NameKey, Offsets, Repeats, RepeatsKey, Slot, TrapEntry, TrapKey,
    name::{Candidate, CrowdKey, NegativeKey, Window},
    offsets::Config,
};

macro_rules! plain_data {
    ($($(#[$doc:meta])* $name:ident($of:ty);)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy)]
            #[repr(transparent)]
            pub(super) struct $name(pub(super) $of);

            // SAFETY: `repr(transparent)` over a `repr(C)` struct of integers without implicit padding (sizes asserted in
            // koney-common): every byte is initialised, any bytes are a valid value, and there are no pointers.
            unsafe impl aya::Pod for $name {}
        )+
    };
}

plain_data! {
    /// Key of the trap table.
    Key(TrapKey);
    /// Value of the trap table.
    Entry(TrapEntry);
    /// Value of the arming table.
    Request(ArmRequest);
    /// Key of the names.
    Name(NameKey);
    /// Value of the candidates.
    Undecided(Candidate);
    /// Key of the refusals.
    Refused(NegativeKey);
    /// Key of the crowds.
    CrowdOf(CrowdKey);
    /// Value of the crowds.
    Crowd(Window);
    /// Value of the slots.
    Kept(Slot);
    /// Key of the repeats.
    RepeatsOf(RepeatsKey);
    /// Value of the repeats.
    Repeated(Repeats);
    /// Frozen read-only data.
    Layout(Offsets);
    /// Frozen read-only data.
    Settings(Config);
}
