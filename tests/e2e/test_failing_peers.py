"""Peers that fail in every way that we could think of cost the others nothing, and themselves one entry a node.

The faults are all there at once: what one of them costs the others would show in what the healthy peers see.
"""
import contextlib
import datetime
import json
import os
import signal
import socket
import subprocess
import time

import pytest

import kodotest
from kodotest import CALM, wait_until
from meshtest import percentile
from servicetest import RawPeer, Runner, answer_with, command_line, hang

NODES = 4
GIGABYTE = 1 << 30
RUNNER_MAX_KIB = 64 * 1024


def trickle(connection, number, peer):
    """An answer that would take a day, a byte a second."""
    peer.read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
    while not peer.closing.wait(1):
        connection.sendall(b" ")


def cut_off(connection, number, peer):
    peer.read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"url\": \"http")


def refuse(connection, number, peer):
    """Close at once, with what was sent unread: a reset."""


def garbage(connection, number, peer):
    peer.read_request(connection)
    connection.sendall(os.urandom(4000))


def gigabyte(connection, number, peer):
    peer.read_request(connection)
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode() + b'{"nodes": [')
    piece = b"[" * (1 << 16)
    for _ in range(GIGABYTE // len(piece)):
        connection.sendall(piece)
        peer.n_sent = getattr(peer, "n_sent", 0) + len(piece)


def under_another_name(connection, number, peer):
    answer_with(201, json.dumps(kodotest.greeting("http://elsewhere.example:4444", registry=True, feed=True, nodes=[])).encode())(
        connection, number, peer)


def redirect(connection, number, peer):
    answer_with(307, headers=f"Location: {peer.elsewhere}\r\n")(connection, number, peer)


FAULTS = {"refuse": refuse, "500": answer_with(500), "hang": hang, "trickle": trickle, "cut-off": cut_off, "garbage": garbage,
          "gigabyte": gigabyte, "redirect": redirect, "another-name": under_another_name, "no-json": answer_with(200, b"<html>")}
# those whose answer of 200 is taken, whatever it says
TAKEN = ("another-name", "no-json")


class Down:
    """No program listens there."""

    def __init__(self):
        self.url = f"http://localhost:{kodotest.free_port()}"
        self.times = []

    def close(self):
        pass


@pytest.fixture
def faulty():
    """A function that starts a peer with a fault: faulty(name)."""
    made = []

    def make(name):
        made.append(Down() if name == "down" else RawPeer(FAULTS[name]))
        return made[-1]
    yield make
    for one in made:
        one.close()


def introduce(registry, url):
    """A feeding registry at url connects to ours, which notifies it of every change."""
    body = kodotest.greeting(url, organization="Peer", registry=True, feed=True, nodes=[])
    assert registry.post("/connect", body).status == 201


def offer(registry, i, round_):
    """A node connects, for the first time or with something new."""
    url = f"http://localhost:{20000 + i}"
    body = kodotest.greeting(url, nodes=[kodotest.node(url, [kodotest.flow(1, name=f"node {i} round {round_}")])])
    answer = registry.post("/connect", body)
    assert answer.status == 201
    return answer.seconds


def peers(service):
    out = subprocess.run([kodotest.KODO, "peers", "--json", service.loader], cwd=service.cwd, env=service.env, capture_output=True, check=True)
    return {peer["url"]: peer for peer in json.loads(out.stdout)}


def runner_of(service):
    return wait_until(lambda: next((pid for pid in kodotest.children(service.process.pid)
                                    if os.path.basename(command_line(pid)[0]) == "kodo-reconnect"), None), 5, "the runner is there")


def high_water_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))


def has_seen(peer, text):
    return any(text in json.dumps(body) for _, _, body, _ in list(peer.seen) if body)


def test_all_at_once(service, peer, faulty):
    elsewhere = peer()
    bad = {name: faulty(name) for name in ("down", *FAULTS)}
    bad["redirect"].elsewhere = elsewhere.url
    good = [peer(feed=True) for _ in range(2)]
    registry = service({"organization": "R", "registry": True, "feed": True, "timeout": 3, "connect": [b.url for b in bad.values()]})
    for one in [*bad.values(), *good]:
        introduce(registry, one.url)
    runner = runner_of(registry)

    waits = []
    for round_ in range(3):
        for i in range(NODES):
            began = time.monotonic()
            offer(registry, i, round_)
            for one in good:
                wait_until(lambda: has_seen(one, f"node {i} round {round_}"), 10)
            waits.append(time.monotonic() - began)
            assert registry.get("/flows").seconds < CALM
    assert max(waits) < CALM, waits
    time.sleep(4)                                           # the hanging ones end by the timeout, and begin again

    state = peers(registry)
    for name, one in bad.items():
        assert state[one.url]["pending"] <= NODES, (name, state[one.url])
        assert len(one.times) <= 30, (name, one.times)      # one connection a message, if it is taken; by the backoff 4 or 5
        if name not in TAKEN:
            assert state[one.url]["attempts"] >= 1, (name, state[one.url])
            assert len(one.times) <= 6, (name, one.times)
    for one in good:
        assert state[one.url]["pending"] == 0
    assert elsewhere.seen == []
    assert bad["gigabyte"].n_sent < 40 << 20 << 3           # cut off at 16 MiB, in each of a few attempts
    assert runner_of(registry) == runner, registry.screen()
    assert high_water_kib(runner) < RUNNER_MAX_KIB, high_water_kib(runner)
    assert registry.total() == NODES


