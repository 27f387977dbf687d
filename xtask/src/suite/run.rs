//! Runs the evasion suite, guests side by side.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::{
    facts,
    guests::{self, Guest},
    judge, record, report,
    transcript::{self, Transcript},
};
use crate::{
    arch::Arch,
    at_once,
    cli::{Attach, VmArgs},
    counts::Counts,
    ebpf,
    exit::Exit,
    setup::{self, Needs, Package},
    test, ui,
    vm::{self, Spec, Verdict, kernel},
};

/// The program that plays the scenarios.
const PROGRAM: &str = "koney-evasion";

/// What the scenarios start, each with its package: makers of file systems, a container runtime, perl for system calls that have no
/// safe interface, and a compiler to be busy with.
const TOOLS: [(&str, &str); 6] = [
    ("e2fsprogs", "mke2fs"),
    ("xfsprogs", "mkfs.xfs"),
    ("btrfs-progs", "mkfs.btrfs"),
    ("crun", "crun"),
    ("perl-base", "perl"),
    ("tcc", "tcc"),
];

/// What those tools need in the kernel.
const MODULES: [&str; 3] = ["loop", "xfs", "btrfs"];

/// For all methods of one guest; a scenario's own limit is the program's.
const TIMEOUT: Duration = Duration::from_mins(20);
const MEMORY_MIB: u32 = 2048;

/// `cargo xtask vm --suite evasion`.
pub(crate) fn evasion(args: &VmArgs) -> Result<u8> {
    let narrow = &args.narrow;
    if let Some(wrong) = narrow.only.iter().find(|id| !is_scenario(id)) {
        return Err(Exit::usage(format!("{wrong:?} is no scenario: expected one like E7")).into());
    }
    let arch = args.arch.map_or_else(Arch::here, Ok)?;
    let guests = guests::select(args, arch)?;
    let plan = Plan::prepare(args, arch, &guests)?;
    let booted = at_once::each(&guests, at_once::guests(), |guest| plan.boot(args, guest));
    let mut results = Vec::new();
    for of_guest in booted {
        results.extend(of_guest?);
    }
    report::write(&results)?;
    if narrow.record {
        record::write(&results, plan.whole)?;
    }
    let total: Counts = results.iter().map(judge::Result::counts).sum();
    ui::line(&total.to_string());
    Ok(u8::from(total.failed > 0))
}

