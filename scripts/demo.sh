#!/usr/bin/env bash
# Joins three clips at given times, then lets FFmpeg, not us, say what came out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tool=${MEDIA_CONCAT:-target/release/media-concat}
mkdir -p demo-out
cd demo-out
rm -f joined.mp4 many.mp4 many-ffmpeg.mp4 seams.png

quiet=(ffmpeg -hide_banner -v error -nostdin -y)
font=/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf
filters=$(ffmpeg -hide_banner -filters 2>/dev/null)
if [[ -f $font && $filters == *" drawtext "* ]]; then
    write() { echo ",drawtext=fontfile=$font:fontcolor=white:box=1:boxborderw=6:$1"; }
else
    write() { :; }
fi
title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
if [[ ! -t 1 ]]; then title() { printf '\n%s\n' "$*"; }; fi
show() {
    echo "\$ media-concat $*"
    "$tool" "$@"
}

# clip NAME SECONDS HUE HERTZ: a picture with its name and its own clock, and a tone.
clip() {
    [[ -s $1.mp4 ]] && return
    "${quiet[@]}" -f lavfi -i "testsrc2=s=640x360:r=30:d=$2,hue=h=$3$(
        write "fontsize=42:boxcolor=black@0.6:x=(w-tw)/2:y=110:text='$1'"
    )$(write "fontsize=28:boxcolor=black@0.6:x=(w-tw)/2:y=180:text='frame %{n}'")" \
        -f lavfi -i "sine=f=$4:r=48000:d=$2" -c:v libx264 -preset veryfast -g 30 -bf 2 \
        -pix_fmt yuv420p -c:a aac -b:a 128k "$1.mp4"
}

title "Three clips: 4 s, 3 s, 3 s; the third starts at 8, which leaves a gap of 1 s"
clip first 4 0 330
clip second 3 120 440
clip third 3 240 550
show plan first.mp4@0 second.mp4@4 third.mp4@8

title "The join: no frame is encoded"
show join --force -o joined.mp4 first.mp4@0 second.mp4@4 third.mp4@8
ls -l first.mp4 second.mp4 third.mp4 joined.mp4 | awk '{ printf "  %8d bytes  %s\n", $5, $NF }'

title "What ffprobe says about it"
field() {
    ffprobe -v error -count_packets -select_streams "$1" -of csv=p=0 -show_entries "$2" "$3" | head -n 1
}
echo "  duration $(field v format=duration joined.mp4) s (11 wanted)," \
    "$(field v stream=nb_read_packets joined.mp4) pictures (300 wanted)"
echo "  the pictures of the third clip start at $(ffprobe -v error -select_streams v -of csv=p=0 \
    -show_entries packet=pts_time,flags -read_intervals 7.5%9 joined.mp4 |
    awk -F , '/K/ && $1 > 7 { print $1; exit }') s (8 wanted)"
echo "  decoding it: $("${quiet[@]}" -i joined.mp4 -f null - 2>&1 | wc -l) errors"

title "What a viewer sees around the seams (demo-out/seams.png)"
"${quiet[@]}" -i joined.mp4 -frames:v 1 -vf "fps=20$(
    write "fontsize=28:boxcolor=black@0.8:x=(w-tw)/2:y=300:text='output %{pts} s'"
),select='$(printf 'eq(n,%d)+' 76 78 79 80 81 82 138 139 140 150 159 160)0',
    scale=320:-2,tile=6x2:padding=4" seams.png
echo "  top: 4 s, first to second; bottom: 7 s to 8 s, the last picture held over the gap"

title "The sound after 120 clips of 2 s, counted in samples"
[[ -s two.mp4 ]] || "${quiet[@]}" -i first.mp4 -t 2 -c:v libx264 -preset veryfast -g 30 -bf 2 \
    -c:a aac two.mp4
sources=()
for ((k = 0; k < 120; k++)); do sources+=("two.mp4@$((2 * k))"); done
"$tool" join --quiet --force -o many.mp4 "${sources[@]}" >/dev/null
printf "file 'two.mp4'\n%.0s" {1..120} >many.txt
"${quiet[@]}" -f concat -i many.txt -c copy many-ffmpeg.mp4 2>/dev/null
late() { awk -v n="$(field a stream=nb_read_packets "$1")" 'BEGIN { printf "%+.3f s", n * 1024 / 48000 - 240 }'; }
echo "  media-concat $(late many.mp4), ffmpeg -f concat $(late many-ffmpeg.mp4)"
