#!/usr/bin/env bash
# What a change must pass besides the tests, cheapest first: formatting, spelling, licences, lints with features two by
# two, documentation. The tools that Rust does not bring are installed when they are missing, which takes minutes
# once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/steps.sh

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

# Without the dependencies of tests, whose features would hide that one of ours lacks something. `fuzzing` is
# checked with the fuzz targets.
two_by_two() {
    cargo hack clippy --quiet --locked -p media-concat --feature-powerset --depth 2 \
        --exclude-features default,fuzzing -- -D warnings
}

licences() { cargo deny --locked check --hide-inclusion-graph licenses bans sources; }

# The database of advisories is a repository on the network. Where it cannot be had, that is said and nothing
# is judged: what was there yesterday would look like an all-clear.
advisories() {
    local said
    if said=$(timeout 60 cargo deny --locked fetch db 2>&1 </dev/null); then
        cargo deny --locked check --disable-fetch advisories
    else
        echo "   not checked, the advisories cannot be fetched: $(tail -n 1 <<<"$said")"
    fi
}

# Compiled once, at most.
tool() { command -v "$1" >/dev/null || cargo install --quiet --locked "$1"; }

# PyPI has the spelling tool as a program; compiling it takes as long as all lints together.
spelling() {
    local version=1.52.0 target tool
    target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
    tool=$target/typos-$version
    if [[ ! -e $tool/complete ]]; then
        rm -rf "$tool"
        python3 -m venv "$tool"
        "$tool/bin/python" -m pip install --quiet --disable-pip-version-check "typos==$version"
        touch "$tool/complete"
    fi
    "$tool/bin/typos"
}

fuzz_targets() {
    cargo check --quiet --locked --manifest-path fuzz/Cargo.toml \
        --target-dir "${CARGO_TARGET_DIR:-target}"
}

step "format" cargo fmt --all --check
step "spelling" spelling
step "dependencies of the library alone" lean
step "compilers that dependencies ask for" compilers
step "cargo-deny is there" tool cargo-deny
step "licences, sources and versions of dependencies" licences
step "advisories" advisories
step "lints, no features" lints -p media-concat --no-default-features
step "cargo-hack is there" tool cargo-hack
step "lints, features two by two" two_by_two
step "lints, everything" lints --workspace --all-features
step "documentation" env RUSTDOCFLAGS=-Dwarnings \
    cargo doc --quiet --locked --workspace --no-deps --all-features
if [[ -f fuzz/Cargo.toml ]]; then step "fuzz targets compile" fuzz_targets; fi
