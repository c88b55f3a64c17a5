//! System calls that no safe wrapper covers: what a child does between fork and exec, and a
//! descriptor that is known by its number.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::Signal;

/// The number under which a child finds the events pipe.
pub const EVENTS_FD: RawFd = 3;

/// Makes the child get `signal` when the calling thread dies, and find `events` as
/// [`EVENTS_FD`]. `events` has to stay open until the child was spawned.
pub(super) fn tie(command: &mut Command, signal: Signal, events: &OwnedFd) {
    let (parent, events) = (rustix::process::getpid(), events.as_raw_fd());
    let tie = move || {
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        #[cfg(not(target_os = "linux"))]
        let _ = signal;
        // It may have died before that call; then no signal would ever come.
        if rustix::process::getppid() != Some(parent) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        if events == EVENTS_FD {
            // SAFETY: the number is that of `events`, which the parent holds open.
            let fd = unsafe { BorrowedFd::borrow_raw(events) };
            return Ok(fcntl_setfd(fd, FdFlags::empty())?);
        }
        // SAFETY: two integers. Whatever had the number in this child was to be closed by
        // exec: Rust opens everything with CLOEXEC.
        match unsafe { libc::dup2(events, EVENTS_FD) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are made (prctl, getppid,
    // dup2, fcntl); nothing is allocated or locked, errors included.
    unsafe { command.pre_exec(tie) };
}

/// A copy of a descriptor that was inherited under a number. The original is marked to be
/// closed by exec, so that no program started from here holds it.
pub(super) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: only looked at and duplicated; a number that is not open is an error of the
    // calls below, and nothing is closed.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_setfd(fd, FdFlags::CLOEXEC)?;
    fd.try_clone_to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn an_inherited_number_is_copied() {
        let (from, to) = rustix::pipe::pipe().unwrap();
        File::from(inherited(to.as_raw_fd()).unwrap()).write_all(b"x").unwrap();
        drop(to);
        let mut text = String::new();
        File::from(from).read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        assert!(inherited(9999).is_err() && inherited(-1).is_err());
    }
}
