//! What a child process is told before it becomes another program: to die with its parent.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::Signal;

/// Makes the child get `signal` when the calling thread dies, so the thread has to outlive the
/// child. Only Linux has this; elsewhere the end of its pipes has to be enough.
pub(crate) fn tie(command: &mut Command, signal: Signal) {
    let parent = rustix::process::getpid();
    let tie = move || {
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        #[cfg(not(target_os = "linux"))]
        let _ = signal;
        // It may have died before that call; then no signal would ever come.
        if rustix::process::getppid() != Some(parent) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are made (prctl, getppid);
    // nothing is allocated or locked, errors included.
    unsafe { command.pre_exec(tie) };
}
