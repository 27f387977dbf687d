//! The guest's whole file system, as the archive that the kernel unpacks at boot.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::BufWriter,
    os::unix::fs::PermissionsExt as _,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use super::{cpio::Writer, kernel::Kernel, libraries, modules, spec::Spec, strip::stripped, tools};
use crate::{arch::Arch, cli::Variant};

/// What becomes of a path in the guest.
enum Node {
    Text { content: String, mode: u32 },
    Bytes(Vec<u8>),
    Host(PathBuf),
    Link(String),
    Folder { mode: u32 },
}

/// Writes the archive for `spec` to `path`.
pub(crate) fn write(path: &Path, spec: &Spec, kernel: &Kernel, nonce: &str) -> Result<()> {
    let mut tree = Tree::default();
    tree.skeleton(spec.arch, nonce)?;
    tree.instructions(spec, kernel, nonce)?;
    for name in &spec.tools {
        // In its own folder: busybox has many of the names too, and is found first in any other.
        let folder = if tools::is_for_root(spec.arch, name)? { "/usr/sbin" } else { "/usr/bin" };
        tree.tool(spec.arch, name, &format!("{folder}/{name}"))?;
    }
    for program in &spec.programs {
        tree.program(program)?;
    }
    for (source, dest) in &spec.files {
        tree.copy(source, dest)?;
    }
    let file = fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    tree.archive(BufWriter::new(file)).with_context(|| format!("cannot write {}", path.display()))
}

/// Guest paths, without the leading slash, in an order in which parents come first.
#[derive(Default)]
struct Tree(BTreeMap<String, Node>);

impl Tree {
    /// What every guest has.
    fn skeleton(&mut self, arch: Arch, nonce: &str) -> Result<()> {
        for (folder, mode) in [
            ("usr/bin", 0o755),
            ("usr/sbin", 0o755),
            ("usr/lib", 0o755),
            ("usr/lib64", 0o755),
            ("root", 0o700),
            ("home", 0o755),
            ("var", 0o755),
            ("tmp", 0o1777),
            ("run", 0o755),
            ("dev", 0o755),
            ("proc", 0o755),
            ("sys", 0o755),
            ("mnt", 0o755),
        ] {
            self.insert(Path::new(folder), Node::Folder { mode })?;
        }
        for name in ["bin", "sbin", "lib", "lib64"] {
            self.0.insert(name.to_owned(), Node::Link(format!("usr/{name}")));
        }
        let text = |content: &str| Node::Text { content: content.to_owned(), mode: 0o644 };
        self.insert(Path::new("etc/passwd"), text(
            "root:x:0:0:root:/root:/bin/sh\nkoney:x:1000:1000:koney:/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        ))?;
        self.insert(Path::new("etc/group"), text("root:x:0:\nkoney:x:1000:\nnogroup:x:65534:\n"))?;
        self.insert(Path::new("etc/hosts"), text("127.0.0.1 localhost koney-vm\n::1 localhost\n"))?;
        self.insert(Path::new("etc/hostname"), text("koney-vm\n"))?;
        self.insert(Path::new("etc/machine-id"), text(&format!("{nonce}\n")))?;
        self.tool(arch, "busybox", "/usr/bin/busybox")?;
        // busybox's shell prefers its own applets to real programs, which are what the tests are about.
        self.tool(arch, "dash", "/bin/sh")
    }

    /// What the guest's process 1 is told.
    fn instructions(&mut self, spec: &Spec, kernel: &Kernel, nonce: &str) -> Result<()> {
        let text = |content: String| Node::Text { content, mode: 0o600 };
        self.insert(Path::new("init"), Node::Text { content: include_str!("init.sh").to_owned(), mode: 0o755 })?;
        self.insert(Path::new("koney/nonce"), text(format!("{nonce}\n")))?;
        let cgroup = if spec.variant == Variant::CgroupV1 { "v1\n" } else { "v2\n" };
        self.insert(Path::new("koney/cgroup"), text(cgroup.to_owned()))?;
        let command = Node::Text { content: script(&spec.env, &spec.command), mode: 0o700 };
        self.insert(Path::new("koney/command"), command)?;
        let mut list = String::new();
        for (name, content) in modules::load_order(kernel, &spec.modules)? {
            list.push_str(&name);
            list.push('\n');
            self.insert(&Path::new("koney/modules").join(format!("{name}.ko")), Node::Bytes(content))?;
        }
        self.insert(Path::new("koney/modules.list"), text(list))
    }

    /// A program of the host with its libraries, each at its own path.
    fn program(&mut self, program: &Path) -> Result<()> {
        self.host(program, program)?;
        for library in libraries::of(program)? {
            self.host(&library, &library)?;
        }
        Ok(())
    }

    /// A program of the distribution with its libraries, at `dest`.
    fn tool(&mut self, arch: Arch, name: &str, dest: &str) -> Result<()> {
        let tools::Tool { program, libraries } = tools::find(arch, name)?;
        for (source, dest) in libraries {
            self.host(&dest, &source)?;
        }
        self.host(Path::new(dest), &program)
    }

    /// A file or a folder of the host, elsewhere in the guest.
    fn copy(&mut self, source: &Path, dest: &Path) -> Result<()> {
        let kind = fs::symlink_metadata(source).with_context(|| format!("cannot read {}", source.display()))?;
        if kind.is_symlink() {
            let to = fs::read_link(source).with_context(|| format!("cannot read {}", source.display()))?;
            return self.insert(dest, Node::Link(to.to_string_lossy().into_owned()));
        }
        if !kind.is_dir() {
            return self.host(dest, source);
        }
        self.insert(dest, Node::Folder { mode: kind.permissions().mode() & 0o7777 })?;
        for entry in fs::read_dir(source).with_context(|| format!("cannot list {}", source.display()))? {
            let entry = entry.with_context(|| format!("cannot list {}", source.display()))?;
            self.copy(&entry.path(), &dest.join(entry.file_name()))?;
        }
        Ok(())
    }

    fn host(&mut self, dest: &Path, source: &Path) -> Result<()> {
        self.insert(dest, Node::Host(stripped(source)?))
    }

    fn insert(&mut self, dest: &Path, node: Node) -> Result<()> {
        self.0.insert(place(dest)?, node);
        Ok(())
    }

    fn archive(&self, out: impl std::io::Write) -> Result<()> {
        let mut writer = Writer::new(out);
        let mut written = BTreeSet::new();
        for (path, node) in &self.0 {
            for (end, _) in path.match_indices('/') {
                let (parent, _) = path.split_at(end);
                if !self.0.contains_key(parent) && written.insert(parent) {
                    writer.folder(parent, 0o755)?;
                }
            }
            match node {
                Node::Folder { mode } => writer.folder(path, *mode)?,
                Node::Link(to) => writer.link(path, to)?,
                Node::Text { content, mode } => writer.file(path, *mode, content.as_bytes())?,
                Node::Bytes(content) => writer.file(path, 0o644, content)?,
                Node::Host(source) => {
                    let content = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
                    writer.file(path, fs::metadata(source)?.permissions().mode() & 0o7777, &content)?;
                }
            }
        }
        writer.finish()?.flush()?;
        Ok(())
    }
}

/// A guest path without the leading slash; the four folders that are links in the guest are followed.
fn place(path: &Path) -> Result<String> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => parts.push(name.to_str().with_context(|| format!("{} is not text", path.display()))?),
            Component::ParentDir | Component::Prefix(_) => bail!("{} leads out of the guest", path.display()),
        }
    }
    if parts.len() > 1 && ["bin", "sbin", "lib", "lib64"].contains(&parts[0]) {
        parts.insert(0, "usr");
    }
    Ok(parts.join("/"))
}

