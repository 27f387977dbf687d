//! Which guests a suite boots.

use anyhow::Result;

use crate::{
    arch::Arch,
    cli::{Variant, VmArgs},
    exit::Exit,
    setup,
    vm::kernel,
};

/// One guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guest {
    pub(crate) arch: Arch,
    pub(crate) series: String,
    pub(crate) variant: Variant,
}

/// The guests of the evasion suite on `x86_64`. 5.10 has no `bpf` in its list of security modules unless asked.
const AMD64: [(&str, Variant); 5] = [
    ("5.10", Variant::LsmWithBpf),
    ("6.1", Variant::Default),
    ("6.12", Variant::Default),
    ("6.12", Variant::PreemptFull),
    ("7.3", Variant::Default),
];

/// And on arm64.
const ARM64: [(&str, Variant); 2] = [("6.1", Variant::Default), ("7.3", Variant::Default)];

/// The guests that a command line asks for.
pub(crate) fn select(args: &VmArgs, arch: Arch) -> Result<Vec<Guest>> {
    let series = if args.narrow.all_kernels { setup::offered(arch)? } else { kernel::select(&args.kernel)? };
    let guests = choose(usual(arch), &series, args.variant);
    if guests.is_empty() {
        return Err(Exit::usage("the suite has no guest of that variant: name its kernel with --kernel").into());
    }
    Ok(guests.into_iter().map(|(series, variant)| Guest { arch, series, variant }).collect())
}

fn usual(arch: Arch) -> &'static [(&'static str, Variant)] {
    match arch {
        Arch::Amd64 => &AMD64,
        Arch::Arm64 => &ARM64,
    }
}

/// A series has the variants that the suite has for it, unless one is asked for.
fn choose(usual: &[(&str, Variant)], series: &[String], variant: Option<Variant>) -> Vec<(String, Variant)> {
    let owned = |(series, variant): &(&str, Variant)| ((*series).to_owned(), *variant);
    if series.is_empty() {
        return usual.iter().filter(|(_, have)| variant.is_none_or(|wanted| wanted == *have)).map(owned).collect();
    }
    let mut guests = Vec::new();
    for name in series {
        let mut variants: Vec<_> = usual.iter().filter(|(have, _)| have == name).map(|(_, variant)| *variant).collect();
        if variants.is_empty() {
            variants.push(Variant::Default);
        }
        if let Some(variant) = variant {
            variants = vec![variant];
        }
        guests.extend(variants.into_iter().map(|variant| (name.clone(), variant)));
    }
    guests
}

impl Guest {
    /// A name for people and for files.
    pub(crate) fn name(&self) -> String {
        let Self { arch, series, variant } = self;
        let arch = if arch.is_here() { String::new() } else { format!("-{}", arch.debian()) };
        let variant = if *variant == Variant::Default { String::new() } else { format!("-{}", variant.name()) };
        format!("{series}{arch}{variant}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(series: &[&str], variant: Option<Variant>) -> Vec<(String, Variant)> {
        choose(&AMD64, &series.iter().map(|&name| name.to_owned()).collect::<Vec<_>>(), variant)
    }

    #[test]
    fn nothing_asked_is_the_whole_matrix() {
        assert_eq!(chosen(&[], None).len(), AMD64.len());
        assert_eq!(chosen(&[], Some(Variant::PreemptFull)), [("6.12".to_owned(), Variant::PreemptFull)]);
        assert!(chosen(&[], Some(Variant::CgroupV1)).is_empty());
    }

    #[test]
    fn a_series_has_its_own_variants() {
        assert_eq!(chosen(&["6.12"], None).len(), 2);
        assert_eq!(chosen(&["5.10"], None), [("5.10".to_owned(), Variant::LsmWithBpf)]);
        assert_eq!(chosen(&["6.17"], None), [("6.17".to_owned(), Variant::Default)]);
        assert_eq!(chosen(&["6.12"], Some(Variant::CgroupV1)), [("6.12".to_owned(), Variant::CgroupV1)]);
    }
}
