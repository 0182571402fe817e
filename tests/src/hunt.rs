//! Looking for secrets where they do not belong, and the log at its finest to look through.

use regex::bytes::{Match, Regex, RegexBuilder};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What a secret is, and its text.
pub type Secret = (String, String);

/// How much is shown before and behind what was found.
const AROUND: (usize, usize) = (160, 40);

/// A look for secrets, at as many places as there are.
#[derive(Debug)]
pub struct Hunt<'s> {
    secrets: &'s [Secret],
    any: Regex,
}

impl<'s> Hunt<'s> {
    /// A look for any of these.
    ///
    /// # Panics
    /// When there are none, or one has no text: nothing would be found, or everything.
    pub fn for_any(secrets: &'s [Secret]) -> Self {
        assert!(!secrets.is_empty() && secrets.iter().all(|(_, text)| !text.is_empty()));
        let any: Vec<String> = secrets.iter().map(|(_, text)| regex::escape(text)).collect();
        let any = RegexBuilder::new(&any.join("|")).size_limit(1 << 28).build();
        Hunt { secrets, any: any.expect("escaped texts are an expression") }
    }

    /// A sentence for every secret that stands in `bytes`, with what stands around it.
    pub fn through(&self, place: &str, bytes: &[u8]) -> Vec<String> {
        let sentence = |found: Match<'_>| {
            let (name, _) = self.secrets.iter().find(|(_, text)| text.as_bytes() == found.as_bytes())?;
            let around = found.start().saturating_sub(AROUND.0)..bytes.len().min(found.end() + AROUND.1);
            Some(format!("{name} is in {place}: {}", String::from_utf8_lossy(&bytes[around])))
        };
        self.any.find_iter(bytes).filter_map(sentence).collect()
    }
}

/// Whether `part` stands in `bytes`.
pub fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

/// All that is logged in this process, from the first call on, at the finest level.
pub fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let file = tempfile::tempfile().expect("a file for the log");
        let log = Log(Arc::new(Mutex::new(BufWriter::new(file))));
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
        lines.with_ansi(false).with_writer(move || writer.clone()).init();
        log
    })
}

/// A file that nobody sees.
#[derive(Debug, Clone)]
pub struct Log(Arc<Mutex<BufWriter<File>>>);

impl Log {
    /// What was logged until now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn written(&self) -> io::Result<Vec<u8>> {
        let (mut file, mut written) = (self.file(), Vec::new());
        file.flush()?;
        file.get_mut().rewind()?;
        file.get_mut().read_to_end(&mut written)?;
        Ok(written)
    }

    /// What is written by whole lines stays whole whatever happened to the thread that held it.
    fn file(&self) -> MutexGuard<'_, BufWriter<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_somewhere_is_found_each_time() {
        let secrets = [("the key".to_owned(), "a.b".to_owned()), ("the word".to_owned(), "cd".to_owned())];
        let hunt = Hunt::for_any(&secrets);
        assert_eq!(hunt.through("here", b"axb"), Vec::<String>::new());
        let found = hunt.through("here", b"x cd y a.b z cd");
        assert_eq!(found.len(), 3);
        assert_eq!(found[1], "the key is in here: x cd y a.b z cd");
        assert!(contains(b"x a.b", "a.b") && !contains(b"x aab", "a.b"));
    }
}
