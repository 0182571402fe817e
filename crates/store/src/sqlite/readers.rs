//! Connections that only read; never blocked by the writer.

use super::settings;
use crate::Result;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};

/// Idle readers that are kept: as many as work at once on a few cores, for a read does not wait for anything.
const KEPT: usize = 8;

/// The readers of one file.
pub(crate) struct Readers {
    path: String,
    idle: Arc<Mutex<Vec<Connection>>>,
}

/// A reader in use; it goes back when it is dropped.
pub(crate) struct Reader {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(crate) fn new(path: &str) -> Readers {
        Readers { path: path.to_owned(), idle: Arc::default() }
    }

    /// An idle reader, or a new one.
    pub(crate) fn take(&self) -> Result<Reader> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => settings::reader(&self.path)?,
        };
        Ok(Reader { connection: Some(connection), idle: Arc::clone(&self.idle) })
    }
}

impl Reader {
    /// Until it is dropped there is one.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.extend(self.connection.take());
        }
    }
}
