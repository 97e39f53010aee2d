"""What clients may take that read or write slowly: the ceilings of kodo itself, and of the web server of `kodo service`."""
import contextlib
import os
import resource
import signal
import socket
import time

import pytest

import kodotest
import slowtest
from kodotest import FastCGI, cgi_env, connect_body, flow, node, parse_cgi, wait_until

REGISTRY = {"organization": "R", "registry": True, "feed": True}
MIB = 1 << 20


def upload_folder(one):
    return os.path.join(one.state_path(), "upload")


def watch(one):
    return slowtest.Watch(lambda: kodotest.children(one.process.pid), [upload_folder(one)])


# --- kodo service ---

def test_slow_readers(service):
    """Long answers have one room for all; a small one waits for nobody, and peers have a room of their own."""
    one = service({**REGISTRY, "spool_max_mib": 20})
    slowtest.fill(one, 8)
    feeding = {**connect_body("http://127.0.0.1:9"), "registry": True, "feed": True}
    with watch(one) as disk, slowtest.readers(one.port, "/connect", 20) as slow:
        median, highest, statuses = slowtest.others(one.port, 4)
        assert statuses == {200} and median < kodotest.CALM and highest < 10, (median, highest)
        wait_until(lambda: slow.statuses() == {"200": 2, "503": 18}, 10, "two have all room")
        refused = one.get("/connect")
        assert refused.status == 503 and refused.headers["retry-after"] == "1"
        answer = one.post("/connect", feeding)
        assert answer.status == 201 and len(answer.body) > 3 * MIB
    assert disk.highest < 30 * MIB
    wait_until(lambda: one.get("/connect").status == 200, 15, "their room is free again")
    assert "raise spool_max_mib" in one.screen()


@pytest.mark.parametrize("pp", [12, 25, 100])
def test_slow_readers_of_pages(service, pp):
    """Of 97, 202 and 809 KiB: what a socket's buffer does not take at once goes another way."""
    one = service(REGISTRY)
    slowtest.fill(one, 4)
    with slowtest.readers(one.port, f"/flows?pp={pp}", 24) as slow:
        median, highest, statuses = slowtest.others(one.port, 3)
        assert statuses == {200} and median < kodotest.CALM and highest < 10, (median, highest)
        wait_until(lambda: slow.statuses() == {"200": 24}, 10, "all are served")


def test_one_answer_may_have_any_size(service):
    one = service({**REGISTRY, "spool_max_mib": 2})
    slowtest.fill(one, 8)
    assert len(one.get("/connect").json()["nodes"]) == 2


def test_slow_line_gets_all(service):
    """Some 100 KiB/s, and a pause of seconds: slow, and no attack."""
    one = service(REGISTRY)
    one.post("/connect", connect_body("http://127.0.0.1:9", nodes=[node("http://127.0.0.1:9", [flow(i, description="d" * 8000)
                                                                                              for i in range(160)])]))
    length = len(one.get("/connect").body)
    assert length > MIB
    with socket.create_connection(("127.0.0.1", one.port), 30) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /connect HTTP/1.0\r\nHost: localhost\r\n\r\n")
        got = 0
        for step in range(100000):
            piece = s.recv(8192)
            if not piece:
                break
            got += len(piece)
            time.sleep(4 if step == 10 else 0.015)
    assert got > length


def test_uploads_that_stop_short(service):
    """Bodies coming in have one room for all. Without it small ones go on, and it is free again after ten seconds."""
    one = service({**REGISTRY, "body_max_mib": 4, "spool_max_mib": 12})
    with watch(one) as disk, slowtest.uploads(one.port, "/connect", 30, 4 * MIB) as slow:
        wait_until(lambda: slow.statuses().get("503", 0) >= 20, 10, "most are refused")
        assert one.post("/connect", connect_body("http://127.0.0.1:9")).status == 201
        refused = one.post("/connect", b" " * MIB)
        assert refused.status == 503 and refused.json()["detail"] == "Service Unavailable" and "retry-after" in refused.headers
        median, highest, statuses = slowtest.others(one.port, 2)
        assert statuses == {200} and median < kodotest.CALM and highest < 10
        wait_until(lambda: slow.n_open() == 0, 25, "all were cut off")
    assert disk.highest < 24 * MIB, disk.highest
    assert os.listdir(upload_folder(one)) == []
    wait_until(lambda: one.post("/connect", b" " * MIB).status == 400, 5, "there is room again")
    assert 1 <= one.screen().count("raise spool_max_mib") <= 12 and "File too large" not in one.screen()


def test_what_a_killed_web_server_leaves(service):
    """Its unfinished bodies count for nothing, and neither does its limit."""
    one = service({**REGISTRY, "body_max_mib": 4, "spool_max_mib": 8})
    with slowtest.uploads(one.port, "/connect", 10, 4 * MIB) as slow:
        wait_until(lambda: "503" in slow.statuses(), 10, "some are refused")
        [pid] = [pid for pid in kodotest.children(one.process.pid) if os.readlink(f"/proc/{pid}/exe").endswith("lighttpd")]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: one.post("/connect", b" " * (3 * MIB)).status == 400, 10, "another one takes bodies")
        assert os.listdir(upload_folder(one)) == []


# --- a worker ---

