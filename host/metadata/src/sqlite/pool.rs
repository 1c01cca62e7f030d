//! A few read-only connections to one file, each of which sees the last commit.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callfs_model::error::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::coop::consume_budget;
use tokio::time::timeout;

use super::failure::failed;
use super::file::{BUSY, blocking, reader};
use crate::queue::closed;

/// Reads that run at once.
const READERS: u32 = 8;
/// How long a read waits for its turn.
const WAIT: Duration = Duration::from_secs(10);

/// What reads one file; a clone reads the same.
#[derive(Clone)]
pub(crate) struct ReadPool {
    file: Arc<Path>,
    /// Open, and in no use. The lock is held for a push or a pop alone.
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl ReadPool {
    pub(crate) fn open(file: &Path) -> rusqlite::Result<Self> {
        let first = reader(file)?;
        Ok(Self {
            file: file.into(),
            idle: Arc::new(Mutex::new(vec![first])),
            turns: Arc::new(Semaphore::new(READERS as usize)),
        })
    }

    /// A read of a row or two, which takes less than to have another thread do it: it is done here
    /// if a connection is idle and nothing is in its way.
    pub(crate) async fn glance<T: Send + 'static>(
        &self,
        read: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        // Nothing here waits for anything, and a task that reads in a loop has to let others run.
        consume_budget().await;
        if let Ok(turn) = self.turns.clone().try_acquire_owned() {
            let idle = self.idle().pop();
            if let Some(connection) = idle {
                match self.lend(turn, connection, Duration::ZERO, &read) {
                    Err(cause) if cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
                    outcome => return outcome.map_err(failed),
                }
            }
        }
        self.read(read).await
    }

    /// A read of any length, on a thread that may wait for it.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let overloaded = |_| {
            let message = "the metadata store is overloaded";
            Error::new(ErrorKind::BackendUnavailable, message)
        };
        let turn = timeout(WAIT, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(overloaded)?.map_err(|_| closed())?;
        let pool = self.clone();
        let work = move || {
            let idle = pool.idle().pop();
            let connection = idle.map_or_else(|| reader(&pool.file), Ok)?;
            pool.lend(turn, connection, BUSY, read)
        };
        blocking(work).await?.map_err(failed)
    }

    /// Waits for reads that run, and takes no more.
    pub(crate) async fn close(&self) {
        // Fails if it was closed before.
        let _turns = self.turns.acquire_many(READERS).await;
        self.turns.close();
        self.idle().clear();
    }

    /// A read through a connection that is idle again before its turn is over.
    fn lend<T>(
        &self,
        _turn: OwnedSemaphorePermit,
        connection: Connection,
        patience: Duration,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        connection.busy_timeout(patience)?;
        let outcome = read(&connection);
        self.idle().push(connection);
        outcome
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    const THREAD: fn(&Connection) -> rusqlite::Result<thread::ThreadId> = |connection| {
        connection.query_row("SELECT count(*) FROM numbers", [], |_| Ok(()))?;
        Ok(thread::current().id())
    };

    /// A pool, and a connection that writes to its file.
    fn pool(folder: &tempfile::TempDir) -> (ReadPool, Connection) {
        let file = folder.path().join("numbers.db");
        let writer = Connection::open(&file).expect("made");
        writer
            .execute_batch("CREATE TABLE numbers (number INTEGER)")
            .expect("made");
        (ReadPool::open(&file).expect("opened"), writer)
    }

    #[tokio::test]
    async fn a_glance_is_done_here_unless_it_had_to_wait() {
        let folder = tempfile::tempdir().expect("a folder");
        let (pool, writer) = pool(&folder);
        let here = thread::current().id();
        assert_eq!(pool.glance(THREAD).await.expect("read"), here);
        assert_ne!(pool.read(THREAD).await.expect("read"), here);

        writer.execute_batch("BEGIN EXCLUSIVE").expect("locked");
        let unlock = blocking(move || {
            thread::sleep(Duration::from_millis(50));
            writer.execute_batch("COMMIT")
        });
        let (read, unlocked) = tokio::join!(pool.glance(THREAD), unlock);
        unlocked.expect("joined").expect("unlocked");
        assert_ne!(read.expect("read"), here);
        assert_eq!(pool.glance(THREAD).await.expect("read"), here);
    }

    #[tokio::test]
    async fn tasks_that_glance_in_a_loop_let_others_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let (pool, _writer) = pool(&folder);
        let other = tokio::spawn(tokio::task::yield_now());
        while !other.is_finished() {
            pool.glance(THREAD).await.expect("read");
        }
    }

    #[tokio::test]
    async fn a_read_waits_for_its_turn_and_closing_for_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let (pool, _writer) = pool(&folder);
        let end = Arc::new(Barrier::new(READERS as usize + 1));
        let read = || {
            let end = end.clone();
            let pool = pool.clone();
            tokio::spawn(async move {
                let read = pool.read(move |connection| {
                    end.wait();
                    THREAD(connection)
                });
                read.await
            })
        };
        let reads: Vec<_> = (0..READERS).map(|_| read()).collect();
        while pool.turns.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.glance(THREAD).await }
        });
        tokio::task::yield_now().await;
        let closing = tokio::spawn({
            let pool = pool.clone();
            async move { pool.close().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished() && !closing.is_finished());
        end.wait();
        for read in reads.into_iter().chain([waiting]) {
            read.await.expect("joined").expect("read");
        }
        closing.await.expect("joined");
        let refused = pool.glance(THREAD).await.expect_err("closed");
        assert_eq!(refused.kind(), ErrorKind::NotReady);
        assert!(pool.idle().is_empty());
    }
}
