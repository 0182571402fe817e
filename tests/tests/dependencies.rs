//! What the build is made of: no version with a known hole. An advisory database is not at hand everywhere, so those
//! that concern us stand here; add a line when one is published.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

/// Crate, the first version without the hole, the advisory.
const REPAIRED_IN: &[(&str, [u64; 3], &str)] = &[
    ("aws-lc-sys", [0, 39, 0], "RUSTSEC-2026-0044 to 0048"),
    ("bytes", [1, 11, 1], "RUSTSEC-2026-0007"),
    ("chrono", [0, 4, 20], "RUSTSEC-2020-0159"),
    ("idna", [1, 0, 0], "RUSTSEC-2024-0421"),
    ("libsqlite3-sys", [0, 37, 0], "SQLite 3.51.3: a checkpoint beside a writer could lose commits"),
    ("mio", [0, 8, 11], "RUSTSEC-2024-0019"),
    ("regex", [1, 5, 5], "RUSTSEC-2022-0013"),
    ("rustls", [0, 23, 18], "RUSTSEC-2024-0399"),
    ("rustls-webpki", [0, 103, 13], "RUSTSEC-2026-0049, 0098, 0099, 0104"),
    ("shlex", [1, 3, 0], "RUSTSEC-2024-0006"),
    ("slab", [0, 4, 11], "RUSTSEC-2025-0047"),
    ("sqlx-core", [0, 8, 1], "RUSTSEC-2024-0363"),
    ("tokio", [1, 44, 2], "RUSTSEC-2025-0023"),
    ("tracing-subscriber", [0, 3, 20], "RUSTSEC-2025-0055"),
    ("unsafe-libyaml", [0, 2, 10], "RUSTSEC-2023-0075"),
];

#[test]
fn no_version_with_a_known_hole_is_locked() {
    let locked = locked();
    for (name, repaired, advisory) in REPAIRED_IN {
        let versions: Vec<_> = locked.iter().filter(|(known, _)| known == name).collect();
        assert!(!versions.is_empty(), "{name} is not used any more; take its line out");
        for (_, version) in versions {
            assert!(version >= repaired, "{name} {version:?} has the hole of {advisory}");
        }
    }
}

/// Every package of the lock file with its version.
fn locked() -> Vec<(String, [u64; 3])> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let value = |line: &str, name: &str| {
        line.strip_prefix(name).map(|rest| rest.trim_matches(|c| " =\"".contains(c)).to_owned())
    };
    let package = |pair: &[&str]| Some((value(pair[0], "name")?, numbers(&value(pair[1], "version")?)));
    lines.windows(2).filter_map(package).collect()
}

fn numbers(version: &str) -> [u64; 3] {
    let digits = version.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    let mut numbers = digits.chain(std::iter::repeat(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}
