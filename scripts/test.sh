#!/usr/bin/env bash
# Everything a change must pass, cheapest first; prints each step and ends with the sum of all tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

current=start
trap '[[ $? == 0 ]] || echo "== failed: $current" >&2' EXIT
# No `||` around the command: that would switch off `set -e` inside the functions below.
step() {
    local began=$SECONDS
    current=$1
    echo "== $1"
    shift
    "$@"
    echo "   $((SECONDS - began)) s"
}

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

# Doc tests run with the rest, and the counts of all test programs are added up.
tests() {
    local log status=0
    log=$(mktemp)
    cargo test --locked --workspace --all-features --no-fail-fast 2>&1 | tee "$log" || status=$?
    awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
        END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log"
    rm "$log"
    return "$status"
}

fuzz_targets() {
    cargo check --quiet --locked --manifest-path fuzz/Cargo.toml \
        --target-dir "${CARGO_TARGET_DIR:-target}"
}

step "format" cargo fmt --all --check
step "dependencies of the library alone" lean
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
if [[ -f fuzz/Cargo.toml ]]; then step "fuzz targets compile" fuzz_targets; fi
step "tests" tests
step "service against its description" scripts/schemathesis.sh
