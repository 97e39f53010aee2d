"""The responder alone, by FastCGI and by plain CGI: which state and loader it serves, the runner it starts, waits, signals, memory."""
import fcntl
import json
import os
import re
import signal
import statistics
import subprocess
import threading
import time

import pytest

import kodotest
from kodotest import FastCGI, cgi_env, connect_body, flow, node, parse_cgi, wait_until
from responder import FLOWS, OWN, PEER, SANITIZED, check_error, check_json


@pytest.fixture
def runner(place):
    """A program in place of kodo-reconnect that notes its arguments: path, and a function that gives the lines so far."""
    path = os.path.join(place, "runner")
    with open(path, "w") as f:
        f.write(f'#!/bin/sh\necho "$@" >> {place}/runs\n')
    os.chmod(path, 0o755)
    return path, lambda: open(f"{place}/runs").read().splitlines() if os.path.exists(f"{place}/runs") else []


# --- states and loaders ---

def test_loader_changes(hosted):
    kodo = hosted({"flows": FLOWS})
    assert kodo.get("/").json()["organization"] == "Test Organization"
    kodo.write_loader({"flows": FLOWS[:2], "organization": "Another"})
    assert kodo.get("/").json()["organization"] == "Another" and kodo.get("/counts").json()["total"] == 2
    kodo.write_loader("- cache_data: ./data/test.json\n- url: [not, a, url\n")
    for _ in range(3):
        assert kodo.get("/").json()["organization"] == "Another"
    assert "kodo.yaml" in kodo.log() + kodo.screen()
    kodo.write_loader({"organization": "Third"})
    assert kodo.get("/").json()["organization"] == "Third" and kodo.get("/counts").json()["total"] == 0


def test_complaints_are_made_once(responder):
    kodo = responder({})
    kodo.get("/")
    kodo.write_loader({"nosuchoption": 1})
    for _ in range(5):
        assert kodo.get("/").status == 200
    assert (kodo.log() + kodo.screen()).count("nosuchoption") in (1, 2)     # screen and file


def test_loader_that_is_being_written(responder):
    """Cut off before its cache_data: the state stays, and nothing is made where the default would be."""
    kodo = responder({"flows": FLOWS})
    kodo.get("/")
    kodo.write_loader("- url: http://localhost:4321\n- flows: [\n")
    assert kodo.get("/counts").json()["total"] == 5
    assert sorted(os.listdir(os.path.join(kodo.cwd, "data"))) == ["kodo.log", "test.lmdb"]


def test_bad_loader_is_read_once(responder):
    kodo = responder({})
    kodo.get("/")
    good = f"- cache_data: ./data/test.json\n- url: {OWN}\n- organization: New\n"
    kodo.write_loader(good.replace("- o", "{ o"))
    assert kodo.get("/").json()["organization"] == "Test Organization"
    stat = os.stat(kodo.loader)
    with open(kodo.loader, "r+") as f:
        f.write(good)
    os.utime(kodo.loader, ns=(stat.st_atime_ns, stat.st_mtime_ns))      # it looks the same
    assert kodo.get("/").json()["organization"] == "Test Organization"
    os.utime(kodo.loader)
    assert kodo.get("/").json()["organization"] == "New"


def test_cache_data_moves(hosted):
    kodo = hosted({"flows": FLOWS})
    assert kodo.post("/connect", connect_body(PEER)).status == 201
    kodo.write_loader({"flows": FLOWS, "cache_data": "./elsewhere/x.json"})
    assert kodo.get("/counts").json()["total"] == 5
    assert os.path.isdir(os.path.join(kodo.cwd, "elsewhere", "x.lmdb"))


@pytest.mark.parametrize("loader", ["- url: [\n", "- nosuchoption: 1\n", "- url: localhost\n", "- auth_token: x\n", "\0\0"])
def test_no_good_loader_yet(hosted, loader):
    kodo = hosted(loader)
    answer = kodo.get("/flows")
    check_error(answer, 503, "Service Unavailable")
    assert answer.headers["retry-after"] == "1"
    assert kodo.cwd.encode() not in answer.body
    assert "kodo.yaml" in kodo.screen()


