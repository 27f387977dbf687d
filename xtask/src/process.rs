//! Child processes whose failure names the command that failed.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// A command that does not outlive this program, however that ends.
pub(crate) fn mortal(program: &str) -> Command {
    match find("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", program]);
            command
        }
        None => Command::new(program),
    }
}

/// Runs a command with its output on our stderr: progress, not a result.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::from(io::stderr()))
        .status()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !status.success() {
        bail!("{} failed with {status}", describe(command));
    }
    Ok(())
}

/// Runs a command and gives its standard output.
pub(crate) fn stdout(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed with {}: {}", describe(command), output.status, stderr.trim());
    }
    Ok(output.stdout)
}

/// Like [`stdout`], as text.
pub(crate) fn text(command: &mut Command) -> Result<String> {
    let bytes = stdout(command)?;
    String::from_utf8(bytes).with_context(|| format!("output of {} is not text", describe(command)))
}

/// The command as one would type it.
pub(crate) fn describe(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Finds a program by name in `PATH` and in the administrator's folders, which an ordinary user's `PATH` lacks.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Whether `file`, an absolute path or a program's name, is on this machine.
pub(crate) fn exists(file: &str) -> bool {
    if file.starts_with('/') { Path::new(file).exists() } else { find(file).is_some() }
}
