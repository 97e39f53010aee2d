"""Peers that hang, or were never there, delay no change at a peer that answers, and get no body before they have answered.

FAIR="1000 100000" (`make fair`): so many that hang, and so many that never answer, in place of those below.
"""
import asyncio
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

import kodotest
from kodotest import wait_until
from meshtest import at_once, percentile
from servicetest import Runner

N_HANGING, N_REFUSED = [int(n) for n in os.environ.get("FAIR", "200 400").split()]
CHANGES = 40 if "FAIR" not in os.environ else 300
LIMIT_S = 1.0
PER_SOCKET = 100            # urls that lead to one listening socket; each waits in its backlog at most a few times


class Many:
    """Peers by path on one port: the greeting of each is answered, and its POSTs hang from hang() on."""

    def __init__(self, n):
        self.hanging = False
        self.posts = 0
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=4096))
        self.base = f"http://localhost:{self.server.sockets[0].getsockname()[1]}"
        self.urls = [f"{self.base}/p{i}" for i in range(n)]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def serve(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = [int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")]
                await reader.readexactly(length[0] if length else 0)
                self.posts += head.startswith("POST")
                if self.hanging and head.startswith("POST"):
                    await reader.read()                     # until the other side gives up
                    break
                url = self.base + head.split()[1].rpartition("/")[0]
                body = json.dumps(kodotest.greeting(url, registry=True, feed=True)).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    def hang(self):
        self.hanging = True

    def close(self):
        self.loop.call_soon_threadsafe(self.end)
        self.thread.join(10)
        self.loop.close()

    def end(self):
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        asyncio.gather(*tasks, return_exceptions=True).add_done_callback(lambda _: self.loop.stop())
        self.server.close()


@contextlib.contextmanager
def never_answering(n):
    """Urls at which a connection is taken and nothing is ever said."""
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096)).getsockname()[1]
                 for _ in range((n + PER_SOCKET - 1) // PER_SOCKET)]
        yield [f"http://localhost:{ports[i // PER_SOCKET]}/h{i}" for i in range(n)]


def introduce(registry, urls):
    """Feeding registries at those urls connect to ours."""
    def some(part):
        connection = http.client.HTTPConnection("localhost", registry.port, timeout=30)
        for url in part:
            connection.request("POST", "/connect", json.dumps(kodotest.greeting(url, registry=True, feed=True, nodes=[])))
            answer = connection.getresponse()
            assert answer.status == 201, answer.read()
            answer.read()
        connection.close()
    at_once([lambda part=urls[i::4]: some(part) for i in range(4)], 4)


def introduce_many(registry, urls):
    """The same by files of the original's state, for 100,000 requests take a while."""
    for i in range(0, len(urls), 5000):
        rows = {url: {"url": url, "organization": None, "feed": True, "created": None, "modified": None, "nodes": []}
                for url in urls[i:i + 5000]}
        path = os.path.join(registry.cwd, "cache.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"url": registry.url, "organization": "R", "feed": True, "connection": {}, "providers": rows, "registers": {}}, f)
        subprocess.run([kodotest.KODO, "import", registry.loader, path], cwd=registry.cwd, env=registry.env, check=True,
                       capture_output=True)


def change_times(registry, honest, n):
    """Seconds from the begin of the POST of each of n changes until the honest peer has it, one after another."""
    url = "http://localhost:20000"
    times = []
    for i in range(n):
        text = f"change {time.monotonic()} {i}"
        began = time.monotonic()
        body = kodotest.greeting(url, nodes=[kodotest.node(url, [kodotest.flow(1, name=text)])])
        assert registry.post("/connect", body).status == 201
        wait_until(lambda: any(text in json.dumps(body) for _, _, body, _ in honest.seen[-3:]), 120, text, pause=0.002)
        times.append(time.monotonic() - began)
        time.sleep(0.05)
    return times


def report(what, times):
    print(f"{what}: {len(times)} changes, p50 {1000 * percentile(times, 0.5):.0f} ms, p99 {1000 * percentile(times):.0f} ms, "
          f"first {1000 * times[0]:.0f} ms")


def registry_of(service):
    return service({"organization": "R", "registry": True, "feed": True, "log_file_level": "WARNING"})


def test_those_that_never_answered(service, peer):
    registry, honest = registry_of(service), peer(feed=True)
    introduce(registry, [honest.url])
    wait_until(lambda: honest.calls("/"), 10, "the probe")
    refused = f"http://localhost:{kodotest.free_port()}"
    with never_answering(N_HANGING) as hanging:
        introduce_many(registry, hanging)
        introduce_many(registry, [f"{refused}/r{i}" for i in range(N_REFUSED)])
        times = change_times(registry, honest, CHANGES)
        report(f"{N_HANGING} hanging and {N_REFUSED} refused", times)
        assert percentile(times) < LIMIT_S, times


def test_those_that_answered_once(service, peer):
    """Only the first change may wait for their turns."""
    registry, honest, many = registry_of(service), peer(feed=True), Many(N_HANGING)
    introduce(registry, many.urls)
    introduce(registry, [honest.url])
    change_times(registry, honest, 1)
    wait_until(lambda: many.posts >= N_HANGING, 60, "all are notified")
    many.hang()
    times = change_times(registry, honest, CHANGES)
    report(f"{N_HANGING} that answered once, and hang", times)
    assert times[0] < 1.3 * (1 + N_HANGING / 64) + LIMIT_S, times
    assert percentile(times[1:]) < LIMIT_S, times
    many.close()


def test_nothing_but_probes(service, peer):
    """A url that somebody names gets no nodes, whatever is posted in its name, and its answers are read to 64 KiB."""
    victim = peer(answer=lambda method, path, body: (200, {"hello": "x" * 1000000}))
    registry = registry_of(service)
    nodes = [kodotest.node("http://localhost:20000", [kodotest.flow(i) for i in range(2000)])]
    assert registry.post("/connect", kodotest.greeting("http://localhost:20000", nodes=nodes)).status == 201
    for _ in range(5):
        introduce(registry, [victim.url])
        registry.post("/reconnect", kodotest.greeting(victim.url, registry=True, feed=True))
        time.sleep(0.2)
    wait_until(lambda: len(victim.seen) >= 5, 5)
    assert {(method, path in ("/", "/home")) for method, path, *_ in victim.seen} == {("GET", True)}
    assert len(victim.seen) <= 5 + 3


# --- hosts: with addresses that are not private, in a network of their own ---

OURS, HIS, OTHER = "11.0.113.1", "11.0.113.2", "11.0.113.3"


class Counting:
    """Hangs at an address; `most`: connections at once."""

    def __init__(self, address):
        self.open = self.most = self.requests = 0
        self.socket = socket.create_server((address, 0), backlog=4096)
        self.base = f"http://{address}:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        self.open, self.requests = self.open + 1, self.requests + 1
        self.most = max(self.most, self.open)
        with connection, contextlib.suppress(OSError):
            while connection.recv(65536):
                pass
        self.open -= 1


def test_one_host_leaves_room_for_others(folders):
    """Many urls of one host that hang: four at once, and one of another host is asked before their turn is over."""
    if "FAIR_NETWORK" not in os.environ:
        made = "ip link set lo up && " + "".join(f"ip addr add {a}/32 dev lo && " for a in (OURS, HIS, OTHER)) + 'exec "$@"'
        command = ["unshare", "-n", "sh", "-c", made, "sh"]
        if subprocess.run([*command, "true"], capture_output=True).returncode != 0:
            pytest.skip("no right to make a network")
        run = subprocess.run([*command, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "one_host"],
                             env={**os.environ, "FAIR_NETWORK": "1"}, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout
        return
    runner = Runner(folders(), {"url": f"http://{OURS}:3366", "registry": True, "feed": True})
    his, other = Counting(HIS), Counting(OTHER)
    for i in range(40):
        assert runner.cgi.post("/connect", kodotest.greeting(f"{his.base}/h{i}", registry=True, feed=True, nodes=[])).status == 201
    assert runner.cgi.post("/connect", kodotest.greeting(other.base, registry=True, feed=True, nodes=[])).status == 201
    runner.start("--stay")
    wait_until(lambda: other.requests, 10, "the other host is asked", pause=0.001)
    assert his.requests <= 4 * 2
    time.sleep(3)
    assert his.most == 4
    assert 4 <= his.requests < 40
    runner.close()