/// The command as a script, with its environment.
fn script(env: &[(String, String)], command: &[String]) -> String {
    let quote = |word: &str| format!("'{}'", word.replace('\'', r"'\''"));
    let exports = env.iter().map(|(name, value)| format!("export {name}={}", quote(value)));
    let words: Vec<_> = command.iter().map(|word| quote(word)).collect();
    let lines = ["#!/bin/sh".to_owned()].into_iter().chain(exports).chain([format!("exec {}", words.join(" "))]);
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_folders_are_one_place() {
        let place = |path: &str| place(Path::new(path)).expect("valid");
        assert_eq!(place("/lib64/ld-linux-x86-64.so.2"), "usr/lib64/ld-linux-x86-64.so.2");
        assert_eq!(place("/usr/lib/x"), "usr/lib/x");
        assert_eq!(place("/bin"), "bin");
        assert!(super::place(Path::new("/a/../../b")).is_err());
    }

    #[test]
    fn words_reach_the_guest_as_they_are() {
        let env = [("A".to_owned(), "it's".to_owned())];
        let command = ["sh", "-c", "echo \"$A\""].map(str::to_owned);
        assert_eq!(script(&env, &command), "#!/bin/sh\nexport A='it'\\''s'\nexec 'sh' '-c' 'echo \"$A\"'\n");
    }

    #[test]
    fn parents_come_before_their_children() {
        let mut tree = Tree::default();
        tree.insert(Path::new("/a/b/c"), Node::Bytes(Vec::new())).expect("valid");
        tree.insert(Path::new("/a/b/d"), Node::Bytes(Vec::new())).expect("valid");
        let mut bytes = Vec::new();
        tree.archive(&mut bytes).expect("memory");
        let text = String::from_utf8_lossy(&bytes);
        let at = |name: &str| text.find(name).expect("in the archive");
        assert!(at("a\0") < at("a/b\0") && at("a/b\0") < at("a/b/c\0"));
        assert_eq!(text.matches("a/b\0").count(), 1);
    }
}
