#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS (60), beginning with the fixtures. libFuzzer's
# instrumentation is an unstable flag of the compiler, which RUSTC_BOOTSTRAP opens on a stable
# toolchain.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

shopt -s nullglob
targets=(fuzz/fuzz_targets/*.rs)
if ((${#targets[@]} == 0)); then
    echo "no fuzz targets" >&2
    exit 1
fi
command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz

export RUSTC_BOOTSTRAP=1
for target in "${targets[@]}"; do
    name=$(basename "$target" .rs)
    echo "== $name, ${FUZZ_SECONDS:=60} s"
    mkdir -p "fuzz/corpus/$name"
    cargo fuzz run "$name" "fuzz/corpus/$name" fixtures/generated -- -max_total_time="$FUZZ_SECONDS" \
        -rss_limit_mb=2048 -timeout=10 -print_final_stats=1
done
