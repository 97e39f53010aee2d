"""kodo-reconnect as cron or the responder starts it: lifetime, waking, pace, and what it makes of answers."""
import json
import os
import signal
import stat
import time

import pytest

import kodotest
import servicetest
from kodotest import CALM, flow, wait_until

OWN = "http://localhost:4321"
NODE = {"url": OWN, "registry": False, "feed": False, "flows": [flow(1), flow(2)], "retry": 3, "timeout": 2}
REGISTRY = {"url": OWN, "registry": True, "feed": True, "retry": 3, "timeout": 2}


@pytest.fixture
def runner(folders):
    """A function that prepares a loader and a runner for it: runner(options)."""
    made = []

    def make(options):
        made.append(servicetest.Runner(folders(), options))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def raw():
    """A function that starts a servicetest.RawPeer."""
    made = []

    def make(serve):
        made.append(servicetest.RawPeer(serve))
        return made[-1]
    yield make
    for one in made:
        one.close()


def down():
    """The url of a peer that is not there."""
    return f"http://localhost:{kodotest.free_port()}"


# --- what is sent ---

def test_connects_and_ends(runner, peer):
    target = peer()
    r = runner({**NODE, "connect": [target.url]})
    began = time.monotonic()
    assert r.run() == 0
    assert time.monotonic() - began < CALM                  # nothing is left to stay for
    (method, path, body, _), = target.seen
    assert (method, path, body["url"]) == ("POST", "/connect", OWN)
    assert [f["name"] for n in body["nodes"] for f in n["flows"]] == ["Flow 1", "Flow 2"]
    assert r.map()["connection"][target.url] is not None
    assert r.map()["idle"] is True
    log = r.log()
    assert f"{target.url}/connect with nodes: 1, flows: 2\n" in log
    assert f"succeed with {target.url}/connect\n" in log
    assert r.screen() == ""                                 # cron mails whatever a job prints


def test_nothing_to_do(runner):
    r = runner(NODE)
    assert r.run() == 0
    assert r.screen() == ""


def test_head_of_a_message(runner, raw):
    target = raw(servicetest.answer_with(201))
    many = [flow(n, description="x" * 50000) for n in range(40)]        # over 1 MiB, where curl would like to ask first
    r = runner({**NODE, "flows": many, "connect": [target.url]})
    assert r.run("--once", env={"http_proxy": down(), "HTTP_PROXY": down(), "all_proxy": down(), "ALL_PROXY": down()}) == 0
    head, = target.heads
    lines = [line.lower() for line in head.split("\r\n")]
    assert lines[0] == "post /connect http/1.1"
    assert "content-type: application/json" in lines
    assert not any(line.startswith(("expect:", "transfer-encoding:", "upgrade:", "accept-encoding:")) for line in lines)


def test_a_connection_is_used_again(runner, raw, hosted_registry):
    """Two messages to one peer: one connection. And one that the peer has closed meanwhile is no failure."""
    def serve(connection, number, peer):
        while True:
            peer.read_request(connection)
            body = json.dumps(kodotest.greeting(peer.url, feed=True, registry=True)).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            if len(peer.heads) == 2:
                return                                      # without a word
    feeder = raw(serve)
    r, cgi = hosted_registry()
    assert connect(cgi, feeder.url, nodes=[], feed=True, registry=True).status == 201
    process = r.start("--stay")
    for n in range(4):
        assert connect(cgi, f"http://localhost:500{n}").status == 201
        wait_until(lambda: len(feeder.heads) == n + 2, 2)   # its greeting was asked for first
    assert len(feeder.times) == 2
    assert "failed" not in cgi.log()
    assert kodotest.end(process) == 0


def connect(cgi, url, flows=1, **more):
    return cgi.post("/connect", kodotest.connect_body(url, flows, **more))


@pytest.fixture
def hosted_registry(runner):
    """A registry whose requests are answered by plain CGI, and whose runner the test starts."""
    def make(**options):
        r = runner({**REGISTRY, **options})
        assert r.cgi.get("/").status == 200
        return r, r.cgi
    yield make


# --- lifetime ---

def test_one_runner_a_state(runner, raw):
    target = raw(servicetest.hang)
    r = runner({**NODE, "timeout": 30, "connect": [target.url]})
    first = r.start()
    wait_until(lambda: target.heads, 5)
    began = time.monotonic()
    assert r.run() == 0
    assert r.run("--stay", "--once", "--for", "1", "--state", r.cgi.state_path()) == 1      # a loader or a state
    assert time.monotonic() - began < CALM
    assert first.poll() is None and len(target.times) == 1
    with open(os.path.join(r.cgi.state_path(), "runner.lock")) as f:
        assert int(f.read()) == first.pid


