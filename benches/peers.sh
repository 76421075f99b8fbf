#!/usr/bin/env bash
# Measures the release build beside FFmpeg, mkvmerge, MP4Box (where installed), mp4-merge and cat.
#
#   benches/peers.sh [parts|long|many|growth|reflink]...    all by default
#
# Commands of a scenario take turns, ROUNDS times (5), with warm input and drained write-back; the table
# shows medians. `benches/peers.sh inputs` only makes the inputs, which stay in bench-out/inputs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin

tool=$(realpath "${MEDIA_CONCAT:-target/release/media-concat}")
rounds=${ROUNDS:-5}
peers=$(realpath -m "${PEERS:-bench-out/peers}")
mkdir -p bench-out/inputs bench-out/out
cd bench-out
here=$PWD
runs=$(mktemp -d)
trap 'rm -rf "$runs" "$out"/*; unmount' EXIT
MOUNT=$here/xfs
out=out # where outputs go; on another file system for `reflink`

unmount() { if mountpoint --quiet "$MOUNT"; then "${root[@]}" umount "$MOUNT"; fi; }
root=()
if ((EUID != 0)); then root=(sudo); fi
quiet=(ffmpeg -hide_banner -v error -nostdin -y)

# --- inputs -----------------------------------------------------------------------------------------
# Each is made under another name and then renamed, so that an interrupted run leaves none half made.

make_parts() { # 16 files of 37 MB, index first
    [[ -d inputs/parts ]] && return
    echo "making 16 files of 37 MB" >&2
    rm -rf inputs/.parts && mkdir inputs/.parts
    "${quiet[@]}" -f lavfi -i testsrc2=s=1280x720:r=30:d=10,noise=alls=80:allf=t \
        -f lavfi -i sine=f=440:r=48000:d=10 -c:v libx264 -preset ultrafast -g 60 -b:v 29.5M \
        -maxrate 29.5M -bufsize 15M -pix_fmt yuv420p -c:a aac -b:a 128k -movflags +faststart \
        inputs/.parts/00.mp4
    for k in {01..15}; do cp --reflink=never inputs/.parts/00.mp4 "inputs/.parts/$k.mp4"; done
    mv inputs/.parts inputs/parts
}

make_long() { # 8 files of 30 minutes at 400 kbit/s
    [[ -d inputs/long ]] && return
    echo "making 8 files of 30 minutes" >&2
    rm -rf inputs/.long && mkdir inputs/.long
    "${quiet[@]}" -f lavfi -i testsrc2=s=480x270:r=30:d=20 -c:v libx264 -preset veryfast -g 60 -bf 2 \
        -b:v 336k -maxrate 336k -bufsize 336k -pix_fmt yuv420p inputs/.long/loop.mp4
    "${quiet[@]}" -stream_loop -1 -i inputs/.long/loop.mp4 -f lavfi -i sine=f=440:r=48000:d=1800 \
        -map 0:v -map 1:a -frames:v 54000 -c:v copy -c:a aac -b:a 64k -movflags +faststart inputs/.long/0.mp4
    rm inputs/.long/loop.mp4
    for k in {1..7}; do cp --reflink=never inputs/.long/0.mp4 "inputs/.long/$k.mp4"; done
    mv inputs/.long inputs/long
}

make_many() { # 4,000 files of 0.4 s
    [[ -d inputs/many ]] && return
    echo "making 4,000 files of 0.4 s" >&2
    rm -rf inputs/.many && mkdir inputs/.many
    "${quiet[@]}" -f lavfi -i testsrc2=s=320x180:r=30:d=0.4 -f lavfi -i sine=f=440:r=48000:d=0.4 \
        -c:v libx264 -preset veryfast -bf 2 -pix_fmt yuv420p -c:a aac -b:a 96k inputs/.many/0000.mp4
    printf 'inputs/.many/%04d.mp4\n' {1..3999} |
        xargs -n 500 bash -c 'tee "$@" <inputs/.many/0000.mp4 >/dev/null' tee
    mv inputs/.many inputs/many
}

# lists NAME SECONDS FILE...: the same order for every tool, as lists/NAME.{json,txt,args,mkv.json}.
lists() {
    mkdir -p lists
    local name=$1 seconds=$2
    shift 2
    printf '%s\n' "$@" | tee "lists/$name.args" | awk -v seconds="$seconds" \
        -v json="lists/$name.json" -v txt="lists/$name.txt" -v mkv="lists/$name.mkv.json" '
        { printf "%s{\"path\":\"%s\",\"startTime\":%.1f}", (NR > 1 ? ",\n" : "["), $0, seconds * (NR - 1) >json
          printf "file \x27%s\x27\n", $0 >txt
          printf "%s\"%s\"", (NR > 1 ? ",\n\"+\"," : "[\"--quiet\",\"-o\",\"out/mkvmerge.mkv\","), $0 >mkv }
        END { print "]" >json; print "]" >mkv }'
}