@pytest.fixture
def long_answers(responder):
    """A responder whose answer to /connect has some MiB: long_answers(workers=..)."""
    def make(**more):
        kodo = responder({"flows": [flow(n, description="x" * 8000) for n in range(400)], **more.pop("options", {})}, **more)
        assert len(kodo.get("/connect").body) > 3 * MIB
        return kodo
    return make


@contextlib.contextmanager
def slow(kodo, n, **variables):
    """Connections on which long answers wait to be read."""
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(FastCGI(kodo.path)) for _ in range(n)]
        for connection in made:
            connection.send(cgi_env("GET", "/connect", **variables))
        yield made


def statuses(connections):
    return [parse_cgi(*connection.receive()).status for connection in connections]


def test_a_long_answer_holds_no_worker(long_answers):
    """Others are served meanwhile, and each answer comes whole."""
    kodo = long_answers()
    whole = kodo.get("/connect")
    with slow(kodo, 5) as waiting:
        for _ in range(20):
            assert kodo.get("/").status == 200
        kodo.post("/connect", connect_body("http://localhost:9", 1))
        for connection in reversed(waiting):
            answer = parse_cgi(*connection.receive())
            assert answer.status == 200 and len(answer.body) == int(answer.headers["content-length"]) == len(whole.body)
            assert connection.socket.recv(1) == b""                     # the end of the connection, as that of the request


def test_a_long_answer_is_sent_to_its_end(long_answers):
    """After a signal to end; and a client that takes nothing delays the end by ten seconds at most."""
    kodo = long_answers(workers=1)
    with slow(kodo, 2) as (first, _):
        kodo.get("/")
        kodo.workers[0].send_signal(signal.SIGTERM)
        assert statuses([first]) == [200]
        began = time.monotonic()
        assert kodo.workers[0].wait(20) == 0 and time.monotonic() - began > 5
    kodo.workers.clear()


@pytest.mark.parametrize("one, same, other", [("192.0.2.1", "192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"),
                                              ("192.0.2.1", "::ffff:192.0.2.1", "::1")])
def test_an_address_gets_eight(long_answers, one, same, other):
    kodo = long_answers(workers=1)
    with slow(kodo, 8, REMOTE_ADDR=one) as waiting:
        assert kodo.get("/connect", REMOTE_ADDR=same).status == 503
        assert kodo.get("/connect", REMOTE_ADDR=other).status == 200
        assert kodo.get("/flows?pp=10", REMOTE_ADDR=same).status == 200
        assert statuses(waiting) == [200] * 8
    wait_until(lambda: kodo.get("/connect", REMOTE_ADDR=same).status == 200, 5)


def test_a_named_proxy_says_who_asks(long_answers):
    kodo = long_answers(workers=1, options={"proxies": "127.0.0.1, 10.0.0.0/8"})
    with slow(kodo, 8, headers={"x-forwarded-for": "192.0.2.9, 192.0.2.1, 10.1.2.3"}) as waiting:
        assert kodo.get("/connect", headers={"x-forwarded-for": "192.0.2.1"}).status == 503
        assert kodo.get("/connect", headers={"x-forwarded-for": "192.0.2.2"}).status == 200
        assert kodo.get("/connect", headers={"x-forwarded-for": "192.0.2.1, 192.0.2.2"}).status == 200
        assert statuses(waiting) == [200] * 8


def test_loopback_speaks_for_many(long_answers):
    """As it may be a proxy."""
    kodo = long_answers(workers=1)
    for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", None, ""):
        with slow(kodo, 10, REMOTE_ADDR=address) as waiting:
            assert statuses(waiting) == [200] * 10


def test_answers_that_hold_a_process(long_answers):
    """Under Apache each one does: four at once."""
    kodo = long_answers(workers=1)
    with slow(kodo, 4, SERVER_SOFTWARE="Apache/2.4") as waiting:
        assert kodo.get("/connect", SERVER_SOFTWARE="Apache/2.4").status == 503
        assert kodo.get("/connect").status == 200
        assert statuses(waiting) == [200] * 4


def test_room_of_a_killed_worker_is_free(long_answers):
    kodo = long_answers(workers=1, options={"spool_max_mib": 4})
    with slow(kodo, 1):
        assert kodo.get("/connect").status == 503
        for worker in kodo.workers:
            worker.kill()
            worker.wait()
        kodo.workers[:] = [kodo.start()]
        assert kodo.get("/connect").status == 200


def test_client_that_goes_frees_its_room(long_answers):
    kodo = long_answers(options={"spool_max_mib": 4})
    for _ in range(3):
        with slow(kodo, 1):
            assert kodo.get("/connect").status == 503
        wait_until(lambda: kodo.get("/connect").status == 200, 5)


def test_full_disk_leaves_memory(long_answers):
    """What is below 1 MiB needs no file."""
    kodo = long_answers(workers=1)
    resource.prlimit(kodo.workers[0].pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    for _ in range(2):
        page = kodo.get("/flows?pp=60")
        assert page.status == 200 and len(page.body) > MIB // 4 and len(page.json()["items"]) == 60
        assert kodo.get("/connect").status == 503
    resource.prlimit(kodo.workers[0].pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert len(kodo.get("/connect").json()["nodes"][0]["flows"]) == 400