@pytest.mark.parametrize("target", ["/", "/.refused"])
def test_head_has_no_body(hosted, target):
    """Neither where nothing is ready, nor where the web server refused and asks for the words."""
    kodo = hosted() if target == "/" else hosted({})
    env = {} if target == "/" else {"REDIRECT_STATUS": "414", "REDIRECT_URI": target}
    answer = kodo.request("HEAD", target, **env)
    assert answer.status == (503 if target == "/" else 414)
    assert answer.body == b""
    assert int(answer.headers["content-length"]) == len(kodo.request("GET", target, **env).body) > 0


def test_no_loader_at_all(hosted):
    kodo = hosted()
    check_error(kodo.get("/"), 503, "Service Unavailable")
    assert "kodo.yaml" in kodo.screen()
    kodo.write_loader({})
    assert kodo.get("/").status == 200


def test_state_that_cannot_be_made(hosted, place):
    kodo = hosted({"cache_data": "/proc/nosuch/x.json"})
    check_error(kodo.get("/"), 503, "Service Unavailable")
    assert "/proc/nosuch" in kodo.screen()
    if kodo.kind == "fcgi":                                             # tried again each time, logged once
        check_error(kodo.get("/"), 503, "Service Unavailable")
        assert kodo.screen().count("/proc/nosuch") == 1


def test_executable_loader_is_left_to_the_runner(hosted, runner):
    program, runs = runner
    loader = os.path.join(os.path.dirname(program), "loader")
    with open(loader, "w") as f:
        f.write("#!/bin/sh\necho '- url: http://localhost:4321'\n")
    os.chmod(loader, 0o755)
    kodo = hosted(env={"KODO_LOADER": loader}, runner=program)
    answer = kodo.get("/")
    check_error(answer, 503, "Service Unavailable")
    assert answer.headers["retry-after"] == "1"
    wait_until(lambda: runs(), 5, "the runner was started")
    assert runs()[0] == loader


def test_state_of_a_service(hosted):
    """KODO_STATE, as `kodo service` sets it: options are what the store says, whatever the loader does."""
    kodo = hosted({"flows": FLOWS})
    assert kodo.get("/counts").json()["total"] == 5
    child = hosted("- broken: [\n", env={"KODO_STATE": kodo.state_path()})
    assert child.get("/counts").json()["total"] == 5
    kodo.write_loader({"flows": FLOWS[:1]})
    assert child.get("/counts").json()["total"] == 5
    assert kodo.get("/counts").json()["total"] == 1
    assert child.get("/counts").json()["total"] == 1
    missing = hosted(env={"KODO_STATE": kodo.state_path() + "x"})
    check_error(missing.get("/"), 503, "Service Unavailable")
    assert not os.path.exists(kodo.state_path() + "x")


def test_loader_as_argument(responder, place):
    loader = os.path.join(place, "other.yaml")
    with open(loader, "w") as f:
        f.write("- url: http://localhost:4444\n- cache_data: ./x.json\n")
    assert responder({}, arguments=[loader]).get("/").json()["url"] == "http://localhost:4444"