def test_a_second_runner_wakes_the_first(hosted_registry, peer):
    feeder = peer(feed=True, signs=False)                   # as what is said in its name
    r, cgi = hosted_registry()
    connect(cgi, feeder.url, nodes=[], feed=True, registry=True)
    first = r.start_for_state("--stay")
    wait_until(lambda: state_of_fifo(cgi), 5)
    time.sleep(0.3)
    fifo = os.path.join(cgi.state_path(), "wake")
    os.rename(fifo, fifo + ".away")                         # so that the responder finds nobody to wake
    connect(cgi, "http://localhost:4999", flows=2)
    os.rename(fifo + ".away", fifo)
    time.sleep(0.2)
    assert not feeder.calls("/update")
    assert r.run() == 0
    wait_until(lambda: feeder.calls("/update"), CALM)
    assert first.poll() is None
    assert kodotest.end(first) == 0


def test_one_that_stays_takes_over(runner):
    """--stay waits for the lock instead of ending: the service's own runner after one that a worker has started."""
    r = runner({**NODE, "connect": [down()], "retry": -1})
    first = r.start()
    wait_until(lambda: "failed with" in r.log(), 5)
    second = r.start("--stay")
    time.sleep(0.3)
    assert second.poll() is None
    assert kodotest.end(first) == 0
    lock = os.path.join(r.cgi.state_path(), "runner.lock")
    wait_until(lambda: int(open(lock).read()) == second.pid, CALM)
    assert kodotest.end(second) == 0


def test_wake_latency(hosted_registry, peer):
    """A change is at the next registry in well under 100 ms; the median of seven, for this machine may be busy."""
    feeder = peer(feed=True, signs=False)                   # as what is said in its name
    r, cgi = hosted_registry()
    connect(cgi, feeder.url, nodes=[], feed=True, registry=True)
    process = r.start("--stay")
    wait_until(lambda: state_of_fifo(cgi), 5)
    times = []
    for n in range(7):
        connect(cgi, f"http://localhost:50{n:02}")
        left = time.monotonic()
        wait_until(lambda: len(feeder.calls("/update")) == n + 1, 2, pause=0.001)
        times.append(feeder.calls("/update")[-1][3] - left)
    assert sorted(times)[3] < 0.1, times
    assert kodotest.end(process) == 0


def test_one_that_waits_takes_no_time(hosted_registry):
    r, cgi = hosted_registry(connect=[down()], retry=-1)
    process = r.start_for_state("--stay")
    wait_until(lambda: "failed with" in cgi.log(), 5)
    for _ in range(3):
        with open(os.path.join(cgi.state_path(), "wake"), "wb", buffering=0) as fifo:
            fifo.write(b"w")
    time.sleep(0.2)
    before = cpu_ticks(process.pid)
    time.sleep(1)
    assert cpu_ticks(process.pid) - before <= 0.1 * os.sysconf("SC_CLK_TCK")
    assert kodotest.end(process) == 0


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def state_of_fifo(cgi):
    """Does somebody read the FIFO?"""
    try:
        os.close(os.open(os.path.join(cgi.state_path(), "wake"), os.O_WRONLY | os.O_NONBLOCK))
        return True
    except OSError:
        return False


def runners(r):
    return [pid for pid in servicetest.processes_of(r.cwd) if "kodo-reconnect" in servicetest.command_line(pid)[0]]


def test_for_ends_and_a_successor_goes_on(runner):
    r = runner({**NODE, "retry": -1, "connect": [down()]})
    began = time.monotonic()
    assert r.run("--for", "2") == 0
    assert 1.9 < time.monotonic() - began < 3 + CALM
    successor, = wait_until(lambda: runners(r), CALM)
    assert servicetest.command_line(successor)[1:] == [r.cgi.loader, "--for", "2"]
    assert os.getsid(successor) == successor                # of nobody's terminal
    wait_until(lambda: runners(r) and runners(r) != [successor], 3 + CALM, "a third")


def test_no_successor_where_cron_starts_them(runner):
    r = runner({**NODE, "retry": -1, "connect": [down()], "trigger": "cron"})
    assert r.run("--for", "1") == 0
    time.sleep(0.3)
    assert runners(r) == []


def test_for_ends_also_while_a_peer_hangs(runner, raw):
    target = raw(servicetest.hang)
    r = runner({**NODE, "timeout": 30, "trigger": "cron", "connect": [target.url]})
    began = time.monotonic()
    assert r.run("--for", "2") == 0
    assert time.monotonic() - began < 3 + CALM
    # the attempt was cut to the runner's lifetime, and counts, or it would be begun for ever
    assert "Timeout was reached" in r.log()


