#!/usr/bin/env bash
# Checks whose tools take longer to compile than all lints together: features two by two, and the licences, sources,
# versions and advisories of dependencies.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/steps.sh

# Without the dependencies of tests, whose features would hide that one of ours lacks something.
two_by_two() {
    cargo hack clippy --quiet --locked -p media-concat --feature-powerset --depth 2 \
        --exclude-features default -- -D warnings
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

step "cargo-hack is there" tool cargo-hack
step "lints, features two by two" two_by_two
step "cargo-deny is there" tool cargo-deny
step "licences, sources and versions of dependencies" licences
step "advisories" advisories
