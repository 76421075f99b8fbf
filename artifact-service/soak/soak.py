#!/usr/bin/env python3
"""Mixed jobs over several worker processes that are killed at random: every artifact must end in its
right state, once, and nothing else may be left. SOAK_JOBS (2000), SOAK_WORKERS (4), SOAK_DATABASE
(postgres://…; else SQLite), SOAK_BUCKET (the program that serves buckets; else a folder)."""

import collections
import functools
import hashlib
import http.server
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("ARTIFACT_SERVICE", str(ROOT / "target/release/artifact-service"))
FIXTURES = ROOT / "fixtures/generated"
JOBS = int(os.environ.get("SOAK_JOBS", "2000"))
WORKERS = int(os.environ.get("SOAK_WORKERS", "4"))
DATABASE = os.environ.get("SOAK_DATABASE", "")
BUCKET = os.environ.get("SOAK_BUCKET", "")
# Larger than what is stored in one request, and than what a killed worker leaves behind.
LARGE = 20 << 20


@functools.cache
def large():
    """A WAV file of noise."""
    size = LARGE - 44
    head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", size + 36, b"WAVEfmt ", 16, 1, 1, 48_000,
                       96_000, 2, 16, b"data", size)
    return head + random.Random(1).randbytes(size)


class Files(http.server.SimpleHTTPRequestHandler):
    """The fixtures, with ranges, and now and then a 503."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = FIXTURES / self.path.lstrip("/")
        if self.path == "/text":
            data = b"1\n00:00:01,000 --> 00:00:02,000\nHello\n"
        elif self.path == "/large.wav":
            data = large()
        elif not path.is_file():
            return self.send_error(404)
        else:
            data = path.read_bytes()
        if random.random() < 0.02:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        asked = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range", ""))
        first, last = 0, len(data) - 1
        if asked:
            first = int(asked[1])
            last = min(int(asked[2] or last), last)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("ETag", '"one"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.write(memoryview(data)[first : last + 1])
        return None


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        """A worker was killed while it read."""


def call(base, key, method, path, body=None):
    data = json.dumps(body).encode() if body is not None else None
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(base + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def body_of(index, web):
    """What is asked for, and the status that it must end with."""
    kinds = [
        ({"type": "video", "url": f"{web}/a0.mp4"}, "upload_completed"),
        ({"type": "audio", "url": f"{web}/aac0.m4a"}, "upload_completed"),
        ({"type": "script", "url": f"{web}/text"}, "upload_completed"),
        ({"type": "audio", "url": f"{web}/a0.mp4"}, "upload_failed"),
        ({"type": "video", "url": f"{web}/none.mp4"}, "upload_failed"),
        (join(web, "a0.mp4", "a1.mp4", "a2.mp4"), "upload_completed"),
        (join(web, "a0.mp4", "h_res.mp4"), "upload_failed"),
        ({"type": "video", "url": f"{web}/a1.mp4"}, "deleted"),
    ]
    # Rarer, as they take longer.
    rare = [
        ({"type": "audio", "url": f"{web}/large.wav"}, "upload_completed"),
        ({"type": "audio", "url": f"{web}/large.wav"}, "deleted"),
        ({"type": "video", "url": f"{web}/large.wav"}, "upload_failed"),
    ]
    body, status = rare[index // 10 % len(rare)] if index % 10 == 9 else kinds[index % len(kinds)]
    return dict(body, name=f"{index} {status}"), status


def join(web, *names):
    fragments = [{"url": f"{web}/{name}", "startTime": 2 * at} for at, name in enumerate(names)]
    return {"type": "video", "fragments": fragments}


def stored(folder, bucket):
    """The objects are in `folder`/objects either way; what serves them, and the settings that say so."""
    if not bucket:
        return None, ["--storage", f"folder:{folder}/objects"]
    pathlib.Path(folder, "objects").mkdir(parents=True)
    store = subprocess.Popen([bucket, folder], stdout=subprocess.PIPE, text=True)
    endpoint, access, secret = store.stdout.readline().split()
    return store, ["--storage", "s3://objects", "--s3-endpoint", endpoint,
                   "--s3-access-key", access, "--s3-secret-key", secret]


def unfinished(folder):
    """What was begun and never became an object."""
    if BUCKET:
        return [path.name for path in pathlib.Path(folder).glob(".upload*")]
    return [path.name for path in pathlib.Path(folder, "objects/.incoming").iterdir()]


def main():
    random.seed(7)
    web_server = Server(("127.0.0.1", 0), Files)
    threading.Thread(target=web_server.serve_forever, daemon=True).start()
    web = f"http://127.0.0.1:{web_server.server_address[1]}"
    folder = tempfile.mkdtemp(prefix="soak")
    options = ["--data", folder, "--allow-private-addresses", "--lease-seconds", "5"]
    options += ["--key-jobs", "100", "--master-key", "cd" * 32]
    store, storage = stored(folder, BUCKET)
    options += storage
    if DATABASE:
        options += ["--database", DATABASE]
    environment = dict(os.environ, RUST_LOG="warn")
    log = open(f"{folder}/log", "wb")
    run = functools.partial(subprocess.Popen, env=environment, stderr=log)

    def worker():
        return run([BINARY, "worker", *options])

    server = run(
        [BINARY, "serve", "--no-worker", "--listen", "127.0.0.1:0", *options,
         "--requests-per-minute", "1000000"], stdout=subprocess.PIPE, text=True)
    lines = server.stdout
    key = base = None
    for line in lines:
        key = line.split()[-1] if line.startswith("API key") else key
        if line.startswith("listening"):
            base = line.split()[-1]
            break
    workers = [worker() for _ in range(WORKERS)]
    stop = threading.Event()
    kills = 0

    def killer():
        nonlocal kills
        while not stop.wait(random.uniform(0.2, 1.0)):
            at = random.randrange(WORKERS)
            workers[at].kill()
            workers[at].wait()
            workers[at] = worker()
            kills += 1

    began = time.monotonic()
    killing = threading.Thread(target=killer, daemon=True)
    killing.start()
    wanted = {}
    for index in range(JOBS):
        body, status = body_of(index, web)
        made = call(base, key, "POST", "/api/v1/artifacts/create", body)
        wanted[made["id"]] = status
        if status == "deleted":
            call(base, key, "DELETE", f"/api/v1/artifacts/{made['id']}")
    deadline = time.monotonic() + 60 + JOBS / 5
    while True:
        found, cursor = {}, ""
        while cursor is not None:
            page = call(base, key, "GET", f"/api/v1/artifacts?limit=200&cursor={cursor}")
            found.update((item["id"], item) for item in page["items"])
            cursor = page["nextCursor"]
        open_ = [item for item in found.values() if item["status"] in ("created", "upload_started")]
        if not open_ or time.monotonic() > deadline:
            break
        if len(open_) < JOBS / 20:
            stop.set()
        time.sleep(1)
    stop.set()
    killing.join()
    took = time.monotonic() - began
    complete = {f"uploads/{id_}/" for id_, status in wanted.items() if status == "upload_completed"}
    objects = pathlib.Path(folder, "objects")

    def places():
        files = [str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file()]
        return collections.Counter(re.sub(r"[^/]*$", "", name) for name in files)

    def left():
        return [name for name in places() if name not in complete] + unfinished(folder)

    time.sleep(2)
    # What a killed worker had begun for a deleted artifact goes two minutes later.
    purged = time.monotonic() + 200
    while left() and time.monotonic() < purged:
        time.sleep(5)
    tidied = time.monotonic() - began - took - 2
    for process in [*workers, server]:
        process.terminate()
    for process in [*workers, server]:
        process.wait(timeout=60)
    if store:
        store.kill()

    wrong, sum_ = [], "sha256:" + hashlib.sha256(large()).hexdigest()
    for id_, status in wanted.items():
        now = found.get(id_, {"status": "deleted"})
        if now["status"] != status:
            wrong.append(f"{id_}: {now['status']}, expected {status}: {now.get('errorMessage')}")
        elif status == "upload_completed" and now["size"] == LARGE and now["checksum"] != sum_:
            wrong.append(f"{id_}: the checksum is {now['checksum']}")
    for path in objects.rglob("large.wav"):
        if path.read_bytes() != large():
            wrong.append(f"{path}: other bytes")
    litter, count = left(), places()
    missing = [name for name in complete if count[name] != 1]
    print(f"{JOBS} jobs, {WORKERS} workers, {kills} kills, {took:.1f} s, tidied {tidied:.0f} s later: "
          f"{len(wrong)} wrong, {len(litter)} left behind, {len(missing)} without their file")
    for line in [*wrong, *litter, *missing][:20]:
        print(" ", line)
    if wrong or litter or missing:
        print(f"the log is {folder}/log")
        return 1
    subprocess.run(["rm", "-rf", folder], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
