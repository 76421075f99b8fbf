#!/usr/bin/env bash
# Installs Debian packages that are missing: scripts/deps.sh [build|demo|test|bench]..., default all.
# Needs root or sudo only when something is missing.
set -euo pipefail

# The library: FFmpeg's headers (libavformat-dev brings avcodec, avutil and swresample), libclang for
# the bindings, a C compiler for the linker and for the probe of FFmpeg's version.
build=(gcc libc6-dev libavcodec-dev libavformat-dev libavutil-dev libclang-dev make pkg-config)
# Real clips, an independent reader, and a font for the labels in the pictures.
demo=(ffmpeg fonts-dejavu-core)
# Fixtures; a browser, its driver, and mkvmerge as players that are not ours; a web server and its certificate; a
# client of the files that we serve; the reference decoder of FLAC; encoders of AMR; the service's
# database and its clients.
test=(ffmpeg perl-base util-linux chromium chromium-driver mkvtoolnix nginx-light openssl curl flac libopencore-amrnb0
    libvo-amrwbenc0 nodejs postgresql-15 python3 python3-requests python3-venv time)
# Peers, GNU time, a file system that shares extents, a web server whose connections have a rate, and what a
# wire that they share is written in.
bench=(ffmpeg mkvtoolnix time perl-base xfsprogs e2fsprogs util-linux nginx-light curl python3-minimal)

wanted=()
for group in "${@:-all}"; do
    case $group in
    build) wanted+=("${build[@]}") ;;
    demo) wanted+=("${build[@]}" "${demo[@]}") ;;
    test) wanted+=("${build[@]}" "${test[@]}") ;;
    bench) wanted+=("${build[@]}" "${bench[@]}") ;;
    all) wanted+=("${build[@]}" "${demo[@]}" "${test[@]}" "${bench[@]}") ;;
    *)
        echo "usage: $0 [build|demo|test|bench]..." >&2
        exit 2
        ;;
    esac
done

missing=()
for package in $(printf '%s\n' "${wanted[@]}" | sort -u); do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $state == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then exit 0; fi

echo "installing: ${missing[*]}"
root=()
if ((EUID != 0)); then root=(sudo); fi
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes -qq --no-install-recommends "${missing[@]}" >/dev/null