# --- measuring --------------------------------------------------------------------------------------

# race SCENARIO (NAME COMMAND)...: runs the commands in turn and keeps wall, user+sys, MiB, MB written.
# Written is the larger of what was passed to write calls and what dirtied pages: a second pass over
# pages that are still dirty shows in the first only.
race() {
    local scenario=$1 round began ended i log
    shift
    local turn=("$@")
    echo "$scenario" >&2
    for ((round = 0; round < rounds; round++)); do
        for ((i = 0; i < ${#turn[@]}; i += 2)); do
            log=$runs/$scenario.${turn[i]}
            [[ -e $log.failed ]] && continue
            rm -f "$out"/* && sync
            began=${EPOCHREALTIME/./}
            if ! command time -f '%U %S %M %O' -o "$runs/usage" \
                bash -c "${turn[i + 1]}"$'\nr=$?; grep wchar /proc/$$/io >&3; exit $r' \
                >"$runs/stdout" 2>"$runs/stderr" 3>"$runs/io" </dev/null; then
                echo "  ${turn[i]} failed: $(tail -n 1 "$runs/stderr")" >&2
                touch "$log.failed"
                continue
            fi
            ended=${EPOCHREALTIME/./}
            awk -v us=$((ended - began)) -v io="$(cut -d ' ' -f 2 "$runs/io")" '{
                dirtied = $4 * 512
                printf "%.6f %.3f %.1f %.1f\n", us / 1e6, $1 + $2, $3 / 1024,
                    (dirtied > io ? dirtied : io) / 1e6 }' "$runs/usage" >>"$log"
        done
    done
}

# median SCENARIO NAME COLUMN (1 wall, 2 CPU, 3 peak MiB, 4 MB written); nothing if it failed.
median() {
    [[ -e $runs/$1.$2.failed || ! -e $runs/$1.$2 ]] && return
    sort -n -k "$3,$3" "$runs/$1.$2" | awk -v c="$3" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'
}

# spread SCENARIO NAME COLUMN UNIT: the median with the least and the largest value.
spread() {
    sort -n -k "$3,$3" "$runs/$1.$2" | awk -v c="$3" -v unit="$4" '{ v[NR] = $c } END {
        f = c < 3 ? "%.3f" : "%.1f"
        printf f " %s (" f "–" f ")", v[int((NR + 1) / 2)], unit, v[1], v[NR] }'
}

# verdict VALUE "<= N"|">= N"|-: ok, miss, or nothing to hold it to.
verdict() {
    [[ $2 == - ]] && return
    awk -v v="$1" -v op="${2% *}" -v n="${2#* }" 'BEGIN {
        print (op == "<=" ? v <= n : v >= n) ? "ok" : "**miss**" }'
}

row() { printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$@" >>"$runs/table"; }

# compare WHAT SCENARIO PEER COLUMN UNIT WAY TARGET: WAY `ours/peer`, or `peer/ours` for "times less".
compare() {
    local ours peer ratio
    ours=$(median "$2" ours "$4")
    peer=$(median "$2" "$3" "$4")
    if [[ -z $ours ]]; then
        row "$1" failed "$3" "$peer" - "$7" "**miss**"
    elif [[ -z $peer ]]; then
        if [[ -e $runs/$2.$3.failed ]]; then row "$1" "$(spread "$2" ours "$4" "$5")" "$3" fails - "$7" ""; fi
    else
        ratio=$(awk -v a="$ours" -v b="$peer" -v way="$6" 'BEGIN {
            if (a == 0) a = 0.001; if (b == 0) b = 0.001
            printf "%.2f", way == "ours/peer" ? a / b : b / a }')
        row "$1" "$(spread "$2" ours "$4" "$5")" "$3" "$(spread "$2" "$3" "$4" "$5")" "$ratio $6" "$7" \
            "$(verdict "$ratio" "$7")"
    fi
}

# bound WHAT VALUE UNIT TARGET: a number of ours alone.
bound() {
    local shown=failed
    if [[ -n $2 ]]; then shown="$(awk -v n="$2" 'BEGIN { printf "%.3f", n }')${3:+ $3}"; fi
    row "$1" "$shown" - - - "$4" "$(verdict "${2:-1e99}" "$4")"
}

# holds SECONDS FILE: our output is what it says before its speed counts.
holds() {
    local length
    length=$(ffprobe -v error -show_entries format=duration -of csv=p=0 "$2")
    awk -v a="$length" -v b="$1" 'BEGIN { exit !(a - b < 0.05 && b - a < 0.05) }' || {
        echo "$2 lasts $length s, not $1 s" >&2
        exit 1
    }
}
check() { # SECONDS LIST
    rm -f "$out"/*
    "$tool" join --quiet --force -o "$out/ours.mp4" --fragments "lists/$2.json" >/dev/null
    holds "$1" "$out/ours.mp4"
}
bytes_of() { cat "$@" | wc -c; }
number() { # FIELD REPORT: a number out of a JSON report
    tr -d ' \n' <"$2" | grep -oE "\"$1\":[0-9]+" | head -n 1 | cut -d : -f 2
}

ours() { # LIST [FLAGS]
    echo "\"$tool\" join --quiet --json --force ${2-} -o $out/ours.mp4 --fragments lists/$1.json"
}
concat() { # LIST FLAGS
    echo "ffmpeg -hide_banner -v error -nostdin -y -f concat -safe 0 -i lists/$1.txt -c copy $2 out/ffmpeg.mp4"
}
merge() { echo "xargs -x -s 1900000 -a lists/$1.args $peers/bin/mp4_merge --out out/mp4-merge.mp4"; }
box() { echo "MP4Box -quiet $(printf -- '-cat %s ' "$@") -new out/mp4box.mp4"; }

# --- scenarios --------------------------------------------------------------------------------------

parts() {
    make_parts
    local files=("$here"/inputs/parts/*.mp4) length
    length=$(ffprobe -v error -show_entries format=duration -of csv=p=0 "${files[0]}")
    length=$(awk -v n="$length" 'BEGIN { printf "%.1f", n }')
    lists parts "$length" "${files[@]}"
    cat "${files[@]}" >/dev/null
    check "$(awk -v n="$length" 'BEGIN { print n * 16 }')" parts
    local maybe=()
    if command -v MP4Box >/dev/null; then maybe=(mp4box "$(box "${files[@]}")"); fi
    # Like with like: no peer syncs, so neither do we; what is durable is compared with that.
    race synced ours "$(ours parts)" \
        cat-fsync "cat ${files[*]} >out/cat.mp4 && sync out/cat.mp4"
    race parts ours "$(ours parts --no-sync)" \
        cat "cat ${files[*]} >out/cat.mp4" \
        ffmpeg "$(concat parts '-movflags +faststart')" \
        mp4-merge "$(merge parts)" \
        mkvmerge "mkvmerge @lists/parts.mkv.json" \
        "${maybe[@]}"
    local what="16 x 37 MB, --no-sync, wall"
    compare "$what" parts cat 1 s ours/peer "<= 1.3"
    compare "16 x 37 MB, on the disk, wall" synced cat-fsync 1 s ours/peer "<= 1.3"
    compare "$what" parts ffmpeg 1 s peer/ours ">= 2"
    compare "$what" parts mp4-merge 1 s ours/peer "<= 1"
    compare "$what" parts mkvmerge 1 s peer/ours -
    compare "$what" parts mp4box 1 s peer/ours -
    local written
    written=$(median parts ours 4)
    bound "16 x 37 MB, bytes written / payload" "$(awk -v a="${written:-0}" -v b="$(bytes_of "${files[@]}")" \
        'BEGIN { printf "%.3f", a * 1e6 / b }')" "" "<= 1.02"
    compare "16 x 37 MB, bytes written" parts ffmpeg 4 MB peer/ours -
}

long() {
    make_long
    local files=("$here"/inputs/long/*.mp4)
    lists long 1800 "${files[@]}"
    cat "${files[@]}" >/dev/null
    check 14400 long
    race long ours "$(ours long)" ffmpeg "$(concat long '-movflags +faststart')" \
        mp4-merge "$(merge long)" mkvmerge "mkvmerge @lists/long.mkv.json"
    compare "4 h in 8 files, CPU" long ffmpeg 2 s peer/ours ">= 5"
    compare "4 h in 8 files, CPU" long mp4-merge 2 s peer/ours -
    compare "4 h in 8 files, CPU" long mkvmerge 2 s peer/ours -
    compare "4 h in 8 files, wall" long ffmpeg 1 s peer/ours -
    bound "4 h in 8 files, peak memory" "$(median long ours 3)" MiB -
}

# Few descriptors for the tools that manage, many for the others.
few() { echo "ulimit -n 64; $1"; }
plenty() { echo "ulimit -n 16384; $1"; }

many() {
    make_many
    local files=("$here"/inputs/many/*.mp4)
    lists many 0.4 "${files[@]}"
    cat "${files[@]}" >/dev/null
    check 1600 many
    race many ours "$(few "$(ours many)")" ffmpeg "$(few "$(concat many '')")" \
        mp4-merge "$(plenty "$(merge many)")" \
        mkvmerge "$(plenty "mkvmerge @lists/many.mkv.json")"
    local what="4,000 x 0.4 s"
    compare "$what, wall, 64 descriptors" many ffmpeg 1 s peer/ours ">= 4"
    bound "$what, wall, 64 descriptors" "$(median many ours 1)" s "<= 1"
    compare "$what, wall (16,384 descriptors for the peer)" many mp4-merge 1 s peer/ours -
    compare "$what, wall (16,384 descriptors for the peer)" many mkvmerge 1 s peer/ours -
    bound "$what, peak memory" "$(median many ours 3)" MiB "<= 64"
    compare "$what, peak memory" many ffmpeg 3 MiB peer/ours -
}

growth() {
    make_many
    local count files
    for count in 500 1000 2000 4000; do
        files=("$here"/inputs/many/*.mp4)
        files=("${files[@]:0:count}")
        lists "many$count" 0.4 "${files[@]}"
        race "growth$count" ours "$(few "$(ours "many$count")")" ffmpeg "$(few "$(concat "many$count" '')")"
        compare "$count x 0.4 s, wall" "growth$count" ffmpeg 1 s peer/ours -
    done
    bound "growth, wall of 4,000 / wall of 500" "$(awk -v a="$(median growth4000 ours 1)" \
        -v b="$(median growth500 ours 1)" 'BEGIN { if (a && b) printf "%.2f", a / b }')" "" "<= 10"
}

# A file system that shares extents, in a file: root, a loop device and XFS are needed.
reflink() {
    make_parts
    local image=$here/xfs.img
    mkdir -p "$MOUNT"
    rm -f "$image"
    truncate -s 4G "$image"
    mkfs.xfs -q -f -m reflink=1 "$image"
    if ! "${root[@]}" mount -o loop "$image" "$MOUNT" 2>/dev/null; then
        echo "reflink: no loop device here" >&2
        rm -f "$image"
        row "64 x 37 MB on XFS" "not measured" cat - - ">= 5" ""
        return
    fi
    "${root[@]}" chown "$EUID" "$MOUNT"
    cp inputs/parts/*.mp4 "$MOUNT"
    local copy
    for copy in a b c; do
        for part in "$MOUNT"/[0-9][0-9].mp4; do
            cp --reflink=always "$part" "${part%.mp4}$copy.mp4"
        done
    done
    local files=("$MOUNT"/[0-9]*.mp4) length share
    length=$(ffprobe -v error -show_entries format=duration -of csv=p=0 "${files[0]}")
    lists reflink "$(awk -v n="$length" 'BEGIN { printf "%.1f", n }')" "${files[@]}"
    cat "${files[@]}" >/dev/null
    out=$MOUNT/out
    mkdir "$out"
    race reflink ours "$(ours reflink)" cat "cat ${files[*]} >$out/cat.mp4" \
        cat-fsync "cat ${files[*]} >$out/cat.mp4 && sync $out/cat.mp4"
    compare "64 x 37 MB on XFS, wall" reflink cat 1 s peer/ours ">= 5"
    compare "64 x 37 MB on XFS, wall" reflink cat-fsync 1 s peer/ours -
    rm -f "$out"/*
    "$tool" join --quiet --json --force -o "$out/ours.mp4" --fragments lists/reflink.json \
        >"$runs/reflink.report"
    share=$(filefrag -v "$out/ours.mp4" | awk -v size="$(stat -c %s "$out/ours.mp4")" '
        /shared/ { gsub(":", ""); shared += $6; extents++ }
        END { printf "%d extents, %.1f %% of the file", extents, 100 * shared * 4096 / size }')
    row "64 x 37 MB on XFS, shared by filefrag" "$share" - - - - ""
    row "64 x 37 MB on XFS, bytesShared reported" "$(number bytesShared "$runs/reflink.report") B" - - - - ""
    unmount
    out=out
    rm -f "$image"
}

# --- all of it --------------------------------------------------------------------------------------

if [[ ${1-} == inputs ]]; then
    make_parts && make_long && make_many
    exit
fi
[[ -x $tool ]] || { echo "no $tool: make build" >&2; exit 1; }
[[ -x $peers/bin/mp4_merge ]] ||
    cargo install --quiet --locked --root "$peers" --version 0.2.1 mp4-merge --bin mp4_merge

if (($# == 0)); then set -- parts long many growth reflink; fi
for scenario; do "$scenario"; done

{
    echo "$(awk -F ': ' '/model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) cores," \
        "$(awk '/MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB," \
        "$(findmnt -n -o FSTYPE -T .), Linux $(uname -r)," \
        "$(ffmpeg -version | awk 'NR == 1 { print "FFmpeg", $3 }')," \
        "$(mkvmerge --version | cut -d ' ' -f 1,2), mp4-merge 0.2.1; medians (least–largest) of $rounds alternating runs."
    echo "Ours syncs its output before it appears under its name, unless --no-sync says otherwise; no peer does but cat-fsync."
    echo
    echo "| scenario | ours | peer | its value | ratio | target | |"
    echo "|---|---|---|---|---|---|---|"
    cat "$runs/table"
} | tee results.md
