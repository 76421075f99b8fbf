#!/usr/bin/env bash
# The library's public API, as rustdoc tells it, is that of api.txt. `scripts/api.sh write` writes it anew: whoever changes the
# API sees in the diff what callers will see.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=0.52.0
target="$(realpath -m "${CARGO_TARGET_DIR:-target}")/api"
tool="$target/tools/bin/cargo-public-api"
if [[ ! -x "$tool" ]]; then
    cargo install --quiet --locked --root "$target/tools" cargo-public-api --version "$version"
fi
found=$(mktemp)
trap 'rm -f "$found"' EXIT
# rustdoc's JSON is not stable; the tool's version is that which reads the JSON of this compiler.
RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$target" \
    RUSTUP_TOOLCHAIN="$(rustup show active-toolchain | cut -d' ' -f1)" \
    "$tool" public-api -p media-concat --all-features -sss --color never >"$found" 2>"$found.log" ||
    { cat "$found.log" >&2; exit 1; }
rm -f "$found.log"
if [[ "${1:-}" == write ]]; then
    cp "$found" api.txt
    wc -l api.txt
elif ! diff -u api.txt "$found"; then
    echo "the public API is another one than in api.txt: 'scripts/api.sh write' if that is meant" >&2
    exit 1
fi
