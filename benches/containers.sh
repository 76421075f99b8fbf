#!/usr/bin/env bash
# Measures joins within every other container beside FFmpeg's concat demuxer on the same files: wall time,
# processor time and peak memory, alternating, medians. The inputs are made of those of peers.sh.
#
#   benches/containers.sh [CONTAINER]...      all; ROUNDS times (5), appended to bench-out/results.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tool=$(realpath "${MEDIA_CONCAT:-target/release/media-concat}")
rounds=${ROUNDS:-5}
[[ -d bench-out/inputs/parts ]] || benches/peers.sh inputs
parts=$(realpath bench-out/inputs/parts)
results=$(realpath bench-out)/results.md
mkdir -p bench-out/inputs/containers
cd bench-out/inputs/containers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make_media() { ffmpeg -hide_banner -v error -nostdin -y "$@"; }

# Four fragments for a container: pictures and sound from the parts, or ten minutes of noise and tones.
inputs() {
    local kind=$1 index
    for index in 0 1 2 3; do
        [[ -s $index.$kind ]] && continue
        case $kind in
        mkv | ts) make_media -i "$parts/0$index.mp4" -c copy "$index.$kind" ;;
        wav) make_media -f lavfi -i "anoisesrc=d=600:r=48000:seed=$index:a=0.3" -ac 2 "$index.wav" ;;
        mp3) make_media -f lavfi -i "anoisesrc=d=600:r=48000:seed=$index:a=0.3" -ac 2 -b:a 192k "$index.mp3" ;;
        aac) make_media -f lavfi -i "anoisesrc=d=600:r=48000:seed=$index:a=0.3" -ac 2 -b:a 128k "$index.aac" ;;
        flac) make_media -f lavfi -i "anoisesrc=d=600:r=48000:seed=$index:a=0.3" -ac 2 "$index.flac" ;;
        opus) make_media -f lavfi -i "anoisesrc=d=600:r=48000:seed=$index:a=0.3" -ac 2 -b:a 96k "$index.opus" ;;
        esac
    done
}

# Runs a command; appends wall, processor seconds and KiB to a file.
measure() {
    local into=$1
    shift
    rm -f "$work"/*."$kind"
    /usr/bin/time -a -o "$into" -f '%e %U %S %M' "$@"
}

# The median of a column expression.
median() { awk "{ print $2 }" "$1" | sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
row() { printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$@" | tee -a "$results"; }
held() { awk "BEGIN { print ($1 <= $2) ? \"ok\" : \"**miss**\" }"; }

compare() {
    local kind=$1 round what size ours theirs ratio
    inputs "$kind"
    printf "file '$PWD/%s.$kind'\n" 0 1 2 3 >"$work/list.txt"
    rm -f "$work"/ours "$work"/peer
    for ((round = 0; round < rounds; round++)); do
        measure "$work/ours" "$tool" join --quiet --no-sync -o "$work/ours.$kind" 0."$kind" 1."$kind" 2."$kind" 3."$kind"
        measure "$work/peer" ffmpeg -hide_banner -v error -nostdin -f concat -safe 0 -i "$work/list.txt" -c copy "$work/peer.$kind"
    done
    size=$(cat 0."$kind" 1."$kind" 2."$kind" 3."$kind" | wc -c)
    for what in 'wall:$1' 'CPU:$2+$3'; do
        ours=$(median "$work/ours" "${what#*:}")
        theirs=$(median "$work/peer" "${what#*:}")
        ratio=$(awk "BEGIN { printf \"%.2f\", $ours / ($theirs > 0 ? $theirs : 0.01) }")
        row "$kind, $((size / 1000000)) MB in 4, ${what%:*}" "$ours s" "ffmpeg -f concat" "$theirs s" "$ratio ours/peer" "<= 1" "$(held "$ratio" 1)"
    done
    ours=$(median "$work/ours" '$4/1024')
    row "$kind, $((size / 1000000)) MB in 4, peak memory" "$ours MiB" "ffmpeg -f concat" "$(median "$work/peer" '$4/1024') MiB" - "<= 64" "$(held "$ours" 64)"
}

if (($# == 0)); then set -- mkv ts wav mp3 aac flac opus; fi
for container; do compare "$container"; done
