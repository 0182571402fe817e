//! How connections are set, and what SQLite's complaints mean.

use crate::{Error, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::cell::Cell;
use std::time::Duration;

/// The first version without the fault that can lose what was committed when one connection writes and another folds
/// the log into the file.
const ENGINE_MIN: i32 = 3_051_003;
/// How long a reader waits while the log is recovered after a crash.
const READER_WAIT: Duration = Duration::from_secs(5);
/// Texts of statements that are kept prepared.
const STATEMENTS_KEPT: usize = 512;
/// The log is looked at this often at least.
pub(super) const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
/// How long after a failure it is folded again: that may be what makes room.
pub(super) const FOLD_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Pages of the log (4 KiB each) from which on it is folded into the file, beside the writing: 8 MiB. What is written
/// again and again until then is written to the file once.
const LOG_PAGES: i64 = 2_000;
/// Pages from which on writers have to wait until the log has started anew: 24 MiB. It starts anew by itself only in a
/// moment in which all of it is in the file.
const LOG_PAGES_MAX: i64 = 6_000;
/// A log that has grown larger gives its room back when it starts anew, in bytes.
const LOG_KEPT: i64 = 32 * 1024 * 1024;
/// What the connection that writes keeps in memory, in KiB.
const WRITER_CACHE_KIB: i64 = 16_000;
/// What each reader keeps in memory, in KiB: the system keeps the file's pages as well.
const READER_CACHE_KIB: i64 = 4_000;

/// Refuses an engine that can lose what it has committed.
pub(super) fn check_engine() -> Result<()> {
    if rusqlite::version_number() >= ENGINE_MIN {
        return Ok(());
    }
    Err(Error::Engine { found: rusqlite::version().to_owned() })
}

/// The connection that writes.
pub(super) fn writer(path: &str) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(READER_WAIT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    of_writer(&connection)?;
    // Whoever takes a turn waits for others without holding a thread; see `Desk::begin`.
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// What holds for every connection that writes, a file's or one in memory.
pub(super) fn of_writer(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "synchronous", "full")?; // a commit that was answered survives a power cut
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?; // never within a commit
    connection.wal_hook(Some(|_, pages| {
        LOG.set(i64::from(pages));
        Ok(())
    }));
    let _: i64 =
        connection.pragma_update_and_check(None, "journal_size_limit", LOG_KEPT, |row| row.get(0))?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "memory")?; // what a savepoint takes back needs no file
    common(connection)?;
    let durable: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if durable == FULL { Ok(()) } else { Err(Error::NotDurable) }
}

/// What `PRAGMA synchronous` says of full durability.
const FULL: i64 = 2;

/// A connection that reads.
pub(super) fn reader(path: &str) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(READER_WAIT)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    common(&connection)?;
    Ok(connection)
}

fn common(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "trusted_schema", false)?; // no function runs because a file says so
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

thread_local! {
    /// Pages of the log after this thread's last commit: the engine tells it in the middle of that.
    static LOG: Cell<i64> = const { Cell::new(0) };
}

/// Whether the commit that this thread has just made leaves much to fold.
pub(super) fn log_is_long() -> bool {
    LOG.get() >= LOG_PAGES
}

/// Folds the whole log into the file and gives its room back, unless readers are in the way.
pub(super) fn fold(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Folds what is left and lets the log start anew, unless readers are in the way. Its room is kept: to grow costs time.
pub(super) fn start_anew(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
}

/// A connection that folds the log into the file beside the one that writes.
pub(super) fn folder(path: &str) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

/// Folds what can be folded while others read and write; whether the log has grown too long all the same.
pub(super) fn fold_some(connection: &Connection) -> Result<bool> {
    let pages: i64 =
        connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |row| row.get(1))?;
    Ok(pages >= LOG_PAGES_MAX)
}

/// Whether another process has the lock that is wanted.
pub(super) fn is_busy(cause: &rusqlite::Error) -> bool {
    matches!(cause.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether a complaint is about the surroundings, not about what was asked: the same statement may succeed once there
/// is room or memory again.
pub(super) fn passes(cause: &rusqlite::Error) -> bool {
    use ErrorCode::{CannotOpen, DiskFull, OutOfMemory, ReadOnly, SystemIoFailure};
    let code = cause.sqlite_error_code();
    is_busy(cause) || matches!(code, Some(DiskFull | OutOfMemory | ReadOnly | SystemIoFailure | CannotOpen))
}
