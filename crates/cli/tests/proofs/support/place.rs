//! A folder with a database (or a key file for one elsewhere), the settings of a run, and commands run in it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Short times, so that a run of a minute sees whole lives; long enough that no call ends by its own limit.
const SETTINGS: &[(&str, &str)] = &[
    ("GAVEL__NETWORK__ALLOW", "127.0.0.0/8"),
    ("GAVEL__MONEY__MODE", "ledger"),
    ("GAVEL__AGENTS__ACTIVATION", "immediate"),
    ("GAVEL__TIMERS__PHASE_SECONDS", "20"),
    ("GAVEL__TIMERS__PROTOTYPE_CALL_SECONDS", "15"),
    ("GAVEL__TIMERS__FINAL_CALL_SECONDS", "15"),
    ("GAVEL__TIMERS__ASYNC_CALL_SECONDS", "15"),
    ("GAVEL__TIMERS__ACKNOWLEDGE_SECONDS", "10"),
    ("GAVEL__TIMERS__PULL_LEASE_SECONDS", "2"),
    ("GAVEL__WORK__LEASE_SECONDS", "2"),
];

pub(crate) struct Place {
    dir: tempfile::TempDir,
    settings: Vec<(String, String)>,
    /// What the server is started through.
    launcher: Vec<String>,
}

impl Place {
    /// With a SQLite file in the folder.
    pub(crate) fn new() -> Place {
        let settings =
            SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Place { dir: tempfile::tempdir().unwrap(), settings, launcher: Vec::new() }
    }

    /// One setting more, such as `GAVEL__DATABASE__URL`.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Place {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The server is started through another program, as `sh -c 'exec "$0" "$@"' gavel serve`.
    pub(crate) fn launched_by(mut self, program: &[&str]) -> Place {
        self.launcher = program.iter().map(|&word| word.to_owned()).collect();
        self
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The SQLite file and those beside it, as they are now.
    pub(crate) fn database_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = ["gavel.db", "gavel.db-wal", "gavel.db-shm"].map(|name| self.path(name));
        files.into_iter().filter_map(|file| Some((file.clone(), std::fs::read(file).ok()?))).collect()
    }

    /// Replaces them by what was read before. Nobody may have them open.
    pub(crate) fn put_back(&self, files: &[(PathBuf, Vec<u8>)]) {
        for (file, _) in self.database_files() {
            std::fs::remove_file(file).unwrap();
        }
        for (file, bytes) in files {
            std::fs::write(file, bytes).unwrap();
        }
    }

    /// `gavel ...`, with nothing of the machine's own settings.
    pub(crate) fn gavel(&self, args: &[&str]) -> Command {
        self.within(Command::new(env!("CARGO_BIN_EXE_gavel")), args)
    }

    /// `gavel serve` on a free port, through the launcher.
    pub(crate) fn serve(&self) -> Command {
        const SERVE: &[&str] = &["serve", "--listen", "127.0.0.1:0"];
        let Some((program, words)) = self.launcher.split_first() else { return self.gavel(SERVE) };
        let mut command = Command::new(program);
        command.args(words).arg(env!("CARGO_BIN_EXE_gavel"));
        self.within(command, SERVE)
    }

    fn within(&self, mut command: Command, args: &[&str]) -> Command {
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GAVEL")) {
            command.env_remove(name);
        }
        command.args(args).current_dir(self.dir.path());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn key(&self, scope: &str) -> String {
        let output = self.gavel(&["keys", "create", "--scope", scope, "--account", scope, "--json"]).output();
        document(&output.unwrap())["key"].as_str().unwrap().to_owned()
    }

    /// Books and, where the binary knows the command, everything else in the database; the books.
    pub(crate) fn audit(&self) -> Result<Value, String> {
        let verified = self.gavel(&["ledger", "verify", "--json"]).output().unwrap();
        if !verified.status.success() {
            return Err(format!("gavel ledger verify: {}", texts(&verified)));
        }
        if self.knows("doctor") {
            let doctor = self.gavel(&["doctor", "--json"]).output().unwrap();
            if !doctor.status.success() {
                return Err(format!("gavel doctor: {}", texts(&doctor)));
            }
        }
        Ok(document(&verified))
    }

    fn knows(&self, command: &str) -> bool {
        self.gavel(&[command, "--help"]).output().unwrap().status.success()
    }
}

pub(crate) fn texts(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e} in {}", texts(output)))
}
