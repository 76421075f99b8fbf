# Sourced by the scripts that check a change: each step is named, timed, and named again if it fails.

current=start
# Printed last, whatever happens.
closing=
trap 'status=$?; [[ $status == 0 ]] || echo "== failed: $current" >&2; [[ -z $closing ]] || echo "$closing"' EXIT
# No `||` around the command: that would switch off `set -e` inside the functions that are steps.
step() {
    local began=$SECONDS
    current=$1
    echo "== $1"
    shift
    "$@"
    echo "   $((SECONDS - began)) s"
}
