#!/usr/bin/env bash
# All tests, and the service against its description. The sum of all tests is the last line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/steps.sh

# Doc tests run with the rest, and the counts of all test programs are added up.
tests() {
    local log status=0
    log=$(mktemp)
    cargo test --locked --workspace --all-features --no-fail-fast 2>&1 | tee "$log" || status=$?
    closing=$(awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
        END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log")
    rm "$log"
    return "$status"
}

step "tests" tests
step "service against its description" scripts/schemathesis.sh
