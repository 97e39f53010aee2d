"""What is tried again, and when; what of a peer's answer is read, and what is shown of it."""
import contextlib
import datetime
import json
import os
import signal
import socket
import time

import pytest

import kodotest
from kodotest import wait_until
from servicetest import Down, GIGABYTE, RawPeer, Runner, answer_with, introduce, offer, peers, runner_of


@pytest.mark.skipif(kodotest.SIGNS, reason="a raw peer does not sign, and is asked nothing more")
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


def test_backoff_survives_a_restart(service):
    raw, down = RawPeer(answer_with(500)), Down()
    registry = service({"organization": "R", "registry": True, "feed": True})
    for one in (raw, down):
        introduce(registry, one.url)
    time.sleep(6.5)                                         # they were asked for a sign of life, once, 5 s after their connect
    offer(registry, 1, 1)
    for one in (raw, down):
        wait_until(lambda: peers(registry)[one.url]["attempts"] >= 4, 15)
    left = [raw, down]
    # on a busy machine the restarts may take until the next attempt; the one after it is further away
    for _ in range(4):
        before, n = peers(registry), {one.url: len(one.times) for one in left}
        for _ in range(2):
            runner = runner_of(registry)
            os.kill(runner, signal.SIGKILL)
            wait_until(lambda: runner_of(registry) != runner, 5)
            time.sleep(0.5)
        after, now = peers(registry), time.time()
        for one in list(left):
            was, is_ = before[one.url], after[one.url]
            if now < datetime.datetime.fromisoformat(was["due"].replace("Z", "+00:00")).timestamp():
                assert (is_["attempts"], is_["due"], len(one.times)) == (was["attempts"], was["due"], n[one.url]), (was, is_)
                left.remove(one)
        if not left:
            break
    raw.close()
    assert not left, f"each time it was due before the runner was there again: {before}, {after}"


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
