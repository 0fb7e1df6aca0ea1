//! Access to the embedded validator's memory from any thread, async or not.
//!
//! The validator's lock parks the calling thread, which its own code may do only on threads that
//! are allowed to block. Callers here are tests, command-line tools and servers on whichever
//! runtime they chose, so the lock is taken where blocking is always legal.

use std::{fmt, panic::resume_unwind, thread};

use surfpool_core::surfnet::{locker::SurfnetSvmLocker, svm::SurfnetSvm};
use tokio::runtime::{Handle, RuntimeFlavor};

/// A handle to the chain's state; clones share the same chain.
#[derive(Clone)]
pub(crate) struct ChainState {
    locker: SurfnetSvmLocker,
}

impl ChainState {
    pub fn new(locker: SurfnetSvmLocker) -> Self {
        Self { locker }
    }

    /// Looks at the state between two transactions.
    pub fn read<T: Send>(&self, reader: impl FnOnce(&SurfnetSvm) -> T + Send + Sync) -> T {
        where_blocking_is_legal(|| self.locker.with_svm_reader(reader))
    }

    /// Changes the state between two transactions.
    pub fn write<T: Send + 'static>(
        &self,
        writer: impl FnOnce(&mut SurfnetSvm) -> T + Send + Sync,
    ) -> T {
        where_blocking_is_legal(|| self.locker.with_svm_writer(writer))
    }
}

impl fmt::Debug for ChainState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ChainState")
    }
}

/// A single-threaded runtime forbids blocking on its only thread: borrow another for the moment.
fn where_blocking_is_legal<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let single_threaded = Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread);
    if !single_threaded {
        return work();
    }
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(value) => value,
        Err(panic) => resume_unwind(panic),
    })
}
