//! What a scenario expects to be told.

use crate::container::{Place, Process};

/// A trap that is wanted.
#[derive(Clone, Debug)]
pub struct Trap {
    /// The policy's name.
    pub policy: String,
    /// Whose it is.
    pub place: Place,
    /// The policy's `filePath`.
    pub path: String,
}

/// One alert that is expected.
#[derive(Clone, Debug)]
pub struct Want {
    pub(super) policy: String,
    pub(super) path: String,
    pub(super) owner: Option<String>,
    pub(super) operations: Vec<&'static str>,
    pub(super) check: Option<&'static str>,
    pub(super) accessor: Accessor,
    pub(super) pid: Option<u32>,
    pub(super) binary: Option<String>,
    pub(super) arguments: Option<Vec<String>>,
    pub(super) cwd: Option<String>,
    /// It may stay away.
    pub(super) optional: bool,
    /// The process has ended: fanotify may know no more than its number.
    pub(super) gone: bool,
    pub(super) fanotify: bool,
}

/// Where the process belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Accessor {
    Anywhere,
    At(Option<String>),
}

impl Trap {
    /// An open for reading.
    #[must_use]
    pub fn open(&self) -> Want {
        self.act("open")
    }

    /// Any operation.
    #[must_use]
    pub fn act(&self, operation: &'static str) -> Want {
        Want {
            policy: self.policy.clone(),
            path: self.path.clone(),
            owner: self.place.id().map(str::to_owned),
            operations: vec![operation],
            check: None,
            accessor: Accessor::Anywhere,
            pid: None,
            binary: None,
            arguments: None,
            cwd: None,
            optional: false,
            gone: false,
            fanotify: ["open", "write", "exec", "held"].contains(&operation),
        }
    }
}

impl Want {
    /// By this process, which is told in full.
    #[must_use]
    pub fn by(mut self, process: &Process) -> Self {
        self.accessor = Accessor::At(process.container.clone());
        self.pid = Some(process.pid);
        self.binary = Some(process.binary.clone());
        self.arguments = Some(process.words.iter().map(|word| word.to_string_lossy().into_owned()).collect());
        self.cwd = Some(process.cwd.clone());
        self
    }

    /// By a process of this container, or of the host.
    #[must_use]
    pub fn from(mut self, container: Option<&str>) -> Self {
        self.accessor = Accessor::At(container.map(str::to_owned));
        self
    }

    /// The process has changed its folder.
    #[must_use]
    pub fn cwd(mut self, cwd: &str) -> Self {
        self.cwd = Some(cwd.to_owned());
        self
    }

    /// The process is known by this executable.
    #[must_use]
    pub fn binary(mut self, binary: &str) -> Self {
        self.binary = Some(binary.to_owned());
        self
    }

    /// Where the process stands after it has changed its root is its own affair.
    #[must_use]
    pub fn moved(mut self) -> Self {
        (self.binary, self.cwd) = (None, None);
        self
    }

    /// Only the process's number counts.
    #[must_use]
    pub fn bare(mut self) -> Self {
        (self.binary, self.arguments, self.cwd) = (None, None, None);
        self
    }

    /// The arguments are not compared here.
    #[must_use]
    pub fn whatever_arguments(mut self) -> Self {
        self.arguments = None;
        self
    }

    /// The process is not known beforehand.
    #[must_use]
    pub fn whoever(mut self) -> Self {
        self.pid = None;
        self.bare()
    }

    /// Recognised by its device and inode.
    #[must_use]
    pub fn by_identity(mut self) -> Self {
        self.check = Some("identity");
        self
    }

    /// Recognised by its name, before it was armed: fanotify does not.
    #[must_use]
    pub fn by_name(mut self) -> Self {
        self.check = Some("name");
        self.unseen_by_fanotify()
    }

    /// Or this operation: the kernel's hooks see it both ways.
    #[must_use]
    pub fn or(mut self, operation: &'static str) -> Self {
        self.operations.push(operation);
        self
    }

    /// It may stay away.
    #[must_use]
    pub fn maybe(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The process has ended since.
    #[must_use]
    pub fn gone(mut self) -> Self {
        self.gone = true;
        self
    }

    /// fanotify has no event for it.
    #[must_use]
    pub fn unseen_by_fanotify(mut self) -> Self {
        self.fanotify = false;
        self
    }

    /// What is left of it where fanotify keeps watch: opens of marked files, whatever they were for, and older descriptors.
    pub(super) fn in_fanotify(mut self) -> Option<Self> {
        if !self.fanotify {
            return None;
        }
        if self.operations != ["held"] {
            self.operations = vec!["open"];
        }
        self.check = Some("identity");
        if self.gone {
            self = self.bare();
            self.accessor = Accessor::Anywhere;
        }
        Some(self)
    }
}
