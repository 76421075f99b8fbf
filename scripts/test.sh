#!/usr/bin/env bash
# Everything a change must pass, cheapest first; prints each step and ends with the sum of all tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() {
    local began=$SECONDS
    echo "== $1"
    shift
    "$@" || {
        echo "== failed: $*" >&2
        exit 1
    }
    echo "   $((SECONDS - began)) s"
}

lints() { cargo clippy --quiet --locked --all-targets "$@" -- -D warnings; }

# The library alone must not pull what only the tool or a server needs.
lean() {
    local tree
    tree=$(cargo tree --locked -p media-concat -e normal --no-default-features --prefix none -f '{p}')
    if grep -E '^(axum|clap|hyper|indicatif|serde_json|tower) v' <<<"$tree"; then
        echo "the library pulls the crates above" >&2
        return 1
    fi
}

# Doc tests run with the rest, and the counts of all test programs are added up.
tests() {
    local log
    log=$(mktemp)
    # shellcheck disable=SC2064
    trap "rm -f '$log'" EXIT
    cargo test --locked --workspace --all-features 2>&1 | tee "$log"
    awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
        END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored }' "$log"
}

fuzz_targets() {
    cargo check --quiet --locked --manifest-path fuzz/Cargo.toml \
        --target-dir "${CARGO_TARGET_DIR:-target}"
}

step "format" cargo fmt --all --check
step "dependencies of the library alone" lean
step "lints, no features" lints -p media-concat --no-default-features
step "lints, serde" lints -p media-concat --no-default-features --features serde
step "lints, cli" lints -p media-concat --no-default-features --features cli
step "lints, everything" lints --workspace --all-features
step "documentation" env RUSTDOCFLAGS=-Dwarnings \
    cargo doc --quiet --locked --workspace --no-deps --all-features
if [[ -f fuzz/Cargo.toml ]]; then step "fuzz targets compile" fuzz_targets; fi
step "tests" tests