def test_stay_stays(runner):
    r = runner({**NODE, "connect": []})
    process = r.start("--stay")
    time.sleep(1)
    assert process.poll() is None
    assert kodotest.end(process) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(runner, raw, number):
    target = raw(servicetest.hang)
    r = runner({**NODE, "timeout": 30, "connect": [target.url]})
    process = r.start()
    wait_until(lambda: target.heads, 5)
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(5) == 0
    assert time.monotonic() - began < 0.5
    assert r.map()["idle"] is False                         # what was in flight is due still
    assert runners(r) == []


def test_kill_loses_nothing(runner, peer, raw):
    target = raw(servicetest.hang)
    r = runner({**NODE, "timeout": 30, "connect": [target.url]})
    process = r.start()
    wait_until(lambda: target.heads, 5)
    process.kill()
    process.wait()
    r.start()
    wait_until(lambda: len(target.heads) == 2, 5)


def test_one_of_a_service_that_has_ended(runner):
    """Its worker has started it and was killed with the service before it came to that."""
    r = runner({**NODE, "connect": [down()], "retry": -1})
    gone = r.start("--once", "--for", "1")
    gone.wait()
    assert r.run("--stay", env={"KODO_SERVICE_PID": str(gone.pid)}, seconds=5) == 0


# --- who starts it ---

def test_responder_starts_it(folders, peer):
    """No cron, no service: the first request finds that a connect is due."""
    target = peer()
    with kodotest.folder() as place:
        r = kodotest.Responder(place, {**NODE, "connect": [target.url]}, runner=kodotest.RECONNECT)
        try:
            assert r.get("/").status == 200
            wait_until(lambda: target.calls("/connect"), 2 + CALM)
            wait_until(lambda: not runners_in(place), 2 + CALM, "and it ends")
            assert r.get("/map").json()["connection"][target.url] is not None
        finally:
            r.close()
            servicetest.kill_all(place)


def runners_in(place):
    return [pid for pid in servicetest.processes_of(place) if "kodo-reconnect" in servicetest.command_line(pid)[0]]


def test_responder_leaves_it_to_cron(folders, peer):
    target = peer()
    with kodotest.folder() as place:
        r = kodotest.Responder(place, {**NODE, "connect": [target.url], "trigger": "cron"}, runner=kodotest.RECONNECT)
        try:
            assert r.get("/").status == 200
            time.sleep(0.5)
            assert not target.seen and not runners_in(place)
        finally:
            r.close()


# --- pace ---

def test_backoff(runner, peer):
    """0.5 1 2 s, and at most 10 % more; then paused."""
    target = peer(answer=lambda *_: (503, {"detail": "busy"}))
    r = runner({**NODE, "retry": 4, "connect": [target.url]})
    assert r.run() == 0
    times = [call[3] for call in target.seen]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len(gaps) == 3
    for gap, wanted in zip(gaps, (0.5, 1, 2)):
        assert wanted - 0.01 <= gap <= wanted * 1.1 + 0.25, gaps
    answer = r.map()
    assert answer["connection"] == {target.url: None} and answer["idle"] is True
    assert r.log().count(f"paused {target.url}") == 1
    assert r.log().count(f"WARNING kodo: {OWN} - failed with {target.url}/connect: 503") == 1    # the others are for those who debug
    # and it stays so for the next minutes
    assert r.run() == 0
    assert len(target.seen) == 4


def test_retry_0_never_connects(runner, peer):
    target = peer()
    r = runner({**NODE, "retry": 0, "connect": [target.url]})
    assert r.run("--once") == 0
    assert not target.seen


def test_a_hanging_peer_delays_nobody(runner, raw, peer):
    hanging = [raw(servicetest.hang) for _ in range(3)]
    others = [peer() for _ in range(3)]
    r = runner({**NODE, "timeout": 3, "connect": [p.url for pair in zip(hanging, others) for p in pair]})
    began = time.monotonic()
    r.start()
    wait_until(lambda: all(p.calls("/connect") for p in others), CALM)
    wait_until(lambda: all(p.heads for p in hanging), CALM)
    assert time.monotonic() - began < CALM
    # they are given up after the timeout, together
    wait_until(lambda: all(len(p.times) == 2 for p in hanging), 3 + 0.6 + CALM)