def test_query_is_no_argument(place):
    """A server may pass the words of a query without `=` as arguments; they must not name a command or a loader."""
    kodo = kodotest.PlainCGI(place, {})
    env = {**kodo.env, **cgi_env("GET", "/?help")}
    for argument in ("help", "service", "/etc/passwd"):
        out = subprocess.run([kodotest.KODO, argument], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
        assert parse_cgi(out.stdout, out.stderr).json()["url"] == OWN


def test_body_ends_at_its_length(place):
    """A server need not close its end of a CGI program's stdin (RFC 3875, 4.2), and the program must not read on."""
    kodo = kodotest.PlainCGI(place, {})
    body = json.dumps(connect_body(PEER)).encode()
    process = subprocess.Popen([kodotest.KODO], env={**kodo.env, **cgi_env("POST", "/connect", body=body)}, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    process.stdin.write(body + b"more")
    process.stdin.flush()
    try:
        assert parse_cgi(process.stdout.read()).status == 201
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.stdin.close()


def test_command_line():
    env = {"PATH": os.environ["PATH"]}

    def run(*arguments):
        done = subprocess.run([kodotest.KODO, *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
        return done.returncode, done.stdout, done.stderr
    for argument in ("help", "--help", "-h"):
        status, out, _ = run(argument)
        assert status == 0 and "service" in out and "check" in out
    for argument in ("version", "--version", "-V"):
        status, out, _ = run(argument)
        assert status == 0 and re.fullmatch(r"kodo \S+\n", out)
    status, out, _ = run("help", "service")
    assert status == 0 and "usage: kodo service" in out and "--organization" in out
    status, out, _ = run("help", "loader")
    assert status == 0 and "url" in out
    status, out, err = run()
    assert status == 2 and out == "" and "usage" in err
    status, out, err = run("nosuch")
    assert status == 2 and out == "" and "nosuch" in err


# --- the runner ---

def test_change_wakes_the_runner(hosted, runner):
    program, runs = runner
    kodo = hosted({"connect": ["http://localhost:4399"], "flows": FLOWS}, runner=program)
    kodo.post("/connect", connect_body(PEER, 2, feed=True, registry=True))
    kodo.post("/connect", connect_body("http://localhost:4391"))
    wait_until(lambda: runs(), 5, "the runner was started")
    assert set(runs()) == {kodo.loader}


def test_runner_of_a_service(hosted, runner):
    program, runs = runner
    kodo = hosted({"flows": FLOWS})
    kodo.get("/")
    child = hosted(env={"KODO_STATE": kodo.state_path()}, runner=program)
    child.post("/connect", connect_body(PEER, 2, feed=True, registry=True))
    child.post("/connect", connect_body("http://localhost:4391"))
    wait_until(lambda: runs(), 5, "the runner was started")
    assert set(runs()) == {f"--state {kodo.state_path()}"}


def test_runner_is_left_to_cron(hosted, runner):
    program, runs = runner
    kodo = hosted({"trigger": "cron", "flows": FLOWS, "connect": ["http://localhost:4399"]}, runner=program)
    kodo.post("/connect", connect_body(PEER, 2, feed=True, registry=True))
    kodo.post("/connect", connect_body("http://localhost:4391"))
    assert kodo.request("DELETE", "/connect").seconds < kodotest.CALM
    time.sleep(0.3)
    assert runs() == []


def test_cron_needs_the_key(hosted, runner):
    program, runs = runner
    kodo = hosted({"trigger": "cron"}, runner=program)
    kodo.get("/")
    check_error(kodo.get("/cron"), 403, "Forbidden")
    check_error(kodo.get("/cron?key="), 403, "Forbidden")
    check_error(kodo.get("/cron?key=" + "0" * 32), 403, "Forbidden")
    names = [name for name in os.listdir(kodo.state_path()) if "key" in name]
    assert len(names) == 1
    path = os.path.join(kodo.state_path(), names[0])
    assert os.stat(path).st_mode & 0o007 == 0
    key = open(path).read().strip()
    check_error(kodo.get(f"/cron?key={key[:-1]}"), 403, "Forbidden")
    assert runs() == []
    assert check_json(kodo.get(f"/cron?key={key}")) == {"runner": "started"}
    wait_until(lambda: runs() == [kodo.loader], 5, "the runner was started")


def test_missing_runner_is_told(hosted):
    kodo = hosted({"connect": ["http://localhost:4399"], "flows": FLOWS}, runner="/nosuch/kodo-reconnect")
    answer = kodo.request("DELETE", "/connect")
    assert answer.status == 204 and answer.seconds < kodotest.CALM          # nobody to wait for
    wait_until(lambda: "kodo-reconnect" in kodo.log() + kodo.screen(), 5)


# --- waits, signals ---

LEAVING = {"connect": ["http://localhost:4399"], "flows": FLOWS}


def in_background(function, *args, **more):
    result = {}

    def run():
        try:
            result["answer"] = function(*args, **more)
        except Exception as error:
            result["error"] = error
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, result


def test_leaving_waits_but_not_for_ever(responder, runner):
    """The runner here does nothing, so the wait runs its 4 s; meanwhile others are answered, and only one waits."""
    kodo = responder(LEAVING, workers=3, runner=runner[0])
    kodo.get("/")
    thread, first = in_background(kodo.request, "DELETE", "/connect")
    time.sleep(0.5)
    assert thread.is_alive(), first
    assert kodo.request("DELETE", "/connect").seconds < kodotest.CALM
    for _ in range(20):
        assert kodo.get("/flows").seconds < kodotest.CALM
    thread.join(10)
    assert first["answer"].status == 204 and first["answer"].body == b""
    assert 3.8 < first["answer"].seconds < 4 + kodotest.CALM


def test_nobody_waits_with_wait_0(hosted, runner):
    kodo = hosted({**LEAVING, "wait": 0}, runner=runner[0])
    assert kodo.request("DELETE", "/connect").seconds < kodotest.CALM


def test_signal_ends_a_wait(responder, runner):
    kodo = responder(LEAVING, runner=runner[0])
    kodo.get("/")
    thread, first = in_background(kodo.request, "DELETE", "/connect")
    time.sleep(0.5)
    began = time.monotonic()
    assert kodotest.end(kodo.workers[0]) == 0
    assert time.monotonic() - began < kodotest.CALM
    thread.join(5)
    assert first["answer"].status == 204


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signal_ends_an_idle_worker(responder, sig):
    kodo = responder({}, workers=3)
    kodo.get("/")
    for worker in kodo.workers:
        worker.send_signal(sig)
    for worker in kodo.workers:
        assert worker.wait(kodotest.CALM) == 0


SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
int FCGX_Init(void)
{
	int (*real)(void) = (int (*)(void))dlsym(RTLD_NEXT, "FCGX_Init");
	int failed = real();
	raise(SIGTERM);
	return failed;
}
"""


@pytest.mark.skipif(SANITIZED, reason="ASAN has to be the first library")
def test_signal_before_the_first_request(responder, place):
    """libfcgi has a handler of its own, which only sets a flag of its own."""
    with open(os.path.join(place, "shim.c"), "w", encoding="ascii") as f:
        f.write(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{place}/shim.so", f"{place}/shim.c", "-ldl"], check=True)
    kodo = responder({}, env={"LD_PRELOAD": f"{place}/shim.so"})
    assert kodo.workers[0].wait(10) == 0


def test_signal_at_any_moment(responder):
    """No signal is lost, however it falls between a check and a wait; and no request that was begun."""
    kodo = responder({"flows": FLOWS}, workers=2)
    kodo.get("/")
    stop, bad, done = threading.Event(), [], []

    def client():
        while not stop.is_set():
            try:
                done.append(kodo.get("/flows").status)
            except Exception as error:
                bad.append(error)
    threads = [threading.Thread(target=client, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(30):
            time.sleep(0.001 * (turn * 7 % 13))
            kodo.workers[0].send_signal(signal.SIGTERM)
            assert kodo.workers[0].wait(2 * kodotest.CALM) == 0
            kodo.workers.append(kodo.start())
            del kodo.workers[0]
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    assert not bad and len(done) > 100 and set(done) == {200}


def test_signal_within_a_request(responder):
    """Half of it has come: the rest is read and answered first."""
    kodo = responder({"flows": FLOWS})
    kodo.get("/")
    data = FastCGI.whole(cgi_env("POST", "/connect", body=b"{}"), b"{}")
    with FastCGI(kodo.path) as connection:
        connection.socket.sendall(data[:len(data) // 2])
        time.sleep(0.2)
        kodo.workers[0].send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert kodo.workers[0].poll() is None
        connection.socket.sendall(data[len(data) // 2:])
        assert parse_cgi(*connection.receive()).status == 400
    assert kodo.workers[0].wait(5) == 0


def test_many_workers_answer_all(responder):
    kodo = responder({"flows": FLOWS}, workers=4)
    kodo.get("/")
    threads = [in_background(lambda: [kodo.get("/flows").status for _ in range(50)]) for _ in range(8)]
    for thread, result in threads:
        thread.join(60)
        assert result.get("answer") == [200] * 50, result
    assert len({worker.pid for worker in kodo.workers if worker.poll() is None}) == 4


def test_kept_connection(responder):
    kodo = responder({"flows": FLOWS})
    with FastCGI(kodo.path) as connection:
        for n in range(5):
            connection.send(cgi_env("GET", f"/flows?pp={n + 1}"), keep=True)
            assert parse_cgi(*connection.receive()).json()["pp"] == n + 1
        connection.send(cgi_env("POST", "/connect", body=b"{}"), b"{}", keep=True)
        assert parse_cgi(*connection.receive()).status == 400
        # the end of its body comes late
        whole = FastCGI.whole(cgi_env("GET", "/flows"), keep=True)
        connection.socket.sendall(whole[:-8])
        time.sleep(0.1)
        connection.socket.sendall(whole[-8:])
        assert parse_cgi(*connection.receive()).json()["total"] == 5
        connection.send(cgi_env("GET", "/flows"), keep=True)
        assert parse_cgi(*connection.receive()).json()["total"] == 5
        # a body that nobody asked for is in the way of no later request
        connection.send(cgi_env("POST", "/flows", body=b"x" * 200000), b"x" * 200000, keep=True)
        assert parse_cgi(*connection.receive()).status == 405
        connection.send(cgi_env("GET", "/flows"), keep=True)
        assert parse_cgi(*connection.receive()).json()["total"] == 5
        began = time.monotonic()
        assert kodotest.end(kodo.workers[0]) == 0           # an open connection does not keep it
        assert time.monotonic() - began < kodotest.CALM


def test_stalled_connection_after_a_kept_one(responder):
    """It is accepted where the worker reads from the kept one, and is cut off after 30 s as every other."""
    kodo = responder({"flows": FLOWS}, workers=1)
    with FastCGI(kodo.path) as kept, FastCGI(kodo.path) as stalled, FastCGI(kodo.path) as other:
        kept.send(cgi_env("GET", "/"), keep=True)
        assert parse_cgi(*kept.receive()).status == 200
        kodo.workers[0].send_signal(signal.SIGSTOP)
        stalled.socket.sendall(FastCGI.whole(cgi_env("GET", "/"))[:-8])
        other.send(cgi_env("GET", "/"))
        kept.close()
        kodo.workers[0].send_signal(signal.SIGCONT)
        other.socket.settimeout(30 + 5 * kodotest.CALM)
        assert parse_cgi(*other.receive()).status == 200


@pytest.mark.parametrize("late", [8, 16])
def test_request_whose_end_comes_late(responder, late):
    """A connection is closed without waiting for the server, but not before all of the request is taken: that would reset it."""
    kodo = responder({"flows": FLOWS})
    env = cgi_env("GET", "/flows") if late == 8 else cgi_env("POST", "/nowhere", body=b"12345678")
    whole = FastCGI.whole(env, b"" if late == 8 else b"12345678")
    for _ in range(20):
        with FastCGI(kodo.path) as connection:
            connection.socket.sendall(whole[:-late])
            time.sleep(0.02)
            connection.socket.sendall(whole[-late:])
            assert parse_cgi(*connection.receive()).status == (200 if late == 8 else 404)
            assert connection.socket.recv(1) == b""


def test_client_that_hangs_up(responder):
    kodo = responder({"flows": [flow(n, description="x" * 4000) for n in range(500)]})
    for _ in range(20):
        with FastCGI(kodo.path) as connection:
            connection.send(cgi_env("GET", "/flows?pp=1000"))
        with FastCGI(kodo.path) as connection:
            connection.socket.sendall(FastCGI.whole(cgi_env("GET", "/"))[:40])
        with FastCGI(kodo.path) as connection:
            connection.socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert kodo.get("/flows?pp=1000").json()["filtered"] == 500
    assert kodo.workers[0].poll() is None


def test_slow_client_holds_no_reader(responder):
    """A page over 1 MiB is sent after its transaction has ended: the next write goes through, the page is from before."""
    kodo = responder({"flows": [flow(n, description="x" * 4000) for n in range(500)]}, workers=2)
    with FastCGI(kodo.path) as slow:
        slow.send(cgi_env("GET", "/flows?pp=1000"))
        time.sleep(0.3)
        for n in range(20):
            assert kodo.post("/connect", connect_body(f"http://localhost:{5000 + n}", 50)).status == 201
        answer = parse_cgi(*slow.receive())
    assert answer.json()["total"] == 500 and len(answer.json()["items"]) == 500
    assert kodo.get("/counts").json()["total"] == 1500
    assert not [name for name in os.listdir(kodo.state_path()) if "tmp" in name or "spill" in name]


def test_no_memory_is_no_fault_of_the_request(hosted):
    """Whatever there is: a peer is asked to come again, and not refused for good, by 400 (truncated) or 403."""
    kodo = hosted({})
    if SANITIZED or kodo.kind != "cgi":
        return                                                          # sanitizers need terabytes of addresses
    kodo.get("/")
    body = json.dumps(connect_body(PEER, nodes=[node(f"http://n:{n + 1}", [flow(i, description="y" * 3000) for i in range(20)])
                                                for n in range(100)])).encode()
    kodo.env.update(cgi_env("POST", "/connect", {}, body))
    taken, said = 0, []
    for mib in range(30, 300):
        done = subprocess.run(["prlimit", f"--as={mib << 20}", kodotest.KODO], cwd="/", env=kodo.env, input=body, capture_output=True, check=False)
        if done.returncode == 0:
            said.append((parse_cgi(done.stdout, done.stderr, 0).status, b"/connect: out of memory" in done.stderr))
        taken += bool(said) and said[-1][0] == 201
        if taken == 3:
            break
    assert taken == 3 and {status for status, _ in said} <= {201, 503} and (503, True) in said, said


def test_memory_of_a_worker_comes_back(responder):
    if SANITIZED:
        pytest.skip("sanitizers keep memory")
    kodo = responder({})

    def anonymous_kib():
        # not Private_Dirty: on tmpfs the map's pages are among it
        with open(f"/proc/{kodo.workers[0].pid}/smaps_rollup") as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("Anonymous:"))
    kodo.get("/")
    before = anonymous_kib()
    body = connect_body(PEER, nodes=[node(f"http://n:{n + 1}", [flow(i, description="y" * 3000) for i in range(20)]) for n in range(100)])
    assert len(json.dumps(body)) > 6_000_000
    assert kodo.post("/connect", body).status == 201
    assert kodo.post("/connect", b"[" * 9_000_000).status == 400
    assert len(kodo.get("/connect").body) > 6_000_000
    kodo.get("/")
    assert anonymous_kib() - before < 800


def test_held_write_lock(responder):
    """A writer that is stopped holds up other writers for 20 s, then they say so; readers never wait."""
    kodo = responder({}, workers=2)
    kodo.get("/")
    with open(os.path.join(kodo.state_path(), "write.lock"), "rb+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        thread, result = in_background(kodo.post, "/connect", connect_body(PEER))
        time.sleep(0.5)
        assert kodo.get("/flows").seconds < kodotest.CALM
        thread.join(30)
    answer = result["answer"]
    check_error(answer, 503, "Service Unavailable")
    assert answer.headers["retry-after"] == "1" and 15 < answer.seconds < 25
    assert "/connect" in kodo.log() + kodo.screen()
    assert kodo.post("/connect", connect_body(PEER)).status == 201


def test_spawn_fcgi(place):
    """The usual starter, and the usual client."""
    kodo = kodotest.PlainCGI(place, {"flows": FLOWS})
    path = os.path.join(place, "s")
    process = subprocess.Popen(["spawn-fcgi", "-n", "-s", path, kodotest.KODO], env=kodo.env, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.path.exists(path), 5)
        out = subprocess.run(["cgi-fcgi", "-bind", "-connect", path], env={**kodo.env, **cgi_env("GET", "/flows?pp=3")},
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        assert len(parse_cgi(out.stdout, out.stderr).json()["items"]) == 3
    finally:
        assert kodotest.end(process) == 0


def test_cgi_is_quick(place):
    if SANITIZED:
        pytest.skip("sanitizers are slow to start")
    kodo = kodotest.PlainCGI(place, {"flows": FLOWS})
    kodo.get("/")
    env = {**kodo.env, **cgi_env("GET", "/")}
    times = []
    for _ in range(40):
        began = time.perf_counter()
        subprocess.run([kodotest.KODO], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.010                       # 5 ms, and Python's own share; the least, for others may run beside it


def test_state_of_another_url(place):
    """Two services that a mistake has given one state: the one that takes it says so."""
    for name, port in (("one", 4321), ("two", 4322)):
        os.mkdir(os.path.join(place, name))
        kodo = kodotest.PlainCGI(os.path.join(place, name), {"url": f"http://localhost:{port}", "cache_data": f"{place}/shared.json"})
        assert kodo.get("/").json()["url"] == f"http://localhost:{port}"
        assert ("it was the state of http://localhost:4321, and is that of http://localhost:4322 from now on; two services need two"
                in kodo.screen() + kodo.log()) == (name == "two")
