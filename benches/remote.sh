#!/usr/bin/env bash
# Measures joins of fragments behind nginx, which gives each connection 20 MB/s: the wall time beside
# what the largest fragment takes at that rate, beside FFmpeg reading the same URLs, and what nginx was
# asked for. The inputs are those of peers.sh.
#
#   benches/remote.sh            FRAGMENTS (4), ROUNDS times (3), appended to bench-out/results.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tool=$(realpath "${MEDIA_CONCAT:-target/release/media-concat}")
rounds=${ROUNDS:-3}
rate=20000000
[[ -d bench-out/inputs/parts ]] || benches/peers.sh inputs
parts=$(realpath bench-out/inputs/parts)
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server"; rm -rf "$work"' EXIT

port=$((20000 + RANDOM % 20000))
cat >"$work/nginx.conf" <<EOF
daemon off; master_process off; pid $work/pid; error_log $work/error.log;
events { worker_connections 256; }
http {
    log_format counts '\$body_bytes_sent';
    access_log $work/access.log counts;
    client_body_temp_path $work/a; proxy_temp_path $work/b; fastcgi_temp_path $work/c;
    uwsgi_temp_path $work/d; scgi_temp_path $work/e;
    server { listen 127.0.0.1:$port; root $parts; limit_rate $rate; }
}
EOF
nginx -p "$work" -e "$work/error.log" -c "$work/nginx.conf" &
server=$!
until curl --silent --output /dev/null "http://127.0.0.1:$port/"; do
    kill -0 "$server"
    sleep 0.05
done

files=("$parts"/*.mp4)
files=("${files[@]:0:${FRAGMENTS:-4}}")
urls=("${files[@]/#"$parts"/http:\/\/127.0.0.1:$port}")
largest=$(stat -c %s "${files[@]}" | sort -n | tail -1)
total=$(cat "${files[@]}" | wc -c)
printf "file '%s'\n" "${urls[@]}" >"$work/list.txt"

# Seconds that a command takes.
seconds() {
    local began=$EPOCHREALTIME
    "$@" >/dev/null
    awk "BEGIN { printf \"%.3f\", $EPOCHREALTIME - $began }"
}
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

ours=() peer=()
for ((round = 0; round < rounds; round++)); do
    : >"$work/access.log"
    ours+=("$(seconds /usr/bin/time -f %M -o "$work/memory" "$tool" join --quiet --no-sync --force \
        --allow-address 127.0.0.0/8 -o "$work/out.mp4" "${urls[@]}")")
    sleep 0.2
    requests=$(wc -l <"$work/access.log")
    bytes=$(awk '{ sum += $1 } END { print sum }' "$work/access.log")
    memory=$(<"$work/memory")
done
peer+=("$(seconds ffmpeg -hide_banner -v error -nostdin -y -f concat -safe 0 \
    -protocol_whitelist file,http,tcp -i "$work/list.txt" -c copy -movflags +faststart "$work/peer.mp4")")

mine=$(printf '%s\n' "${ours[@]}" | median)
ideal=$(awk "BEGIN { print $largest / $rate }")
awk -v mine="$mine" -v ideal="$ideal" -v peer="${peer[0]}" -v requests="$requests" -v bytes="$bytes" \
    -v total="$total" -v memory="$memory" -v count="${#files[@]}" 'BEGIN {
    name = sprintf("%d x 37 MB over HTTP, 20 MB/s a connection", count)
    verdict = mine / ideal <= 1.1 ? "ok" : "**miss**"
    printf "| %s, wall | %.3f s | largest / rate | %.3f s | %.2f ours/ideal | <= 1.1 | %s |\n", name, mine, ideal, mine / ideal, verdict
    printf "| %s, wall | %.3f s | ffmpeg | %.3f s | %.2f peer/ours | - |  |\n", name, mine, peer, peer / mine
    printf "| %s, requests a fragment | %.2f | - | - | - | <= 4 | %s |\n", name, requests / count, requests / count <= 4 ? "ok" : "**miss**"
    printf "| %s, bytes / size | %.4f | - | - | - | <= 1.05 | %s |\n", name, bytes / total, bytes / total <= 1.05 ? "ok" : "**miss**"
    printf "| %s, peak memory | %.1f MiB | - | - | - | <= 128 | %s |\n", name, memory / 1024, memory / 1024 <= 128 ? "ok" : "**miss**"
}' | tee -a bench-out/results.md
