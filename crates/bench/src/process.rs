//! Memory and processor time as the kernel counts them. Only Linux tells them this way; elsewhere they are absent.

use std::fs;
use std::time::Duration;

/// Ticks per second in `/proc/PID/stat`: a constant of Linux's interface, whatever the kernel's own rate.
const TICKS_PER_SECOND: f64 = 100.0;
/// Where user and system time stand in `/proc/PID/stat`, counted behind the name in parentheses.
const USER_AND_SYSTEM: [usize; 2] = [11, 12];

/// Lets this process, and those it starts, open as many files as the system allows; a call held open takes one.
pub(crate) fn allow_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        // Where that is refused the limit stays as it is; a workload that needs more will say so.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// Memory that a process has in use now, in bytes, the files it has mapped included.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    bytes_of(pid, "VmRSS:")
}

/// The same without files: the kernel can take mapped files, such as the binary itself, back at any time.
pub(crate) fn anonymous_bytes(pid: u32) -> Option<u64> {
    bytes_of(pid, "RssAnon:")
}

/// Processor time that a process has used, all its threads together, to hundredths of a second.
pub(crate) fn cpu_of_process(pid: u32) -> Option<Duration> {
    ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
        .map(|ticks| Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
}

/// Processor time that the calling thread has used, exactly.
pub(crate) fn cpu_of_this_thread() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn bytes_of(pid: u32, name: &str) -> Option<u64> {
    kib_of(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, name).map(|kib| kib * 1024)
}

fn kib_of(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn ticks(stat: &str) -> Option<f64> {
    // The name may hold spaces and parentheses; what follows the last one is plain.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    USER_AND_SYSTEM.into_iter().map(|at| fields.get(at)?.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        assert_eq!(kib_of("Name:\tgavel\nVmRSS:\t   10240 kB\nThreads:\t4\n", "VmRSS:"), Some(10_240));
        assert_eq!(kib_of("Name:\tgavel\n", "VmRSS:"), None);
        let stat = "42 (a (strange) name) S 1 42 42 0 -1 4194560 500 0 0 0 150 50 0 0 20 0 4 0 100";
        assert_eq!(ticks(stat), Some(200.0));
        assert_eq!(ticks("42 (cut"), None);
    }
}
