#!/usr/bin/env python3
"""What signs of life cost, as make bench-alive has it: the page of all flows before and after a node falls silent, and the processor time of
a runner that asks legacy peers within their ten minutes. The clock is set ahead, so it takes minutes, not hours.

usage: alive.py [--nodes 20] [--flows 1000] [--peers 10000]
"""
import argparse
import asyncio
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import kodotest  # noqa: E402

STEP = 280                  # seconds: the runner must not think that it was away
ROUND = 600                 # in which each legacy peer is asked once
TICKS = os.sysconf("SC_CLK_TCK")


class Peers:
    """Legacy peers, each with an address of its own in 127/8, behind one server."""

    def __init__(self):
        self.asked, self.dead = 0, set()
        self.loop, ready = asyncio.new_event_loop(), threading.Event()

        async def listen():
            server = await asyncio.start_server(self.serve, "0.0.0.0", 0, backlog=4096)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()

        self.loop.create_task(listen())
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        ready.wait()

    def url(self, n):
        return f"http://127.1.{n // 250}.{n % 250 + 1}:{self.port}"

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")
                fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if ": " in line)}
                await reader.readexactly(int(fields.get("content-length", 0)))
                url = "http://" + fields["host"]
                self.asked += lines[0].startswith("GET / ")
                body = json.dumps(kodotest.greeting(url, organization="Old")).encode()
                status = "503 Busy" if url in self.dead else "200 OK"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class Registry:
    def __init__(self, path, clock_library):
        self.clock_path, self.ahead = os.path.join(path, "clock"), 0
        self.set_ahead(0)
        env = {"TEST_CLOCK": self.clock_path, "LD_PRELOAD": clock_library}
        self.one = kodotest.Service(path, {"organization": "R", "registry": True, "feed": False, "trust": "known", "expire_days": 0,
                                           "quota_providers": 0}, env=env).start()

    def set_ahead(self, seconds):
        self.ahead += seconds
        with open(self.clock_path, "r+b" if os.path.exists(self.clock_path) else "wb") as f:
            f.write(self.ahead.to_bytes(8, "little"))

    def connect(self, url, n_flows):
        flows = [kodotest.flow(i, name=f"Flow {i} of {url[-9:]}") for i in range(n_flows)]
        answer = self.one.post("/connect", kodotest.greeting(url, organization="Old", nodes=[kodotest.node(url, flows)]))
        assert answer.status == 201, answer

    def wake(self):
        os.write(os.open(os.path.join(self.one.state_path(), "wake"), os.O_WRONLY | os.O_NONBLOCK), b"x")

    def step(self):
        self.set_ahead(STEP)
        self.wake()

    def runner_seconds(self):
        """Processor time of the runner so far."""
        for pid in kodotest.children(self.one.process.pid):
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
            if name.startswith("kodo-reconnect"[:15]):
                return sum(map(int, rest.split()[11:13])) / TICKS
        raise RuntimeError("there is no runner")

    def page_ms(self, target):
        """The least of many: what it costs by itself."""
        return min(self.one.get(target).seconds for _ in range(200)) * 1e3

    def silent(self):
        return self.one.get("/status").json()["silent"]


def pages(peers, path, clock_library, n_nodes, n_flows):
    r = Registry(path, clock_library)
    for n in range(n_nodes):
        r.connect(peers.url(n), n_flows)
    r.step()
    time.sleep(5)
    targets = ["/flows?format=html", "/flows?format=html&p=5", "/flows?format=json"]
    before = [r.page_ms(target) for target in targets]
    peers.dead = {peers.url(0)}
    while r.silent() == 0:
        r.step()
        time.sleep(2)
    after = [r.page_ms(target) for target in targets]
    for target, one, other in zip(targets, before, after):
        print(f"{target}: {one:.2f} ms, with a silent node {other:.2f} ms ({other / one:.2f} times), {n_nodes * n_flows} flows")
    peers.dead = set()
    r.one.kill()


def rounds(peers, path, clock_library, n_peers):
    r = Registry(path, clock_library)
    for n in range(n_peers):
        r.connect(peers.url(n), 1)
    r.step()
    kodotest.wait_until(lambda: peers.asked >= n_peers, 600, "all are asked for the first time", pause=1)
    for _ in range(3):
        asked, spent = peers.asked, r.runner_seconds()
        begun = r.ahead
        while peers.asked < asked + n_peers:
            r.step()
            time.sleep(5)
        spent = r.runner_seconds() - spent
        n, passed = peers.asked - asked, r.ahead - begun
        print(f"{n} looks at {n_peers} legacy peers in {passed} s: {spent:.2f} s of processor time, {spent / n * n_peers / ROUND * 100:.2f} % of"
              f" a core for a round of {ROUND} s")
    r.one.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--peers", type=int, default=10000)
    args = parser.parse_args()
    clock_library = os.path.join(os.path.abspath(os.environ.get("BUILDDIR", ".")), "tests", "histories", "clock.so")
    peers = Peers()
    with kodotest.folder() as path:
        pages(peers, path, clock_library, args.nodes, args.flows)
    if not args.peers:
        return
    peers.asked = 0
    with kodotest.folder() as path:
        rounds(peers, path, clock_library, args.peers)


if __name__ == "__main__":
    main()
