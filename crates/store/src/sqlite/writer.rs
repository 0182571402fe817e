//! The one connection that writes, and group commit.
//!
//! Writers take turns. Each works in a savepoint of its own within one transaction that all of a *batch* share; whoever
//! fails or is dropped takes back what is its own. The first of a batch calls for its end: once those that wait already
//! have had their turn, the whole batch is committed, with one wait for the disk, and only then is each of them
//! answered. So an idle database commits at once, and a busy one commits many requests together.

use super::settings;
use crate::{Error, Result};
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

/// How long a writer waits for its turn before it is told that we are busy.
const TURN_WAIT: Duration = Duration::from_secs(5);
/// How often it is looked whether another process (a command beside the server) has stopped writing.
const OTHERS_LOOK: Duration = Duration::from_millis(2);
/// Writers in one batch at most: each waits for all of them.
const BATCH_MAX: usize = 512;

/// Who may write, one after the other.
pub(crate) struct Writer {
    desk: Arc<Mutex<Desk>>,
    counts: Arc<Counts>,
    /// In memory there is no disk to wait for.
    in_memory: bool,
}

/// What was written since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Transactions that reached the disk.
    pub(crate) commits: AtomicU64,
    /// Writers that were answered by them.
    pub(crate) writes: AtomicU64,
    /// Wakes whoever folds the log into the file.
    pub(crate) checkpoint: Notify,
}

/// What the writer of the moment holds.
struct Desk {
    connection: Connection,
    /// Whether the batch's transaction has begun.
    open: bool,
    /// Those who are done and wait for the commit.
    members: Vec<oneshot::Sender<Result<()>>>,
    counts: Arc<Counts>,
}

impl Writer {
    pub(crate) fn new(connection: Connection, in_memory: bool) -> Writer {
        let counts: Arc<Counts> = Arc::default();
        let desk = Desk { connection, open: false, members: Vec::new(), counts: Arc::clone(&counts) };
        Writer { desk: Arc::new(Mutex::new(desk)), counts, in_memory }
    }

    pub(crate) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Waits for a turn to write.
    pub(crate) async fn turn(&self) -> Result<Turn> {
        let until = Instant::now() + TURN_WAIT;
        let mut desk = self.desk(until).await?;
        desk.begin(until).await?;
        let queue = Arc::clone(&self.desk);
        let mut turn = Turn { desk: Some(desk), queue, in_memory: self.in_memory, wrote: false };
        turn.run("SAVEPOINT turn")?;
        turn.wrote = true;
        Ok(turn)
    }

    /// The connection between two writers, for a look at a database in memory. Nobody sees there either what is not
    /// committed.
    pub(crate) async fn look(&self) -> Result<Look> {
        let mut desk = self.desk(Instant::now() + TURN_WAIT).await?;
        if self.in_memory {
            desk.end_batch();
        }
        Ok(Look(desk))
    }

    async fn desk(&self, until: Instant) -> Result<OwnedMutexGuard<Desk>> {
        let desk = timeout_at(until, Arc::clone(&self.desk).lock_owned()).await;
        desk.map_err(|_elapsed| Error::turn_never_came())
    }

    /// Takes back what nobody has committed, as the next process would find it.
    #[cfg(feature = "faults")]
    pub(crate) async fn lose_uncommitted(&self) {
        let mut desk = Arc::clone(&self.desk).lock_owned().await;
        desk.members.clear();
        if std::mem::take(&mut desk.open) {
            let _ = run(&desk.connection, "ROLLBACK");
        }
    }

    /// Waits until nobody writes, then puts the whole write-ahead log into the file and lets the log start anew.
    pub(crate) async fn fold(&self) -> Result<()> {
        self.alone(|connection| Ok(settings::fold(connection)?)).await
    }

    /// The same, and the log keeps its room.
    pub(crate) async fn start_log_anew(&self) -> Result<()> {
        self.alone(|connection| Ok(settings::start_anew(connection)?)).await
    }

    /// Waits until nobody writes and every batch is on the disk, then has the connection for itself.
    pub(crate) async fn alone(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let mut desk = Arc::clone(&self.desk).lock_owned().await;
        let working = move || {
            desk.end_batch();
            work(&mut desk.connection)
        };
        tokio::task::spawn_blocking(working).await.unwrap_or_else(|_panicked| Err(Error::turn_is_over()))
    }
}

/// One writer's turn; what it changes is taken back when it is dropped without [`Turn::commit`].
pub(crate) struct Turn {
    /// `None` once it was given on.
    desk: Option<OwnedMutexGuard<Desk>>,
    queue: Arc<Mutex<Desk>>,
    in_memory: bool,
    /// Whether its savepoint stands.
    wrote: bool,
}

/// The connection, for reading only.
pub(crate) struct Look(OwnedMutexGuard<Desk>);

impl Look {
    pub(crate) fn connection(&self) -> &Connection {
        &self.0.connection
    }
}

