//! A detector in the running kernel, for tests that look at what it sees.

use std::{
    fs,
    io::{self, Write as _},
    mem::offset_of,
    path::Path,
    thread,
};

use aya::maps::{Array, Map, MapData, loaded_maps};
use koney_agent::{
    event::{Observation, decode},
    kernel::{Choice, Detector, Job, KernelError, Method, Options, Ring, Rings, Root, is_canary},
};
use koney_common::{Gate, NameKey, TrapKey};

/// A detector that is attached by one method.
pub struct Sight {
    /// The detector.
    pub detector: Detector,
    rings: Rings,
    method: Method,
    armed: u32,
}

impl Sight {
    /// Attaches by `method`.
    ///
    /// `None`, said aloud for the test run to count, only where the kernel truly lacks the method; a failure anywhere else panics.
    #[must_use]
    pub fn by(method: Method, throttle: bool, changes: bool, test: &str) -> Option<Self> {
        match Detector::start(Options { attach: Choice::Only(method), diagnostics: false, throttle, changes }) {
            Ok((detector, rings)) => Some(Self { detector, rings, method, armed: 0 }),
            Err(error @ KernelError::NoMethod(_)) if method == Method::Lsm && lacks_bpf_lsm() => {
                let line = format!("koney-skip: {test}: no bpf in this kernel's lsm= list: {error}\n");
                // Past libtest's capture: the test run reads the guest's console.
                io::stdout().write_all(line.as_bytes()).expect("the console takes a line");
                None
            }
            Err(error) => panic!("{method} must work on this kernel: {error}"),
        }
    }

    /// Arms a file and gives its keys; the trap's number is the how-manieth it is.
    pub async fn arm(&mut self, path: &Path) -> Vec<TrapKey> {
        self.armed += 1;
        let jobs = vec![Job { trap: self.armed, root: Root::Own, path: path.to_owned(), known: None }];
        let armed = self.detector.pool().arm(jobs).await.remove(0).expect("the decoy exists and is armed");
        armed.keys.iter().map(|armed| armed.key).collect()
    }

    /// Makes these the names of decoys.
    pub fn name(&self, names: &[&str]) {
        let names = names.iter().map(|name| NameKey::new(name.as_bytes()).expect("a name")).collect();
        self.detector.pool().name(&names).expect("the kernel takes the names");
    }

    /// Makes every file look as if it were armed, until the tables are asked.
    pub fn take_every_slot(&self) {
        let taker = thread::Builder::new().stack_size(STACK).spawn(take_every_slot).expect("a thread");
        taker.join().expect("the slots are taken");
    }

    /// Everything seen of armed files since the last look, the canary left out.
    pub fn seen(&mut self) -> Vec<Observation> {
        let mut seen = drained(&mut self.rings.records);
        seen.retain(|observation| !is_canary(observation.trap));
        seen
    }

    /// Everything seen of files with a decoy's name since the last look.
    pub fn candidates(&mut self) -> Vec<Observation> {
        drained(&mut self.rings.candidates)
    }

    /// Attaches anew, as the agent does when its canary stays away.
    pub fn reattach(&mut self) {
        let again = self.detector.reattach(Choice::Only(self.method), &mut self.rings.records, |_record| {});
        again.expect("what fired once fires again");
    }

    /// The one access since the last look.
    pub fn one(&mut self, what: &str) -> Observation {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{what}: {seen:#?}");
        seen.remove(0)
    }
}

fn drained(ring: &mut Ring) -> Vec<Observation> {
    let mut seen = Vec::new();
    ring.drain(usize::MAX, |record| seen.push(decode(record).expect("the kernel's record decodes")));
    ring.publish();
    seen
}

/// As large as the value, which is more than a test's thread has room for several times.
const STACK: usize = 64 << 20;

/// Overwrites every key's slot of every gate in this kernel.
fn take_every_slot() {
    type Value = [u8; size_of::<Gate>()];
    let gates = loaded_maps().map(|map| map.expect("a map")).filter(|map| map.name_as_str() == Some("GATE"));
    let mut taken = 0;
    for gate in gates {
        let data = MapData::from_id(gate.id()).expect("the gate is there");
        let mut gate = Array::<_, Value>::try_from(Map::Array(data)).expect("an array of one value");
        let mut value = gate.get(&0, 0).expect("it is readable");
        value[offset_of!(Gate, slots)..offset_of!(Gate, threads)].fill(1);
        gate.set(0, value, 0).expect("it is writable");
        taken += 1;
    }
    assert!(taken > 0, "no gate is loaded");
}

/// The kernel itself says so: a list that cannot be read excuses nothing.
fn lacks_bpf_lsm() -> bool {
    fs::read_to_string("/sys/kernel/security/lsm").is_ok_and(|list| list.split(',').all(|name| name.trim() != "bpf"))
}

/// Makes one ignored test per attach method of an `async fn(&mut Sight)`; `throttled:` before the names has repeats counted, `changes:`
/// has changes of decoys watched, which takes longer to load.
#[macro_export]
macro_rules! by_each_method {
    (throttled: $($test:ident),+ $(,)?) => {
        $crate::by_each_method!(@all true, false, $($test),+);
    };
    (changes: $($test:ident),+ $(,)?) => {
        $crate::by_each_method!(@all false, true, $($test),+);
    };
    ($($test:ident),+ $(,)?) => {
        $crate::by_each_method!(@all false, false, $($test),+);
    };
    (@all $throttle:literal, $changes:literal, $($test:ident),+) => {
        mod lsm {
            $($crate::by_each_method!(@one $test, Lsm, $throttle, $changes);)+
        }
        mod fentry {
            $($crate::by_each_method!(@one $test, Fentry, $throttle, $changes);)+
        }
        mod kprobe {
            $($crate::by_each_method!(@one $test, Kprobe, $throttle, $changes);)+
        }
    };
    (@one $test:ident, $method:ident, $throttle:literal, $changes:literal) => {
        #[tokio::test]
        #[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
        async fn $test() {
            let name = concat!(module_path!(), "::", stringify!($test));
            if let Some(mut sight) = $crate::kernel::Sight::by(koney_agent::kernel::Method::$method, $throttle, $changes, name) {
                super::$test(&mut sight).await;
            }
        }
    };
}
