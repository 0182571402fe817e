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

# The documentation, with its warnings as errors
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Licences, sources and bans of all dependencies
deny:
    cargo deny --locked check bans licenses sources
