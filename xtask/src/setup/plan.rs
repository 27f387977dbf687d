//! From what is needed and what is there: what to do. Pure.

use anyhow::{Result, bail};

use super::{
    Needs, foreign,
    inventory::{Compiler, Inventory},
    pins::{Package, Pins, Route},
};
use crate::{arch::Arch, vm};

/// What setup has to do; empty when the machine is ready.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Packages of the distribution, in order.
    pub(crate) packages: Vec<String>,
    /// The bpf-linker to build: its version and the LLVM it is linked with.
    pub(crate) linker: Option<(String, u32)>,
    /// The architecture whose libraries and tools are to be fetched.
    pub(crate) foreign: Option<Arch>,
    /// Kernel series to fetch.
    pub(crate) kernels: Vec<String>,
}

impl Plan {
    /// Decides what is missing.
    pub(crate) fn new(needs: &Needs, inventory: &Inventory, pins: &Pins) -> Result<Self> {
        let mut plan = Self::default();
        let mut packages = Vec::new();
        if needs.compiler {
            let (route, compiler) = choose(inventory, pins)?;
            if compiler.is_none() {
                packages.extend(route.packages.iter().cloned());
            }
            if needs.clippy {
                packages.extend(route.clippy_packages.iter().cloned());
            }
            packages.push(route.llvm_package());
            if !inventory.linkers.contains(&route.linker_root()?) {
                plan.linker = Some((route.bpf_linker.clone(), route.llvm));
            }
        }
        if let Some(arch) = needs.guests {
            packages.extend(vm::packages(arch));
            if !arch.is_here() {
                packages.extend(pins.distribution.packages.iter().cloned().chain(foreign::packages(arch)));
                plan.foreign = (!inventory.foreign).then_some(arch);
            }
        }
        packages.extend(needs.packages.iter().cloned());
        for Package(name, _) in packages {
            if !inventory.packages.contains(&name) && !plan.packages.contains(&name) {
                plan.packages.push(name);
            }
        }
        plan.kernels = needs.kernels.iter().filter(|series| !inventory.kernels.contains(*series)).cloned().collect();
        Ok(plan)
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// One line for each thing to do.
    pub(crate) fn describe(&self) -> Vec<String> {
        let packages = self.packages.iter().map(|name| format!("install package {name}"));
        let linker = self.linker.iter().map(|(version, llvm)| format!("build bpf-linker {version} with LLVM {llvm}"));
        let foreign =
            self.foreign.iter().map(|arch| format!("fetch Rust's libraries and the guests' programs for {}", arch.debian()));
        let kernels = self.kernels.iter().map(|series| format!("fetch kernel {series}"));
        packages.chain(linker).chain(foreign).chain(kernels).collect()
    }
}

/// Takes the route that is complete on this machine, else the distribution's, which can be installed.
pub(crate) fn choose<'a>(inventory: &'a Inventory, pins: &'a Pins) -> Result<(&'a Route, Option<&'a Compiler>)> {
    let nightly = inventory.nightlies.iter().find(|found| found.has_source && found.llvm == pins.rustup.llvm);
    if nightly.is_some() {
        return Ok((&pins.rustup, nightly));
    }
    let route = &pins.distribution;
    match &inventory.distribution {
        Some(found) if found.llvm != route.llvm => bail!(
            "{} {} is built on LLVM {}, but toolchain.toml pins LLVM {} and a bpf-linker that goes with it: install a \
             compiler on LLVM {} (packages {}), a rustup nightly with rust-src on LLVM {}, or try other versions in \
             toolchain.toml",
            found.rustc.display(),
            found.version,
            found.llvm,
            route.llvm,
            route.llvm,
            route.packages.iter().map(|package| package.0.as_str()).collect::<Vec<_>>().join(", "),
            pins.rustup.llvm,
        ),
        Some(found) if found.has_source => Ok((route, Some(found))),
        _ => Ok((route, None)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::setup::pins::State;

    fn pins() -> Pins {
        let route = |llvm| Route {
            state: State::Tested,
            rustc: "1.96".to_owned(),
            llvm,
            bpf_linker: "0.13.0".to_owned(),
            packages: Vec::new(),
            clippy_packages: Vec::new(),
        };
        let mut distribution = route(22);
        distribution.packages = vec![Package("rustc-web".to_owned(), "/usr/bin/rustc".to_owned())];
        distribution.clippy_packages = vec![Package("rust-web-clippy".to_owned(), "/usr/bin/cargo-clippy".to_owned())];
        Pins { rustup: route(23), distribution, python: BTreeMap::new() }
    }

    fn compiler(llvm: u32, has_source: bool) -> Compiler {
        Compiler {
            rustc: "/usr/bin/rustc".into(),
            cargo: "/usr/bin/cargo".into(),
            clippy: None,
            version: "1.96.0".to_owned(),
            llvm,
            has_source,
        }
    }

    fn plan(needs: &Needs, inventory: &Inventory) -> Plan {
        Plan::new(needs, inventory, &pins()).expect("a plan")
    }

    #[test]
    fn an_empty_machine_gets_the_distribution_route() {
        let plan = plan(&Needs::build(), &Inventory::default());
        assert_eq!(plan.packages, ["rustc-web", "llvm-22-dev"]);
        assert_eq!(plan.linker, Some(("0.13.0".to_owned(), 22)));
        assert!(plan.kernels.is_empty());
    }

    #[test]
    fn a_complete_machine_needs_nothing() {
        let needs = Needs { kernels: vec!["6.1".to_owned()], ..Needs::build() };
        let inventory = Inventory {
            distribution: Some(compiler(22, true)),
            packages: ["rustc-web", "llvm-22-dev"].map(str::to_owned).into(),
            linkers: [pins().distribution.linker_root().expect("a cache folder")].into(),
            kernels: ["6.1".to_owned()].into(),
            ..Inventory::default()
        };
        assert!(plan(&needs, &inventory).is_empty());
    }

    #[test]
    fn a_nightly_counts_only_with_sources_and_the_pinned_llvm() {
        let with = |nightly| Inventory { nightlies: vec![nightly], ..Inventory::default() };
        assert_eq!(plan(&Needs::build(), &with(compiler(23, true))).packages, ["llvm-23-dev"]);
        assert_eq!(plan(&Needs::build(), &with(compiler(23, false))).packages, ["rustc-web", "llvm-22-dev"]);
        assert_eq!(plan(&Needs::build(), &with(compiler(24, true))).packages, ["rustc-web", "llvm-22-dev"]);
    }

    #[test]
    fn a_distribution_compiler_on_another_llvm_is_refused_with_the_remedy() {
        let inventory = Inventory { distribution: Some(compiler(14, true)), ..Inventory::default() };
        let error = Plan::new(&Needs::build(), &inventory, &pins()).expect_err("LLVM 14 cannot do");
        assert!(error.to_string().contains("rustc-web"), "{error}");
    }

    #[test]
    fn only_missing_kernels_are_fetched_and_only_linting_asks_for_clippy() {
        let needs = Needs { kernels: vec!["6.1".to_owned(), "6.12".to_owned()], clippy: true, ..Needs::build() };
        let inventory = Inventory { kernels: ["6.1".to_owned()].into(), ..Inventory::default() };
        let plan = plan(&needs, &inventory);
        assert_eq!(plan.kernels, ["6.12"]);
        assert!(plan.packages.contains(&"rust-web-clippy".to_owned()));
    }
}
