//! A throw-away PostgreSQL for one test process: installed binaries, a unix socket, gone with the process.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

/// The shell holds the server and reads its stdin, a pipe of ours: when this process ends, in whatever way, the pipe
/// closes, the server is stopped and its files are removed. PostgreSQL refuses to run as root, so root steps down. What
/// a killed server leaves behind holds its memory for a moment, so a start may take several tries.
const KEEPER: &str = r#"
set -eu
bin=$1
shift
step_down=
if [ "$(id -u)" = 0 ]; then step_down="setpriv --reuid=postgres --regid=postgres --clear-groups"; fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/gavel-pg.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap '' PIPE
if [ -n "$step_down" ]; then chown postgres "$dir"; fi
cd "$dir"
$step_down "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null 2>"$dir/log" \
    || { cat "$dir/log"; exit 1; }
launch() {
    $step_down "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c max_connections=200 "$@" \
        >>"$dir/log" 2>&1 </dev/null &
    server=$!
}
start() {
    launch "$@"
    tries=0
    until $step_down "$bin/pg_isready" -q -h "$dir" -U postgres; do
        tries=$((tries + 1))
        if [ $tries -gt 400 ]; then cat "$dir/log"; exit 1; fi
        sleep 0.05
        if ! kill -0 $server 2>/dev/null; then launch "$@"; fi
    done
    echo "ready $dir"
}
start "$@"
while read -r word; do
    case $word in
    start) start "$@" ;;
    *)
        kill -"$word" $server
        wait $server || true
        server=
        echo "stopped"
        ;;
    esac
done
exec >/dev/null 2>&1
if [ -n "$server" ]; then
    kill -QUIT $server
    wait $server || true
fi
"#;

/// For short tests: nothing is kept once the server is gone, so nothing need be on a disk.
const FORGETFUL: &[&str] = &["-c", "fsync=off", "-c", "full_page_writes=off"];

/// A running server.
#[derive(Debug)]
pub struct Server {
    bin: PathBuf,
    socket_dir: String,
    keeper: Mutex<Keeper>,
}

/// The shell that holds it.
#[derive(Debug)]
struct Keeper {
    /// Closing this pipe ends the server.
    says: ChildStdin,
    hears: BufReader<ChildStdout>,
}

/// The server that all tests of this process share, each with a database of its own; started at the first call. `None`,
/// with a word on stdout, where PostgreSQL is not installed; with `GAVEL_POSTGRES_REQUIRED=1` that is a failure.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| start(None, FORGETFUL)).as_ref()
}

/// A server that a test may stop and start again; gone when it is dropped.
pub fn server_of_ones_own() -> Option<Server> {
    start(None, FORGETFUL)
}

/// The same, with all its files below `folder`.
pub fn server_in(folder: &Path) -> Option<Server> {
    start(Some(folder), FORGETFUL)
}

/// The same, and what it has acknowledged is on the disk: it may be killed.
pub fn durable_server() -> Option<Server> {
    start(None, &[])
}

impl Server {
    /// Stops it, as an operator would: what is under way is cut.
    ///
    /// # Panics
    /// When the shell that holds it is gone.
    pub fn stop(&self) {
        self.tell("INT", "stopped");
    }

    /// Stops it at once, as an impatient operator would: its processes leave without cleaning up.
    ///
    /// # Panics
    /// When the shell that holds it is gone.
    pub fn stop_at_once(&self) {
        self.tell("QUIT", "stopped");
    }

    /// Kills its first process without warning, as a machine does that is out of memory.
    ///
    /// # Panics
    /// When the shell that holds it is gone.
    pub fn kill(&self) {
        self.tell("KILL", "stopped");
    }