impl Turn {
    /// Until it is given on.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.desk.as_ref().map(|desk| &desk.connection)
    }

    fn run(&self, sql: &str) -> Result<()> {
        Ok(run(self.connection().ok_or_else(Error::turn_is_over)?, sql)?)
    }

    /// Lets the next writer go on, and returns when this one's changes are on the disk.
    pub(crate) async fn commit(mut self) -> Result<()> {
        self.run("RELEASE turn")?; // a failure drops us: what is ours is taken back
        let mut desk = self.desk.take().ok_or_else(Error::turn_is_over)?;
        let (tell, told) = oneshot::channel();
        desk.members.push(tell);
        if desk.members.len() >= BATCH_MAX {
            end_batch(desk, self.in_memory);
            return heard(told).await;
        }
        let is_first = desk.members.len() == 1;
        drop(desk); // the next one's turn
        if is_first {
            // A task of its own: the batch must end even if this writer is given up while it waits.
            tokio::spawn(call_for_the_end(Arc::clone(&self.queue), self.in_memory));
        }
        heard(told).await
    }
}

async fn heard(told: oneshot::Receiver<Result<()>>) -> Result<()> {
    told.await.map_err(|_gone| Error::turn_is_over())?
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(desk) = &mut self.desk {
            desk.take_back(self.wrote);
        }
    }
}

/// Ends a batch when those who were waiting have had their turn: a lock is given in the order in which it was asked for.
async fn call_for_the_end(queue: Arc<Mutex<Desk>>, in_memory: bool) {
    // Who is ready to write but has not come to ask for a turn yet may still come along.
    tokio::task::yield_now().await;
    let desk = queue.lock_owned().await;
    end_batch(desk, in_memory);
}

/// The disk is waited for on a thread where waiting disturbs nobody; the desk goes along.
fn end_batch(mut desk: OwnedMutexGuard<Desk>, in_memory: bool) {
    if in_memory {
        desk.end_batch();
    } else {
        tokio::task::spawn_blocking(move || desk.end_batch());
    }
}

