#!/usr/bin/env python3
"""Creates and reads a second, with their 99th percentile, while joins run; and event streams at the
same time. LOAD_SECONDS (10), LOAD_CLIENTS (8), LOAD_STREAMS (100)."""

import http.client
import json
import os
import subprocess
import tempfile
import threading
import time

import soak

SECONDS = float(os.environ.get("LOAD_SECONDS", "10"))
CLIENTS = int(os.environ.get("LOAD_CLIENTS", "8"))
STREAMS = int(os.environ.get("LOAD_STREAMS", "100"))


def percentile(times, part):
    return sorted(times)[min(int(len(times) * part), len(times) - 1)] * 1e3 if times else 0


def main():
    web_server = soak.Server(("127.0.0.1", 0), soak.Files)
    threading.Thread(target=web_server.serve_forever, daemon=True).start()
    web = f"http://127.0.0.1:{web_server.server_address[1]}"
    with tempfile.TemporaryDirectory(prefix="load") as folder:
        server = subprocess.Popen(
            [soak.BINARY, "serve", "--listen", "127.0.0.1:0", "--data", folder,
             "--allow-private-addresses", "--requests-per-minute", "100000000"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        key = server.stdout.readline().split()[-1]
        address = server.stdout.readline().split("//")[-1].strip()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

        def connected():
            return http.client.HTTPConnection(address, timeout=60)

        def ask(connection, method, path, body=None):
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"{answer.status}: {text}")
            return json.loads(text)

        first = ask(connected(), "POST", "/api/v1/artifacts/create",
                    dict(soak.join(web, "a0.mp4", "a1.mp4"), name="first"))
        streams, events = [], [0] * STREAMS
        def follow(at, answer):
            try:
                for line in answer:
                    events[at] += line.startswith(b"event: artifact")
            except (OSError, ValueError, http.client.HTTPException):
                pass
        for at in range(STREAMS):
            connection = connected()
            connection.request("GET", "/api/v1/artifacts/events", headers=headers)
            answer = connection.getresponse()
            streams.append(connection)
            threading.Thread(target=follow, args=(at, answer), daemon=True).start()
        creates, reads, until = [], [], time.monotonic() + SECONDS

        def client(times, make):
            connection = connected()
            while time.monotonic() < until:
                began = time.monotonic()
                make(connection)
                times.append(time.monotonic() - began)

        body = dict(soak.join(web, "a0.mp4", "a1.mp4"), name="load")
        makers = [
            (creates, lambda c: ask(c, "POST", "/api/v1/artifacts/create", body)),
            (reads, lambda c: ask(c, "GET", f"/api/v1/artifacts/{first['id']}")),
        ]
        threads = [threading.Thread(target=client, args=makers[at % 2]) for at in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(1)
        status = open(f"/proc/{server.pid}/status").read()
        peak = int(next(l for l in status.splitlines() if l.startswith("VmHWM")).split()[1]) / 1024
        for name, times in (("creates", creates), ("reads", reads)):
            print(f"{name}: {len(times) / SECONDS:.0f}/s, median {percentile(times, .5):.1f} ms, "
                  f"p99 {percentile(times, .99):.1f} ms")
        print(f"{STREAMS} event streams: {min(events)} to {max(events)} events each; "
              f"peak memory {peak:.0f} MiB")
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
