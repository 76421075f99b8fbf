#!/usr/bin/env python3
"""Creates and reads a second, with their 99th percentile, while joins run; and event streams at the
same time; then the memory that a large file by URL takes, into a folder and, with SOAK_BUCKET, into a
bucket. LOAD_SECONDS (10), LOAD_CLIENTS (8), LOAD_STREAMS (100), LOAD_BYTES (5 GB)."""

import http.client
import json
import os
import re
import struct
import subprocess
import tempfile
import threading
import time

import soak

SECONDS = float(os.environ.get("LOAD_SECONDS", "10"))
CLIENTS = int(os.environ.get("LOAD_CLIENTS", "8"))
STREAMS = int(os.environ.get("LOAD_STREAMS", "100"))
BYTES = int(os.environ.get("LOAD_BYTES", "5000000000"))


def percentile(times, part):
    return sorted(times)[min(int(len(times) * part), len(times) - 1)] * 1e3 if times else 0


class Files(soak.Files):
    """The fixtures, and a film that is mostly a hole."""

    def do_GET(self):
        if self.path != "/large.mp4":
            return super().do_GET()
        asked = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2] or BYTES - 1)) if asked else (0, BYTES - 1)
        last = min(last, BYTES - 1)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{BYTES}")
        self.send_header("ETag", '"large"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        with open(self.server.large, "rb") as film:
            self.wfile.flush()
            self.connection.sendfile(film, first, last - first + 1)
        return None


def large(path):
    """A clip, and behind it a box of free space."""
    clip = (soak.FIXTURES / "a0.mp4").read_bytes()
    with open(path, "wb") as film:
        film.write(clip + struct.pack(">I4sQ", 1, b"free", BYTES - len(clip)))
        film.truncate(BYTES)


def peak(process):
    status = open(f"/proc/{process.pid}/status").read()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def download(folder, web, where, storage):
    """A large file by URL, in a process of its own."""
    server, key, address = serve(f"{folder}/service", storage)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    began = time.monotonic()
    body = {"name": "large", "type": "video", "url": f"{web}/large.mp4"}
    made = ask(connected(address), headers, "POST", "/api/v1/artifacts/create", body)
    while made["status"] not in ("upload_completed", "upload_failed"):
        time.sleep(0.2)
        made = ask(connected(address), headers, "GET", f"/api/v1/artifacts/{made['id']}")
    took = time.monotonic() - began
    if made["status"] != "upload_completed" or made["size"] != BYTES:
        raise RuntimeError(f"the large file: {made}")
    print(f"{BYTES / 1e9:.1f} GB by URL into a {where}: {took:.1f} s, peak memory {peak(server):.0f} MiB")
    server.kill()
    server.wait()


def serve(folder, storage):
    server = subprocess.Popen(
        [soak.BINARY, "serve", "--listen", "127.0.0.1:0", "--data", folder, *storage,
         "--allow-private-addresses", "--requests-per-minute", "100000000"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    key = server.stdout.readline().split()[-1]
    return server, key, server.stdout.readline().split("//")[-1].strip()


def connected(address):
    return http.client.HTTPConnection(address, timeout=60)


def ask(connection, headers, method, path, body=None):
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 400:
        raise RuntimeError(f"{answer.status}: {text}")
    return json.loads(text)


def main():
    web_server = soak.Server(("127.0.0.1", 0), Files)
    threading.Thread(target=web_server.serve_forever, daemon=True).start()
    web = f"http://127.0.0.1:{web_server.server_address[1]}"
    with tempfile.TemporaryDirectory(prefix="load") as folder:
        web_server.large = f"{folder}/large.mp4"
        large(web_server.large)
        server, key, address = serve(folder, ["--storage", f"folder:{folder}/objects"])
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

        first = ask(connected(address), headers, "POST", "/api/v1/artifacts/create",
                    dict(soak.join(web, "a0.mp4", "a1.mp4"), name="first"))
        streams, events = [], [0] * STREAMS
        def follow(at, answer):
            try:
                for line in answer:
                    events[at] += line.startswith(b"event: artifact")
            except (OSError, ValueError, http.client.HTTPException):
                pass
        for at in range(STREAMS):
            connection = connected(address)
            connection.request("GET", "/api/v1/artifacts/events", headers=headers)
            answer = connection.getresponse()
            streams.append(connection)
            threading.Thread(target=follow, args=(at, answer), daemon=True).start()
        creates, reads, until = [], [], time.monotonic() + SECONDS

        def client(times, make):
            connection = connected(address)
            while time.monotonic() < until:
                began = time.monotonic()
                make(connection)
                times.append(time.monotonic() - began)

        body = dict(soak.join(web, "a0.mp4", "a1.mp4"), name="load")
        makers = [
            (creates, lambda c: ask(c, headers, "POST", "/api/v1/artifacts/create", body)),
            (reads, lambda c: ask(c, headers, "GET", f"/api/v1/artifacts/{first['id']}")),
        ]
        threads = [threading.Thread(target=client, args=makers[at % 2]) for at in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(1)
        for name, times in (("creates", creates), ("reads", reads)):
            print(f"{name}: {len(times) / SECONDS:.0f}/s, median {percentile(times, .5):.1f} ms, "
                  f"p99 {percentile(times, .99):.1f} ms")
        print(f"{STREAMS} event streams: {min(events)} to {max(events)} events each; "
              f"peak memory {peak(server):.0f} MiB")
        server.kill()
        server.wait()
        for where in ("folder", "bucket") if soak.BUCKET else ("folder",):
            with tempfile.TemporaryDirectory(prefix=where, dir=folder) as own:
                store, storage = soak.stored(own, soak.BUCKET if where == "bucket" else "")
                download(own, web, where, storage)
                if store:
                    store.kill()


if __name__ == "__main__":
    main()