def test_to_one_peer_one_at_a_time(hosted_registry, raw):
    open_now, most = [0], [0]

    def serve(connection, number, peer):
        while True:
            peer.read_request(connection)
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
            time.sleep(0.15)
            open_now[0] -= 1
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    feeder = raw(serve)
    r, cgi = hosted_registry()
    connect(cgi, feeder.url, nodes=[], feed=True, registry=True)
    process = r.start("--stay")
    for n in range(5):
        connect(cgi, f"http://localhost:500{n}")
    wait_until(lambda: cgi.get("/").json()["idle"], 5)
    assert most[0] == 1
    assert len(feeder.heads) < 5                            # what came meanwhile went as one
    assert kodotest.end(process) == 0


# --- what an answer means ---

@pytest.mark.parametrize("status, body", [
    (200, b"{}"), (201, b"no JSON at all"), (200, b""), (204, b""), (200, b"\xff\xfe{"), (201, b"[1,2"),
])
def test_success_whatever_the_body(runner, raw, status, body):
    target = raw(servicetest.answer_with(status, body))
    r = runner({**NODE, "connect": [target.url]})
    assert r.run() == 0
    assert r.map()["connection"][target.url] is not None
    assert len(target.heads) == 1


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_paused_at_the_first_answer(runner, raw, status):
    target = raw(servicetest.answer_with(status, b'{"detail":"no, thank you"}'))
    r = runner({**NODE, "connect": [target.url]})
    assert r.run() == 0
    assert len(target.heads) == 1
    assert r.map()["connection"] == {target.url: None} and r.map()["idle"] is True
    assert "no, thank you" in r.log()


@pytest.mark.parametrize("status", [301, 302, 307, 403, 429, 500, 502, 503])
def test_tried_again(runner, raw, peer, status):
    elsewhere = peer()
    target = raw(servicetest.answer_with(status, b"{}", f"Location: {elsewhere.url}/connect\r\n"))
    r = runner({**NODE, "retry": 2, "connect": [target.url]})
    assert r.run() == 0
    assert len(target.heads) == 2
    assert not elsewhere.seen                               # no redirect is followed
    assert r.map()["connection"] == {target.url: None}


def no_answer(connection, number, peer):
    peer.read_request(connection)


def half_an_answer(connection, number, peer):
    peer.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")


def no_http(connection, number, peer):
    peer.read_request(connection)
    connection.sendall(b"\x00\x01\x02 what is this?\r\n\r\n")


def endless_head(connection, number, peer):
    peer.read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for n in range(100000):
        connection.sendall(b"X-%d: %s\r\n" % (n, b"y" * 1000))


def endless_body(connection, number, peer):
    peer.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\n\r\n")
    for _ in range(64):
        connection.sendall(b" " * (1 << 20))


@pytest.mark.parametrize("serve", [no_answer, half_an_answer, no_http, endless_head, endless_body])
def test_no_good_answer_is_a_failure(runner, raw, serve):
    target = raw(serve)
    r = runner({**NODE, "retry": 2, "connect": [target.url]})
    assert r.run() == 0
    assert len(target.times) == 2
    assert r.map()["connection"] == {target.url: None}
    assert f"failed with {target.url}/connect: " in r.log()


def test_an_answer_before_the_body_was_read(runner, raw):
    """A server that refuses a large body answers and closes; the answer counts, not the broken pipe."""
    def serve(connection, number, peer):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        time.sleep(0.1)
    target = raw(serve)
    many = [flow(n, description="x" * 50000) for n in range(40)]
    r = runner({**NODE, "flows": many, "connect": [target.url]})
    assert r.run("--once") == 0
    assert r.map()["connection"] == {target.url: None}
    assert "404" in r.log()


def test_update_answered_404_leads_to_connect(hosted_registry, peer):
    """A target that lost its state."""
    known = [True]
    target = peer(answer=lambda method, path, body: (200, {}) if known[0] or path != "/update" else (404, {"detail": "not found"}))
    r, cgi = hosted_registry(connect=[target.url])
    process = r.start("--stay")
    wait_until(lambda: target.calls("/connect"), 2)
    known[0] = False
    connect(cgi, "http://localhost:5001", flows=3)
    wait_until(lambda: len(target.calls("/connect")) == 2, 2)
    assert len(target.calls("/connect")[1][2]["nodes"][0]["flows"]) == 3
    assert kodotest.end(process) == 0


