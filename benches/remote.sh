#!/usr/bin/env bash
# Measures joins of fragments behind nginx: the wall time beside what the rate of the connections, or of
# one wire that all share, allows at best; beside FFmpeg and curl reading the same URLs; what nginx was
# asked for; the memory that 5 GB take. The inputs are those of peers.sh.
#
#   benches/remote.sh [connections|wire|large]...      all; ROUNDS times (3), appended to bench-out/results.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tool=$(realpath "${MEDIA_CONCAT:-target/release/media-concat}")
rounds=${ROUNDS:-3}
[[ -d bench-out/inputs/parts ]] || benches/peers.sh inputs
parts=$(realpath bench-out/inputs/parts)
bottleneck=$(realpath benches/bottleneck.py)
results=$(realpath bench-out)/results.md
# On the disk that peers.sh measures on.
work=$(mktemp -d bench-out/remote.XXXXXX)
work=$(realpath "$work")
servers=()
trap 'if ((${#servers[@]})); then kill "${servers[@]}"; fi; rm -rf "$work"' EXIT

# nginx as Debian configures it (sendfile), but for a rate of each connection; 0 is none.
serve() {
    local port=$1 rate=$2
    cat >"$work/$port.conf" <<EOF
daemon off; master_process off; pid $work/$port.pid; error_log $work/error.log;
events { worker_connections 768; }
http {
    sendfile on; tcp_nopush on;
    log_format counts '\$body_bytes_sent';
    access_log $work/access.log counts;
    client_body_temp_path $work/a; proxy_temp_path $work/b; fastcgi_temp_path $work/c;
    uwsgi_temp_path $work/d; scgi_temp_path $work/e;
    server { listen 127.0.0.1:$port; root $parts; limit_rate $rate; }
}
EOF
    nginx -p "$work" -e "$work/error.log" -c "$work/$port.conf" &
    servers+=("$!")
    reachable "$port"
}

reachable() {
    until curl --silent --output /dev/null "http://127.0.0.1:$1/"; do
        kill -0 "${servers[-1]}"
        sleep 0.05
    done
}

# Seconds that a command takes.
seconds() {
    local began=$EPOCHREALTIME
    "$@" >/dev/null
    awk "BEGIN { printf \"%.3f\", $EPOCHREALTIME - $began }"
}
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