    /// Starts it again, with everything that was in it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        self.tell("start", "ready");
    }

    fn tell(&self, word: &str, answer: &str) {
        let mut keeper = self.keeper.lock().expect("no panic while held");
        writeln!(keeper.says, "{word}").expect("the keeper reads");
        let mut said = String::new();
        while keeper.hears.read_line(&mut said).is_ok_and(|n| n > 0) {
            if said.lines().last().is_some_and(|line| line.starts_with(answer)) {
                return;
            }
        }
        panic!("PostgreSQL was told to {word}:\n{said}");
    }

    /// The directory of its socket.
    pub fn socket_dir(&self) -> &str {
        &self.socket_dir
    }

    /// Makes an empty database and gives its URL. Equal names give different databases, in this process and
    /// among processes.
    ///
    /// # Panics
    /// When `createdb` fails, with what it said.
    pub fn create_database(&self, name: &str) -> String {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let short: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let database = format!("{short}_{}_{number}", std::process::id()).to_lowercase();
        let created = Command::new(self.bin.join("createdb"))
            .args(["-h", &self.socket_dir, "-U", "postgres", &database])
            .output()
            .expect("createdb runs");
        assert!(created.status.success(), "createdb: {}", String::from_utf8_lossy(&created.stderr));
        format!("postgres://postgres@localhost/{database}?host={}", percent_encoded(&self.socket_dir))
    }

    /// Runs statements on a database beside whoever works there; the child ends with them.
    ///
    /// # Panics
    /// When there is no `psql`.
    pub fn run_beside(&self, url: &str, statements: &str) -> Child {
        let mut psql = Command::new(self.bin.join("psql"));
        let psql = psql.args(["-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statements]);
        psql.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("psql runs")
    }
}

#[expect(clippy::zombie_processes, reason = "the keeper lives exactly as long as this process")]
fn start(folder: Option<&Path>, settings: &[&str]) -> Option<Server> {
    let Some(bin) = bin_dir() else {
        let required = std::env::var("GAVEL_POSTGRES_REQUIRED").is_ok_and(|v| v == "1");
        assert!(
            !required,
            "GAVEL_POSTGRES_REQUIRED=1, but no initdb was found: install PostgreSQL or set PG_BIN"
        );
        crate::aloud("skipped: PostgreSQL is not installed (no initdb found); SQLite only");
        return None;
    };
    let mut keeper = keeper(&bin, folder, settings);
    let says = keeper.stdin.take().expect("stdin is piped");
    let mut said = String::new();
    let mut hears = BufReader::new(keeper.stdout.take().expect("stdout is piped"));
    while hears.read_line(&mut said).is_ok_and(|n| n > 0) {
        if let Some(dir) = said.lines().last().and_then(|line| line.strip_prefix("ready ")) {
            let keeper = Mutex::new(Keeper { says, hears });
            return Some(Server { bin, socket_dir: dir.to_owned(), keeper });
        }
    }
    panic!("PostgreSQL did not start:\n{said}");
}

fn keeper(bin: &Path, folder: Option<&Path>, settings: &[&str]) -> Child {
    Command::new("sh")
        .envs(folder.map(|folder| ("TMPDIR", folder)))
        .args(["-c", KEEPER, "gavel-pg"])
        .arg(bin)
        .args(settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0) // Ctrl-C ends the tests, not the shell that has to clean up after them
        .stderr(Stdio::null()) // an inherited stderr would keep `cargo test | tail` open
        .spawn()
        .expect("sh runs")
}

fn bin_dir() -> Option<PathBuf> {
    let mut dirs: Vec<PathBuf> = std::env::var_os("PG_BIN").map(PathBuf::from).into_iter().collect();
    let mut installed: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path().join("bin"))
        .collect();
    installed.sort();
    dirs.extend(installed.into_iter().rev());
    if let Ok(out) = Command::new("pg_config").arg("--bindir").output() {
        dirs.push(String::from_utf8_lossy(&out.stdout).trim().into());
    }
    dirs.into_iter().find(|dir| dir.join("initdb").exists())
}

fn percent_encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// What the test below runs in a process of its own, to kill it.
    const HOLDER: &str = "postgres::tests::holds_a_server_until_it_is_killed";

    fn ask(server: &Server, database: &str, sql: &str) -> String {
        let out = Command::new(server.bin.join("psql"))
            .args(["-h", server.socket_dir(), "-U", "postgres", "-d", database, "-tAc", sql])
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    #[test]
    fn equal_names_give_databases_apart() {
        let Some(server) = server() else { return };
        let urls = [server.create_database("Same name"), server.create_database("Same name")];
        assert_ne!(urls[0], urls[1]);
        let names = urls.map(|url| {
            let (front, host) = url.split_once("?host=").unwrap();
            assert_eq!(host.replace("%2F", "/"), server.socket_dir());
            front.strip_prefix("postgres://postgres@localhost/").unwrap().to_owned()
        });
        ask(server, &names[0], "CREATE TABLE only_here (n BIGINT)");
        let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'only_here'";
        assert_eq!(
            (ask(server, &names[0], tables), ask(server, &names[1], tables)),
            ("1".into(), "0".into())
        );
    }

    #[test]
    fn a_server_of_ones_own_is_stopped_and_started_again() {
        let Some(server) = server_of_ones_own() else { return };
        ask(&server, "postgres", "CREATE TABLE kept (n BIGINT)");
        server.stop();
        let socket = Path::new(server.socket_dir()).join(".s.PGSQL.5432");
        assert!(!socket.exists());
        server.start_again();
        assert_eq!(ask(&server, "postgres", "SELECT count(*) FROM kept"), "0");
    }

    #[test]
    fn a_server_that_was_killed_has_kept_what_it_acknowledged() {
        let Some(server) = durable_server() else { return };
        ask(&server, "postgres", "CREATE TABLE kept (n BIGINT)");
        for (n, end) in (1..).zip([Server::kill, Server::stop_at_once]) {
            ask(&server, "postgres", &format!("INSERT INTO kept VALUES ({n})"));
            end(&server);
            server.start_again();
            assert_eq!(ask(&server, "postgres", "SELECT count(*) FROM kept"), n.to_string());
        }
    }

    #[test]
    fn the_server_dies_with_a_killed_process() {
        if bin_dir().is_none() {
            crate::aloud("skipped: PostgreSQL is not installed");
            return;
        }
        let mut holder = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", HOLDER, "--ignored", "--nocapture"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(holder.stdout.take().unwrap()).lines().map_while(Result::ok);
        let dir = lines.filter_map(|l| l.split_once("holding ").map(|(_, dir)| PathBuf::from(dir))).next();
        let dir = dir.expect("the holder tells where its server is");
        assert!(dir.join("data/postmaster.pid").exists());
        holder.kill().unwrap();
        holder.wait().unwrap();
        let since = Instant::now();
        while dir.exists() {
            assert!(since.elapsed() < Duration::from_secs(20), "{} is still there", dir.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    #[ignore = "run, and killed, by the_server_dies_with_a_killed_process"]
    fn holds_a_server_until_it_is_killed() {
        println!("holding {}", server().unwrap().socket_dir());
        std::thread::sleep(Duration::from_secs(30));
    }

    #[test]
    fn a_directory_is_encoded_for_a_url() {
        assert_eq!(percent_encoded("/tmp/a b.C-1"), "%2Ftmp%2Fa%20b.C-1");
    }
}