@pytest.mark.parametrize("status", [413, 500])
def test_too_large_is_sent_in_halves(runner, peer, status):
    """A peer behind a ceiling of 131,072 bytes, which mod_fcgid answers with 500."""
    taken = {}

    def answer(method, path, body):
        size = len(str(body))
        if size > 131072:
            return status, {"detail": "too large"}
        for node in body["nodes"]:
            taken[node["url"]] = node
        return 200, {}
    target = peer(answer=answer)
    place = runner({**REGISTRY, "connect": [target.url], "retry": 9})
    nodes = [kodotest.node(f"http://localhost:{6000 + n}", [flow(i, description="x" * 2000) for i in range(5)]) for n in range(30)]
    assert place.cgi.post("/connect", kodotest.connect_body("http://localhost:6000", nodes=nodes)).status == 201
    assert place.run() == 0
    assert len(taken) == 30
    assert [path for _, path, _, _ in target.seen][0] == "/connect"
    assert place.map()["connection"][target.url] is not None and place.map()["idle"] is True


# --- options of a hosted runner ---

def test_executable_loader(folders, peer):
    """Only the runner runs it; until then there is no service."""
    target = peer()
    with kodotest.folder() as place:
        def write(n):
            text = kodotest.yaml_of({**NODE, "connect": [target.url], "loader_s": 1, "flows": [flow(i) for i in range(n)]})
            with open(os.path.join(place, "text"), "w") as f:
                f.write(text)
        r = servicetest.Runner(place, NODE)
        r.cgi.loader = r.cgi.env["KODO_LOADER"] = os.path.join(place, "loader")
        r.cgi.write_loader(f"#!/bin/sh\ncat {place}/text\n")
        os.chmod(r.cgi.loader, 0o755)
        write(2)
        with open(os.path.join(place, ".env"), "w") as f:
            f.write("KODO_CACHE_DATA=./data/test.json\n")
        try:
            assert r.cgi.get("/").status == 503
            assert r.run() == 0
            assert r.cgi.get("/counts").json()["total"] == 2
            process = r.start("--stay")
            write(4)
            wait_until(lambda: r.cgi.get("/counts").json()["total"] == 4, 5)
            wait_until(lambda: len(target.calls()) >= 2, 5)
            write(5)
            with open(os.path.join(place, "text"), "w") as f:
                f.write("- nosuch: true\n")
            wait_until(lambda: "nosuch" in r.screen() + r.log(), 5)
            assert r.cgi.get("/counts").json()["total"] == 4        # the last good one holds
            with open(os.path.join(place, "text"), "w") as f:
                f.write("# what a program prints whose source is gone\n")
            wait_until(lambda: "it is empty, or holds comments only" in r.screen() + r.log(), 35)
            assert r.cgi.get("/counts").json()["total"] == 4
            assert process.poll() is None
            assert kodotest.end(process) == 0
        finally:
            r.close()


def test_loader_that_is_changed(runner, peer):
    target = peer()
    r = runner({**NODE, "connect": [target.url]})
    process = r.start("--stay")
    wait_until(lambda: target.calls("/connect"), 5)
    r.cgi.write_loader({**NODE, "connect": [target.url], "flows": [flow(7)]})
    wait_until(lambda: len(target.seen) >= 2, 5)
    assert [f["name"] for f in target.seen[-1][2]["nodes"][0]["flows"]] == ["Flow 7"]
    assert kodotest.end(process) == 0


def test_no_loader(runner):
    r = runner(NODE)
    os.unlink(r.cgi.loader)
    assert r.run() == 1
    assert len(r.screen().splitlines()) == 1 and "kodo.yaml" in r.screen()


def test_no_state(place):
    r = servicetest.Runner(place, NODE)
    assert r.run("--state", os.path.join(place, "nosuch")) == 1


@pytest.mark.parametrize("arguments", [["--nosuch"], ["--for", "soon"], ["--for", "0"], ["a", "b"]])
def test_bad_arguments(runner, arguments):
    r = runner(NODE)
    assert r.run(*arguments) == 1
    assert r.screen()


def test_foreign_state(runner):
    """The web server's user is another: cron has to fetch /cron instead."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    r = runner({**NODE, "connect": [down()]})
    assert r.cgi.get("/").status == 200
    os.chown(r.cgi.state_path(), 54321, 54321)
    assert r.run() == 1
    line, = r.screen().splitlines()
    assert f"curl -fsS '{OWN}/cron?key=" in line and "54321" in line
    # a common group is fine
    os.chown(r.cgi.state_path(), 54321, os.getegid())
    os.chmod(r.cgi.state_path(), 0o2770)
    assert r.run("--once") == 0


def test_what_lies_in_the_state(runner):
    r = runner(NODE)
    assert r.run() == 0
    path = r.cgi.state_path()
    assert stat.S_ISFIFO(os.stat(os.path.join(path, "wake")).st_mode)
    assert {stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode) for name in ("wake", "runner.lock")} == {0o600}