fn is_scenario(id: &str) -> bool {
    // Some numbers have siblings, such as E1-crun.
    let Some(number) = id.strip_prefix('E') else { return false };
    number.starts_with(|first: char| first.is_ascii_digit())
        && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What is the same for every guest.
struct Plan {
    methods: Vec<Attach>,
    programs: Vec<PathBuf>,
    /// The suite's program with its arguments, for a shell.
    words: String,
    env: Vec<(String, String)>,
    /// Nothing is left out.
    whole: bool,
}

impl Plan {
    fn prepare(args: &VmArgs, arch: Arch, guests: &[Guest]) -> Result<Self> {
        let mut methods: Vec<_> = Attach::ALL.into_iter().filter(|attach| args.narrow.attach.contains(attach)).collect();
        if methods.is_empty() {
            methods.extend(Attach::ALL);
        }
        let mut series: Vec<_> = guests.iter().map(|guest| guest.series.clone()).collect();
        series.dedup();
        // Those of another architecture come with its libraries.
        let tools = TOOLS.iter().filter(|_| arch.is_here());
        let packages = tools.map(|(package, program)| Package((*package).to_owned(), (*program).to_owned())).collect();
        setup::ensure(&Needs { packages, ..Needs::test(arch, &series) })?;
        ebpf::build(arch)?;
        ui::step("build the agent and the suite's program");
        let programs = test::programs(arch)?;
        let program = find(&programs, PROGRAM)?;
        // Some of its processes are other users', who may not look into root's home.
        let mut words = format!("chmod 711 /root; '{}'", program.display());
        if !args.narrow.only.is_empty() {
            words.push_str(" --only ");
            words.push_str(&args.narrow.only.join(","));
        }
        let agent = find(&programs, "koney-agent")?.display().to_string();
        let env = [("KONEY_AGENT", agent), ("RUST_BACKTRACE", "1".to_owned())];
        Ok(Self {
            methods,
            programs,
            words,
            env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            whole: args.narrow.only.is_empty(),
        })
    }

    /// Boots a guest, runs the program in it by each method, and judges what it said.
    fn boot(&self, args: &VmArgs, guest: &Guest) -> Result<Vec<judge::Result>> {
        let name = guest.name();
        ui::step(&format!("evasion suite in {name}"));
        let config = kernel::get(guest.arch, &guest.series)?.config.map(fs::read_to_string).transpose();
        let config = config.with_context(|| format!("cannot read the configuration of kernel {}", guest.series))?;
        let log = report::folder().join("evasion").join(format!("{name}.log"));
        let mut console = create(&log)?;
        let mut transcript = Transcript::default();
        let mut results = Vec::new();
        let verdict = vm::run(&self.spec(args, guest)?, &mut |line| {
            // The log helps to find a cause; the verdict does not hang on it.
            writeln!(console, "{line}").ok();
            if let Some(said) = transcript.feed(line)
                && let Some(facts) = transcript.answers.facts(guest.arch, config.as_deref())
            {
                results.push(self.told(said, &facts));
            }
        });

        let facts = transcript.answers.facts(guest.arch, config.as_deref());
        if let Some(facts) = &facts {
            let unfinished = transcript.said.iter().filter(|said| said.status.is_none());
            results.extend(unfinished.map(|said| self.told(said.clone(), facts)));
        }
        let mut problems = match verdict {
            Ok(Verdict::Exited(0)) => Vec::new(),
            Ok(verdict) => vec![verdict.to_string()],
            Err(error) => vec![format!("{error:#}")],
        };
        if facts.is_none() {
            problems.push("the guest did not tell its kernel's version".to_owned());
        }
        let silent = judge::silent(&transcript, &self.methods);
        problems.extend(silent.iter().map(|attach| format!("{} was not tried", attach.name())));
        if !problems.is_empty() {
            let result = judge::Result { place: format!("guest {name}"), rows: Vec::new(), lacks: None, problems };
            show(&result);
            results.push(result);
        }
        if results.iter().any(|result| result.counts().failed > 0) {
            ui::note(&format!("what {name} said: {}", log.display()));
        }
        Ok(results)
    }

    fn told(&self, said: transcript::Said, facts: &facts::Facts) -> judge::Result {
        let result = judge::said(said, facts, self.whole);
        show(&result);
        result
    }

    fn spec(&self, args: &VmArgs, guest: &Guest) -> Result<Spec> {
        let script = facts::script() + &transcript::script(&self.words, &self.methods);
        let mut spec = Spec::new(guest.arch, &guest.series, ["sh", "-c", &script].map(str::to_owned).to_vec());
        spec.variant = guest.variant;
        spec.memory_mib = MEMORY_MIB;
        spec.timeout = TIMEOUT;
        spec.modules = MODULES.to_vec();
        spec.programs.extend(self.programs.iter().cloned());
        spec.tools.extend(TOOLS.iter().map(|(_, program)| *program));
        spec.env.clone_from(&self.env);
        spec.adopt(args)?;
        Ok(spec)
    }
}

/// One line of progress, and each failure.
fn show(result: &judge::Result) {
    let lacks = result.lacks.as_ref().map_or_else(String::new, |reason| format!("; the kernel lacks it: {reason}"));
    let Counts { passed, failed, skipped } = result.counts();
    ui::line(&format!("{}: {passed} hold, {failed} failed, {skipped} skipped{lacks}", result.place));
    for failure in result.failures() {
        ui::line(&format!("  FAILED {failure}"));
    }
}

/// The program of that name among those of the workspace.
pub(crate) fn find(programs: &[PathBuf], name: &str) -> Result<PathBuf> {
    let found = programs.iter().find(|program| program.file_name().is_some_and(|have| have == name));
    found.cloned().with_context(|| format!("the workspace has no program {name}"))
}

fn create(path: &Path) -> Result<fs::File> {
    let folder = path.parent().context("a report has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))
}