def test_answers_of_those_that_are_no_targets(service):
    """They are read to 64 KiB; what is longer is an answer without a body."""
    def greets(connection, number, peer):
        head, _ = peer.read_request(connection)
        if head.startswith("GET"):
            body = json.dumps(kodotest.greeting(peer.url, registry=True, feed=True)).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        else:
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode())
            while True:
                connection.sendall(b"[" * (1 << 16))
                peer.n_sent = getattr(peer, "n_sent", 0) + (1 << 16)
    one = RawPeer(greets)
    registry = service({"organization": "R", "registry": True, "feed": True})
    introduce(registry, one.url)
    offer(registry, 1, 1)
    wait_until(lambda: len(one.times) == 2, 5)
    state = wait_until(lambda: next((p for p in [peers(registry)[one.url]] if p["pending"] == 0), None), 5)
    time.sleep(1)
    assert state["attempts"] == 0 and len(one.times) == 2
    assert one.n_sent < 8 << 20                             # what fits into both sockets
    one.close()


def test_connecting_takes_five_seconds(service):
    """Packets to a socket whose queue is full are dropped, as by a firewall."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        registry = service({"organization": "R", "registry": True, "feed": True, "timeout": 60, "connect": [url]})
        began = time.monotonic()
        wait_until(lambda: peers(registry)[url]["attempts"], 8)
        assert time.monotonic() - began > 3


def measure(registries, n):
    """For each, (p99 of GET /flows, p99 of POST /connect); in turn, so that what else the machine does comes to all of them."""
    gets, posts = [[] for _ in registries], [[] for _ in registries]
    for i in range(n):
        for k, registry in enumerate(registries):
            posts[k].append(offer(registry, i % 20, i))
            gets[k].append(registry.get("/flows?format=json").seconds)
    return [(percentile(g), percentile(p)) for g, p in zip(gets, posts)]


def test_latency(service, peer, faulty):
    """With two of five peers hanging, under twice that without; what a busy machine does to one of them alone is let pass."""
    def registry_of(n_hanging):
        registry = service({"organization": "R", "registry": True, "feed": True})
        bad = [faulty("hang") for _ in range(n_hanging)]
        for one in bad + [peer(feed=True) for _ in range(5 - n_hanging)]:
            introduce(registry, one.url)
        return registry, bad

    (without, _), (with_two, bad) = registry_of(0), registry_of(2)
    measure([without, with_two], 20)
    for one in bad:
        wait_until(lambda: one.times, 5, "a message hangs")
    tries = []
    for _ in range(6):
        calm, hanging = measure([without, with_two], 600)
        tries.append([f"p99 of {what}: {1000 * c:.1f} ms, with two hanging {1000 * h:.1f} ms"
                      for what, c, h in zip(("GET /flows", "POST /connect"), calm, hanging)])
        print(*tries[-1], sep="; ")
        if all(h < 2 * c for c, h in zip(calm, hanging)):
            return
    raise AssertionError(tries)


@pytest.mark.parametrize("name", ["500", "down"])
def test_backoff_survives_a_restart(service, faulty, name):
    one = faulty(name)
    registry = service({"organization": "R", "registry": True, "feed": True})
    introduce(registry, one.url)
    time.sleep(6.5)                                         # it was asked for a sign of life, once, 5 s after its connect
    offer(registry, 1, 1)
    wait_until(lambda: peers(registry)[one.url]["attempts"] >= 4, 15)
    # on a busy machine the restarts may take until the next attempt; the one after it is further away
    for _ in range(4):
        before, n = peers(registry)[one.url], len(one.times)
        for _ in range(2):
            runner = runner_of(registry)
            os.kill(runner, signal.SIGKILL)
            wait_until(lambda: runner_of(registry) != runner, 5)
            time.sleep(0.5)
        after = peers(registry)[one.url]
        if time.time() < datetime.datetime.fromisoformat(before["due"].replace("Z", "+00:00")).timestamp():
            assert (after["attempts"], after["due"], len(one.times)) == (before["attempts"], before["due"], n), (before, after)
            return
    raise AssertionError(f"each time it was due before the runner was there again: {before}, {after}")


def test_what_it_writes_is_for_the_admin_alone(service, raw_500):
    """On our pages it would stand under our name."""
    registry = service({"organization": "R", "registry": True, "feed": True, "connect": [raw_500.url]})
    state = wait_until(lambda: next((p for p in [peers(registry)[raw_500.url]] if p["attempts"]), None), 10)
    assert "BUY-NOW" in state["error"]
    for path in ("/status", "/map"):
        page = registry.get(path, headers={"Accept": "text/html"}).text()
        assert "HTTP status 500" in page and "BUY-NOW" not in page, page
    for path in ("/", "/status", "/map", "/connect", "/flows"):
        assert "BUY-NOW" not in registry.get(path).text()


@pytest.fixture
def raw_500():
    one = RawPeer(answer_with(500, b"BUY-NOW"))
    yield one
    one.close()


def test_url_that_begins_with_a_target_s_is_no_target(folders, peer):
    """A name may stand for a private address; only where the operator names the target himself, that is his to decide."""
    other = peer()
    options = {"url": "http://own.example", "log_file_level": "DEBUG", "registry": True, "feed": True, "private": True, "connect": [other.url[:-1]], "retry": 3}
    runner = Runner(folders(), options)
    assert runner.cgi.post("/connect", kodotest.connect_body(other.url, feed=True)).status == 201
    runner.cgi.write_loader({**options, "private": False})
    assert runner.cgi.post("/connect", kodotest.connect_body("http://node.example")).status == 201
    runner.run("--once")
    assert f"failed with {other.url}/" in runner.log()
    assert other.seen == []
    runner.close()
