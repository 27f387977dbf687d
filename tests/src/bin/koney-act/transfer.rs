//! Taking content without a read, and giving descriptors away.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{IoSlice, IoSliceMut, Read as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use rustix::{
    fs::{copy_file_range, ioctl_ficlone, sendfile},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg,
        sendmsg,
    },
    pipe::{SpliceFlags, pipe, splice},
};

use crate::steps::{Act, Hands, myself, path};

const SOME: usize = 4096;

pub(crate) const ACTS: &[(&str, Act)] = &[
    ("splice", |arguments, _| {
        let (_reader, writer) = pipe()?;
        let moved = splice(File::open(path(arguments, 0)?)?, None, &writer, None, SOME, SpliceFlags::empty())?;
        ensure!(moved > 0, "nothing was spliced");
        Ok(())
    }),
    ("sendfile", |arguments, _| {
        let (_reader, writer) = UnixStream::pair()?;
        ensure!(sendfile(&writer, File::open(path(arguments, 0)?)?, None, SOME)? > 0, "nothing was sent");
        Ok(())
    }),
    ("copy-range", |arguments, _| {
        let copied = copy_file_range(File::open(path(arguments, 0)?)?, None, copy(path(arguments, 1)?)?, None, SOME)?;
        ensure!(copied > 0, "nothing was copied");
        Ok(())
    }),
    ("reflink", |arguments, _| Ok(ioctl_ficlone(copy(path(arguments, 1)?)?, File::open(path(arguments, 0)?)?)?)),
    ("give", give),
    ("take", take),
];

fn copy(path: &std::ffi::OsStr) -> Result<File> {
    Ok(OpenOptions::new().write(true).create(true).truncate(true).open(path)?)
}

/// Opens a file and gives the descriptor to another process, which reads it.
fn give(arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut taker = myself(&[vec!["take".into()]])?.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).spawn()?;
    let file = File::open(path(arguments, 0)?)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let file = [file.as_fd()];
    ensure!(control.push(SendAncillaryMessage::ScmRights(&file)), "there is no room for a descriptor");
    sendmsg(&ours, &[IoSlice::new(b"x")], &mut control, SendFlags::empty())?;
    drop(ours);
    let status = taker.wait()?;
    ensure!(status.success(), "the other process ended with {status}");
    Ok(())
}

/// Reads from the descriptor that comes in by standard input.
fn take(_arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(std::io::stdin().as_fd(), &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty())?;
    let mut fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let file = fds.next().and_then(|mut fds| fds.next()).context("no descriptor came")?;
    let mut content = Vec::new();
    ensure!(File::from(file).read_to_end(&mut content)? > 0, "nothing was read");
    Ok(())
}
