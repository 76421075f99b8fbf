#!/usr/bin/env bash
# What a change must pass besides the tests, cheapest first: formatting, spelling, lints with each
# feature, documentation. `make audit` has the slower checks of features and dependencies.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/steps.sh
source scripts/pypi.sh

lints() { cargo clippy --quiet --locked --all-targets "$@" -- -D warnings; }

# The library alone must not pull what only the tool or a server needs.
lean() {
    local tree
    tree=$(cargo tree --locked -p media-concat -e normal --no-default-features --prefix none -f '{p}')
    if grep -E '^(axum|clap|hyper|indicatif|reqwest|rustls|serde_json|tower) v' <<<"$tree"; then
        echo "the library pulls the crates above" >&2
        return 1
    fi
}

# No dependency of the library asks for a newer compiler than the library does.
compilers() {
    cargo metadata --locked --all-features --format-version 1 | python3 scripts/compilers.py
}

# PyPI has the spelling tool as a program; compiling it takes as long as all lints together.
spelling() {
    local tool
    tool=$(pypi_tool typos 1.52.0)
    "$tool/bin/typos"
}

# As cargo-fuzz builds them; the flags are of every crate, so that nothing of another build can be used.
fuzz_targets() {
    RUSTFLAGS="--cfg fuzzing -D warnings" cargo check --quiet --locked \
        --manifest-path fuzz/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}/fuzz"
}

step "format" cargo fmt --all --check
step "spelling" spelling
step "dependencies of the library alone" lean
step "compilers that dependencies ask for" compilers
step "lints, no features" lints -p media-concat --no-default-features
step "lints, serde" lints -p media-concat --no-default-features --features serde
step "lints, s3" lints -p media-concat --no-default-features --features s3
step "lints, http" lints -p media-concat --no-default-features --features http
step "lints, checksum" lints -p media-concat --no-default-features --features checksum
step "lints, serve" lints -p media-concat --no-default-features --features serve
step "lints, cli" lints -p media-concat --no-default-features --features cli
step "lints, everything" lints --workspace --all-features
step "documentation" env RUSTDOCFLAGS=-Dwarnings \
    cargo doc --quiet --locked --workspace --no-deps --all-features
step "public API" scripts/api.sh
if [[ -f fuzz/Cargo.toml ]]; then step "fuzz targets compile" fuzz_targets; fi
