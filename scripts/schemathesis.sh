#!/usr/bin/env bash
# The artifact service against its own description, by a tool that knows neither: schemathesis makes
# requests out of /openapi.json, valid ones and others, and judges the answers.
# ARTIFACT_SERVICE (target/debug/artifact-service), SCHEMATHESIS_EXAMPLES (20), SCHEMATHESIS_SEED (1).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/pypi.sh

version=4.32.5
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
service=$(realpath "${ARTIFACT_SERVICE:-$target/debug/artifact-service}")
tool=$(pypi_tool schemathesis "$version")

folder=$(mktemp -d)
"$service" serve --listen 127.0.0.1:0 --data "$folder/data" --storage "folder:$folder/objects" \
    --allow-private-addresses --requests-per-minute 100000000 >"$folder/said" 2>"$folder/log" &
process=$!
trap 'kill "$process" 2>/dev/null; wait "$process" || true; rm -rf "$folder"' EXIT
for _ in {1..600}; do
    grep -q '^listening' "$folder/said" && break
    kill -0 "$process" || { cat "$folder/log" >&2; exit 1; }
    sleep 0.1
done
key=$(awk '/^API key/ { print $NF }' "$folder/said")
base=$(awk '/^listening/ { print $NF }' "$folder/said")

cd "$folder"
against() {
    "$tool/bin/schemathesis" run "$base/openapi.json" --header "Authorization: Bearer $key" --no-color \
        --max-examples "${SCHEMATHESIS_EXAMPLES:-20}" --seed "${SCHEMATHESIS_SEED:-1}" "$@" >report ||
        { cat report; exit 1; }
    tail -n 1 report
}
against --exclude-path-regex 'events$'
# These do not end: each request is listened to until it times out.
against --include-path-regex 'events$' --phases coverage --request-timeout 2