impl Desk {
    /// Begins the batch's transaction, unless it has begun. IMMEDIATE: the write lock is taken at the start, never on
    /// an upgrade half-way. Another process that writes is waited for.
    async fn begin(&mut self, until: Instant) -> Result<()> {
        while !self.open {
            match run(&self.connection, "BEGIN IMMEDIATE") {
                Ok(()) => self.open = true,
                Err(busy) if settings::is_busy(&busy) && Instant::now() < until => sleep(OTHERS_LOOK).await,
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }

    /// Commits what the members wrote and tells them.
    fn end_batch(&mut self) {
        if !self.open {
            return;
        }
        self.open = false;
        match run(&self.connection, "COMMIT") {
            Ok(()) => self.answer_all(),
            Err(cause) => self.fail_all(cause),
        }
    }

    fn answer_all(&mut self) {
        self.counts.commits.fetch_add(1, Ordering::Relaxed);
        self.counts.writes.fetch_add(u64::try_from(self.members.len()).unwrap_or(0), Ordering::Relaxed);
        for member in self.members.drain(..) {
            let _ = member.send(Ok(())); // a writer that was given up hears nothing
        }
        if settings::log_is_long() {
            self.counts.checkpoint.notify_one();
        }
    }

    /// Nothing of the batch is on the disk.
    fn fail_all(&mut self, cause: rusqlite::Error) {
        if !self.connection.is_autocommit() {
            let _ = run(&self.connection, "ROLLBACK"); // fails where the engine has done so by itself
        }
        let cause = Arc::new(cause);
        for member in self.members.drain(..) {
            let _ = member.send(Err(Error::batch_failed(&cause)));
        }
    }

    /// Takes back what one writer did. A full disk makes SQLite take the whole transaction back by itself: then all of
    /// the batch have failed.
    fn take_back(&mut self, wrote: bool) {
        if !self.open {
            return;
        }
        let undone = if wrote { run(&self.connection, "ROLLBACK TO turn; RELEASE turn") } else { Ok(()) };
        if self.connection.is_autocommit() || undone.is_err() {
            self.open = false;
            self.fail_all(undone.err().unwrap_or(rusqlite::Error::QueryReturnedNoRows));
        } else if self.members.is_empty() {
            // Nobody will call for the end of a batch without members, and an open one keeps other processes out.
            self.open = false;
            let _ = run(&self.connection, "ROLLBACK");
        }
    }
}

/// Runs statements without values.
fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    for statement in sql.split("; ") {
        connection.prepare_cached(statement)?.raw_execute()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop here")]

    use super::*;
    use futures::future::join_all;

    /// A file with a table of numbers.
    fn writer() -> (Writer, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let connection = settings::writer(dir.path().join("t.db").to_str().unwrap()).unwrap();
        connection.execute_batch("CREATE TABLE numbers (n INTEGER PRIMARY KEY)").unwrap();
        (Writer::new(connection, false), dir)
    }

    async fn insert(writer: &Writer, n: i64) -> Result<()> {
        let turn = writer.turn().await?;
        put(&turn, n)?;
        turn.commit().await
    }

    fn put(turn: &Turn, n: i64) -> Result<()> {
        turn.connection().unwrap().execute("INSERT INTO numbers VALUES (?1)", [n])?;
        Ok(())
    }

    async fn numbers(writer: &Writer) -> Vec<i64> {
        let look = writer.look().await.unwrap();
        let mut statement = look.connection().prepare("SELECT n FROM numbers ORDER BY n").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(std::result::Result::unwrap).collect()
    }

    fn commits(writer: &Writer) -> u64 {
        writer.counts().commits.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn many_writers_share_a_commit_and_one_alone_has_its_own() {
        let (writer, _dir) = writer();
        insert(&writer, 1_000).await.unwrap();
        assert_eq!(commits(&writer), 1);
        for done in join_all((0..100).map(|n| insert(&writer, n))).await {
            done.unwrap();
        }
        assert_eq!(numbers(&writer).await.len(), 101);
        assert!(commits(&writer) <= 10, "{} commits for 101 writers", commits(&writer));
        assert_eq!(writer.counts().writes.load(Ordering::Relaxed), 101);
    }

    #[tokio::test]
    async fn who_fails_takes_back_what_is_its_own() {
        let (writer, _dir) = writer();
        let half = async |n: i64| {
            let turn = writer.turn().await?;
            put(&turn, n)?;
            put(&turn, n + 1_000)?;
            put(&turn, n)?; // it is there already
            turn.commit().await
        };
        let (half, whole) = (&half, &writer);
        let work =
            (0..50).map(|n| async move { if n % 2 == 0 { insert(whole, n).await } else { half(n).await } });
        let done = join_all(work).await;
        assert!(done.iter().enumerate().all(|(n, done)| done.is_ok() == (n % 2 == 0)));
        assert_eq!(numbers(&writer).await, (0..50).step_by(2).collect::<Vec<i64>>());
    }

    #[tokio::test]
    async fn who_is_given_up_before_its_commit_leaves_nothing_and_holds_up_nobody() {
        let (writer, _dir) = writer();
        let turn = writer.turn().await.unwrap();
        put(&turn, 1).unwrap();
        drop(turn);
        insert(&writer, 2).await.unwrap();
        assert_eq!(numbers(&writer).await, [2]);
    }

    #[tokio::test]
    async fn a_batch_ends_though_those_who_wait_for_it_are_gone() {
        let (writer, _dir) = writer();
        {
            let mut waits = std::pin::pin!(insert(&writer, 1));
            assert!(futures::poll!(waits.as_mut()).is_pending(), "it is with the disk");
        }
        insert(&writer, 2).await.unwrap();
        assert_eq!(numbers(&writer).await, [1, 2]);
    }

    #[tokio::test]
    async fn what_is_seen_in_memory_is_committed() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE numbers (n INTEGER PRIMARY KEY)").unwrap();
        let writer = Writer::new(connection, true);
        let mut waits = std::pin::pin!(insert(&writer, 1));
        assert!(futures::poll!(waits.as_mut()).is_pending(), "its batch has not ended");
        assert_eq!(numbers(&writer).await, [1]);
        assert_eq!(commits(&writer), 1, "what was seen stays");
    }

    #[tokio::test]
    async fn when_the_commit_fails_nobody_is_told_that_it_is_done() {
        let (writer, _dir) = writer();
        // What is checked at the commit only fails it whole.
        let deferred =
            "CREATE TABLE children (n INTEGER REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED)";
        writer.alone(move |c| Ok(c.execute_batch(deferred)?)).await.unwrap();
        let orphan = async {
            let turn = writer.turn().await?;
            turn.connection().unwrap().execute("INSERT INTO children VALUES (77)", [])?;
            turn.commit().await
        };
        let (one, orphan, two) = tokio::join!(insert(&writer, 1), orphan, insert(&writer, 2));
        assert!([one, orphan, two].iter().all(|done| matches!(done, Err(Error::Busy(_)))));
        assert!(numbers(&writer).await.is_empty());
        insert(&writer, 3).await.unwrap();
        assert_eq!(numbers(&writer).await, [3]);
    }

    #[tokio::test]
    async fn the_log_starts_anew_whatever_is_written() {
        let (writer, dir) = writer();
        let path = dir.path().join("t.db");
        let log = || dir.path().join("t.db-wal").metadata().unwrap().len();
        for n in 0..20 {
            insert(&writer, n).await.unwrap();
        }
        let grown = log();
        let folder = settings::folder(path.to_str().unwrap()).unwrap();
        assert!(!settings::fold_some(&folder).unwrap(), "it is short");
        writer.start_log_anew().await.unwrap();
        insert(&writer, 100).await.unwrap();
        assert_eq!(log(), grown, "its room is used again");
        writer.fold().await.unwrap();
        assert_eq!(log(), 0);
    }
}
