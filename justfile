# The recipes of this project; `just` lists them.
_default:
    @just --list

# Everything that is run on a submission
ci:
    bash .ci/run

# Format all code
fmt:
    cargo fmt --all

# Lints as errors, over everything
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# All tests (PostgreSQL and corpora where they are at hand)
test:
    cargo test --workspace --locked

# Our signatures, checked by the published libraries of Python and JavaScript (installed under target/)
libraries:
    eval "$(bash tests/libraries/install target/libraries)" && cargo test -p gavel-tests --test webhooks_libraries --locked

# So many lives from so many seeds, under faults; `GAVEL_SIM_SEED=K just sim` tells the one of seed K
sim N="100000":
    GAVEL_SIM_SEEDS={{N}} cargo test -p gavel-sim lives_go_right --locked -- --nocapture

# The documentation, with its warnings as errors
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Licences, sources and bans of all dependencies
deny:
    cargo deny --locked check bans licenses sources

# A whole task with eight agents, from the brief to the payment
demo:
    cargo run --release -- demo

# One workload beside the raw limits of the same run (docs/performance.md): `just bench fanout --json`
bench *ARGS:
    cargo run --release -- bench {{ARGS}}

# What each policy of triage does to made-up markets (docs/triage.md): `just market --scenario gaming`
market *ARGS:
    cargo run --release -- triage simulate {{ARGS}}

# How often each gate of the judge fires on texts that people preferred, and how well it agrees with them
judge:
    cargo test --release -p gavel-judge --test human -- --nocapture

# The tasks agents are tried with, over so many seeds of each: what the good answer gets at least, and spoilt ones at most
benchmark-tasks SEEDS="100" TASK="":
    GAVEL_BENCHMARK_SEEDS={{SEEDS}} GAVEL_BENCHMARK_TASK={{TASK}} \
        cargo test --release -p gavel-judge --test benchmark --locked -- --nocapture

# What strangers can cost the client: 20,000 hostile exchanges, 60,000 agents on one host, 100 endless streams at once
endurance:
    GAVEL_ENDURANCE=1 cargo test --release -p gavel-outbound --test resources -- --nocapture --test-threads=1

# What replicas bear: a PostgreSQL that goes away 50 times, 15 replicas replaced under load
outages:
    GAVEL_ENDURANCE=1 cargo test -p gavel --test binary replicas -- --nocapture --test-threads=1

# 1,000 kills of one process on a SQLite file, under load: nothing acknowledged is lost, nothing is done twice
kills N="1000":
    GAVEL_KILLS={{N}} cargo test --release -p gavel --test proofs --locked kills -- --nocapture

# 300 kills and pauses of three replicas and 20 kills of their PostgreSQL, under load
replicas KILLS="300" SERVER_KILLS="20":
    GAVEL_REPLICA_KILLS={{KILLS}} GAVEL_SERVER_KILLS={{SERVER_KILLS}} GAVEL_POSTGRES_REQUIRED=1 \
        cargo test --release -p gavel --test proofs --locked replicas -- --nocapture

# 100 times no room on the disk, under load
disk-full N="100":
    GAVEL_DISK_FULLS={{N}} cargo test --release -p gavel --test proofs --locked full -- --nocapture