# name ours unit peer value ratio target ok
row() { printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$@" | tee -a "$results"; }
# Whether a number is at most another.
held() { awk "BEGIN { print ($1 <= $2) ? \"ok\" : \"**miss**\" }"; }

join() {
    /usr/bin/time -f %M -o "$work/memory" "$tool" join --quiet --no-sync --allow-address 127.0.0.0/8 "$@"
}

# All at once, as a script would.
fetch_all() {
    local url pids=()
    for url; do
        curl --silent --output "$work/fetched.${#pids[@]}" "$url" &
        pids+=("$!")
    done
    wait "${pids[@]}"
}

# The first COUNT parts behind PORT: sets files, urls, total, largest.
choose() {
    files=("$parts"/*.mp4)
    files=("${files[@]:0:$2}")
    urls=("${files[@]/#"$parts"/http:\/\/127.0.0.1:$1}")
    largest=$(stat -c %s "${files[@]}" | sort -n | tail -1)
    total=$(cat "${files[@]}" | wc -c)
}

# NAME, what is ideal and in how many seconds.
against_ideal() {
    local name=$1 limit=$2 ideal=$3 round ours=() theirs=() mine
    for ((round = 0; round < rounds; round++)); do
        : >"$work/access.log"
        # A file that is replaced takes time to be freed, which is nobody's download.
        rm -f "$work/out.mp4"
        ours+=("$(seconds join -o "$work/out.mp4" "${urls[@]}")")
        sleep 0.2
        requests=$(wc -l <"$work/access.log")
        bytes=$(awk '{ sum += $1 } END { print sum }' "$work/access.log")
        memory=$(awk '{ printf "%.1f", $1 / 1024 }' "$work/memory")
        rm -f "$work"/fetched.*
        theirs+=("$(seconds fetch_all "${urls[@]}")")
    done
    mine=$(printf '%s\n' "${ours[@]}" | median)
    curl=$(printf '%s\n' "${theirs[@]}" | median)
    ratio=$(awk "BEGIN { printf \"%.2f\", $mine / $ideal }")
    row "$name, wall" "$mine s" "$limit" "$(printf '%.3f s' "$ideal")" "$ratio ours/ideal" "<= 1.1" "$(held "$ratio" 1.1)"
    row "$name, wall" "$mine s" "curl, all at once" "$curl s" "$(awk "BEGIN { printf \"%.2f\", $mine / $curl }") ours/peer" - ""
    local each share
    each=$(awk "BEGIN { printf \"%.2f\", $requests / ${#files[@]} }")
    share=$(awk "BEGIN { printf \"%.4f\", $bytes / $total }")
    row "$name, requests a fragment" "$each" - - - "<= 4" "$(held "$each" 4)"
    row "$name, bytes / size" "$share" - - - "<= 1.05" "$(held "$share" 1.05)"
    row "$name, peak memory" "$memory MiB" - - - "<= 128" "$(held "$memory" 128)"
}

# 20 MB/s for each connection: the largest fragment decides.
connections() {
    local port=$((20000 + RANDOM % 10000)) rate=20000000 count
    serve "$port" "$rate"
    for count in 4 16; do
        choose "$port" "$count"
        against_ideal "$count x 37 MB over HTTP, 20 MB/s a connection" "largest / rate" \
            "$(awk "BEGIN { print $largest / $rate }")"
    done
    choose "$port" 4
    printf "file '%s'\n" "${urls[@]}" >"$work/list.txt"
    local mine peer
    rm -f "$work/out.mp4"
    mine=$(seconds join -o "$work/out.mp4" "${urls[@]}")
    peer=$(seconds ffmpeg -hide_banner -v error -nostdin -y -f concat -safe 0 \
        -protocol_whitelist file,http,tcp -i "$work/list.txt" -c copy -movflags +faststart "$work/peer.mp4")
    rm -f "$work/peer.mp4"
    row "4 x 37 MB over HTTP, 20 MB/s a connection, wall" "$mine s" ffmpeg "$peer s" \
        "$(awk "BEGIN { printf \"%.2f\", $peer / $mine }") peer/ours" - ""
}

# 60 MB/s for all connections together: the sum decides.
wire() {
    local port=$((30000 + RANDOM % 10000)) rate=60000000
    serve "$port" 0
    python3 "$bottleneck" "$((port + 1))" "$port" "$rate" &
    servers+=("$!")
    reachable "$((port + 1))"
    choose "$((port + 1))" 8
    against_ideal "8 x 37 MB over HTTP, 60 MB/s in all" "total / rate" "$(awk "BEGIN { print $total / $rate }")"
}

# 5 GB as fast as they come, into a file and into a pipe.
large() {
    local port=$((40000 + RANDOM % 10000)) many=() size
    serve "$port" 0
    choose "$port" 16
    while ((total < 5000000000)); do
        many+=("${urls[@]}")
        total=$((total + $(cat "${files[@]}" | wc -c)))
    done
    many+=("${urls[@]}")
    join -o "$work/large.mp4" "${many[@]}"
    size=$(stat -c %s "$work/large.mp4")
    rm "$work/large.mp4"
    memory=$(awk '{ printf "%.1f", $1 / 1024 }' "$work/memory")
    row "$((size / 1000000)) MB over HTTP into a file, peak memory" "$memory MiB" - - - "<= 128" "$(held "$memory" 128)"
    join -o - "${many[@]}" | wc -c >"$work/piped"
    [[ $(<"$work/piped") == "$size" ]]
    memory=$(awk '{ printf "%.1f", $1 / 1024 }' "$work/memory")
    row "$((size / 1000000)) MB over HTTP into a pipe, peak memory" "$memory MiB" - - - "<= 128" "$(held "$memory" 128)"
}

if (($# == 0)); then set -- connections wire large; fi
for scenario; do "$scenario"; done
