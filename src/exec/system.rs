//! System calls that no safe wrapper covers: descriptors that are known by their number.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

/// The number under which a child finds the events pipe.
pub const EVENTS_FD: RawFd = 3;

/// The number under which the writer finds the lock of the output folder.
pub const LOCK_FD: RawFd = 4;

/// Makes the child find `events` as [`EVENTS_FD`] and `lock`, if there is one, as [`LOCK_FD`].
/// Both have to stay open until the child was spawned.
pub(super) fn hand(command: &mut Command, events: BorrowedFd<'_>, lock: Option<BorrowedFd<'_>>) {
    let given = [Some(events), lock].map(|fd| fd.map(|fd| fd.as_raw_fd()));
    let hand = move || {
        // Out of the way first: one of them may have the number that the other is to get.
        let mut aside = [None, None];
        for (fd, aside) in given.iter().zip(&mut aside) {
            if let Some(fd) = fd {
                // SAFETY: the number is that of a descriptor that the parent holds open.
                let fd = unsafe { BorrowedFd::borrow_raw(*fd) };
                *aside = Some(fcntl_dupfd_cloexec(fd, LOCK_FD + 1)?);
            }
        }
        for (fd, number) in aside.iter().zip([EVENTS_FD, LOCK_FD]) {
            let Some(fd) = fd else { continue };
            // SAFETY: two integers. Whatever had the number in this child was to be closed by
            // exec: Rust opens everything with CLOEXEC.
            if unsafe { libc::dup2(fd.as_raw_fd(), number) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are made (fcntl, dup2,
    // close); nothing is allocated or locked, errors included.
    unsafe { command.pre_exec(hand) };
}

/// A copy of a descriptor that was inherited under a number. The original is marked to be
/// closed by exec, so that no program started from here holds it.
///
/// # Errors
/// When there is no such descriptor.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
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
