#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS (60), or those that are named, each beginning with files of its kind.
# libFuzzer's instrumentation is an unstable flag of the compiler, which RUSTC_BOOTSTRAP opens on a stable
# toolchain.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

shopt -s nullglob extglob

# The longest input of a target, and what it begins with besides fuzz/seeds: names in fixtures/generated and
# fixtures/containers. What is not here begins with nothing, and has inputs of 4096 bytes.
declare -A seeds=(
    [adts]="65536 *.aac"
    [aiff]="65536 *.aiff"
    [endings]="16384 *.@(aac|ac3|amr|avi|eac3|flv|latm|mkv|mp3|oga|ogg|opus|ts|webm)"
    [flac]="65536 *.flac"
    [latm]="16384 *.latm"
    [matroska]="65536 *.@(mkv|mka|webm)"
    [mp3]="65536 *.mp3"
    [program_maps]="65536 *.ts"
    [read_index]="262144 *.@(mp4|m4a|mov|3gp)"
    [wav]="65536 *.wav"
)

if (($# > 0)); then
    names=("$@")
else
    names=(fuzz/fuzz_targets/*.rs)
fi
if ((${#names[@]} == 0)); then
    echo "no fuzz targets" >&2
    exit 1
fi
command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz

export RUSTC_BOOTSTRAP=1
# An instrumented build has nothing in common with others.
target_dir=()
if [[ -n ${CARGO_TARGET_DIR:-} ]]; then target_dir=(--target-dir "$CARGO_TARGET_DIR/fuzz"); fi
for target in "${names[@]}"; do
    name=$(basename "$target" .rs)
    read -r longest kinds <<<"${seeds[$name]:-4096 }"
    # What it begins with is a pattern, of which nothing is left where there is no such file.
    # shellcheck disable=SC2206
    files=($PWD/fuzz/seeds/$name/*)
    for folder in generated containers; do
        # shellcheck disable=SC2206
        if [[ -n $kinds ]]; then files+=($PWD/fixtures/$folder/$kinds); fi
    done
    begin=()
    if ((${#files[@]} > 0)); then begin=("-seed_inputs=$(IFS=, && echo "${files[*]}")"); fi
    echo "== $name, ${FUZZ_SECONDS:=60} s, begins with ${#files[@]} files"
    mkdir -p "fuzz/corpus/$name"
    cargo fuzz run "${target_dir[@]}" "$name" "fuzz/corpus/$name" -- "${begin[@]}" \
        -max_len="$longest" -max_total_time="$FUZZ_SECONDS" -rss_limit_mb=2048 -timeout=10 \
        -print_final_stats=1
done
