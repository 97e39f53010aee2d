"""GET /health: each reason provoked for real, and what a load balancer needs of it."""
import contextlib
import fcntl
import os
import resource
import signal
import statistics
import subprocess
import sys
import time

import pytest

from kodotest import CALM, KODO, RECONNECT, Service, cgi_env, connect_body, wait_until
from metricstest import of, scrape
from responder import FLOWS, PEER, SANITIZED
from test_failing_machine import big, mounted, needs_root


def check(kodo, *reasons, live=(), **more):
    """/health and both of its halves say that."""
    def names(condition):
        assert all(set(r) == {"reason", "text"} and r["text"] and kodo.cwd not in r["text"] for r in condition["reasons"])
        assert condition["ok"] is (condition["reasons"] == [])
        return [r["reason"] for r in condition["reasons"]]

    for path, wanted in (("/health", (live, reasons)), ("/health/live", (live,)), ("/health/ready", (reasons,))):
        answer = kodo.get(path, **more)
        body = answer.json()
        got = (body["live"], body["ready"]) if path == "/health" else (body,)
        assert [names(condition) for condition in got] == [list(w) for w in wanted], answer
        assert answer.status == (503 if any(wanted) else 200)
        assert answer.headers["content-type"] == "application/json" and answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers and ("retry-after" in answer.headers) is any(wanted)


def test_well(hosted):
    kodo = hosted({"flows": FLOWS})
    check(kodo)
    head = kodo.request("HEAD", "/health")
    assert (head.status, head.body) == (200, b"") and int(head.headers["content-length"]) > 0
    # no page, and whatever a browser says
    assert kodo.get("/health", headers={"Accept": "text/html"}).json()["ready"]["ok"]
    assert kodo.request("POST", "/health", body={}).status == 405
    assert of(scrape(kodo), "kodo_refusals_total", reason="not_ready") == 0


def test_never_limited(hosted):
    """Who asks too often is told, but for this."""
    kodo = hosted({"flows": FLOWS, "rate_client": 1})
    assert {kodo.get("/", REMOTE_ADDR="8.8.8.8").status for _ in range(3)} == {200, 429}
    assert {kodo.get(path, REMOTE_ADDR="8.8.8.8").status for path in ("/health", "/health/live", "/health/ready") * 3} == {200}
    assert kodo.get("/healthy", REMOTE_ADDR="8.8.8.8").status == 429


def test_for_all(hosted):
    """Readers with tokens, proxies, strangers: a balancer has none of these."""
    kodo = hosted({"url": "https://registry.example.org", "auth_jwks_url": "file:///nosuch", "trust": "listed"})
    check(kodo, REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": "8.8.8.8"})


# --- disk, map ---

@needs_root
def test_disk_is_full(hosted, folders):
    disk = os.path.join(folders(), "disk")
    with mounted(disk, "-t", "tmpfs", "-o", "size=4m", "tmpfs"):
        kodo = hosted({"cache_data": f"{disk}/test.json", "trigger": "cron", "flows": FLOWS,
                       "log_file": os.path.join(disk, "..", "x.log")})
        check(kodo)
        with contextlib.suppress(OSError), open(os.path.join(disk, "filler"), "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        assert kodo.post("/connect", big()).status == 503
        check(kodo, "disk")
        assert "0 KiB are free" in kodo.get("/health").text()
        assert of(scrape(kodo), "kodo_refusals_total", reason="not_ready") == 3
        os.unlink(os.path.join(disk, "filler"))
        check(kodo)


@needs_root
def test_no_inode_is_free(hosted, folders):
    disk = os.path.join(folders(), "disk")
    with mounted(disk, "-t", "tmpfs", "-o", "size=4m,nr_inodes=40", "tmpfs"):
        kodo = hosted({"cache_data": f"{disk}/test.json", "trigger": "cron", "log_file": os.path.join(disk, "..", "x.log")})
        check(kodo)
        with contextlib.suppress(OSError):
            for i in range(40):
                open(os.path.join(disk, str(i)), "wb").close()
        check(kodo, "disk")


def test_limit_of_file_sizes(responder):
    kodo = responder({"flows": FLOWS, "trigger": "cron"})
    check(kodo)
    size = os.path.getsize(os.path.join(kodo.state_path(), "data.mdb"))
    resource.prlimit(kodo.workers[0].pid, resource.RLIMIT_FSIZE, (size + (128 << 10), resource.RLIM_INFINITY))
    check(kodo)
    assert kodo.post("/connect", big()).status == 503
    resource.prlimit(kodo.workers[0].pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    check(kodo, "disk")
    assert "ulimit -f" in kodo.get("/health").text()
    resource.prlimit(kodo.workers[0].pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    check(kodo)


def test_map_is_full(hosted):
    kodo = hosted({"flows": FLOWS, "map_max_mib": 1, "trigger": "cron", "private": True})
    check(kodo)
    port = 5000
    for size in (60000, 20000, 2000, 10):                   # the least map has 64 MiB
        last = None
        while last is None or (last.status == 201 and not last.json()["message"]):
            port += 1
            last = kodo.post("/connect", big(60, size, port))
    assert last.status == 507, last
    check(kodo, "map")
    kodo.write_loader({"flows": FLOWS, "map_max_mib": 128, "trigger": "cron", "private": True})
    kodo.get("/")
    check(kodo)


# --- a writer that is stopped ---

def is_locked(kodo):
    with open(os.path.join(kodo.state_path(), "write.lock"), "rb+") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def stopped_writer(kodo):
    """A process in the middle of a write transaction, stopped by SIGSTOP."""
    body = str(big(60)).replace("'", '"').replace("True", "true").replace("False", "false").encode()
    for i in range(200):
        env = {**kodo.env, **cgi_env("POST", "/connect", None, body)}
        writer = subprocess.Popen([KODO], cwd="/", env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        writer.stdin.write(body)
        writer.stdin.close()
        end = time.monotonic() + 5
        while writer.poll() is None and time.monotonic() < end:
            if is_locked(kodo):
                os.kill(writer.pid, signal.SIGSTOP)
                break
            time.sleep(0.0001)
        time.sleep(0.05)
        if writer.poll() is None and is_locked(kodo):
            break
        with contextlib.suppress(ProcessLookupError):
            writer.kill()
        writer.wait()
    else:
        raise AssertionError("no writer was caught")
    try:
        yield writer
    finally:
        writer.kill()
        writer.wait()


def test_writer_is_stopped(hosted):
    """Found without a wait for the lock, and by processes that live for one request alone."""
    kodo = hosted({"flows": FLOWS, "private": True, "trigger": "cron"})
    check(kodo)
    with stopped_writer(kodo) as writer:
        began = time.monotonic()
        assert kodo.get("/health/ready").status == 200      # a writer at work looks the same
        assert time.monotonic() - began < CALM
        wait_until(lambda: kodo.get("/health/ready").status == 503, 2 + 2 * CALM, "it is found", pause=0.3)
        assert time.monotonic() - began > 1.5
        began = time.monotonic()
        check(kodo, "writer")
        assert kodo.get("/flows").status == 200
        assert time.monotonic() - began < 2 * CALM
        os.kill(writer.pid, signal.SIGCONT)
        writer.wait()
        check(kodo)


HOLD = "import fcntl, sys; f = open(sys.argv[1], 'rb+'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"


def test_two_writers_are_not_one(hosted):
    """Each holds the lock for a moment, and has nothing to write."""
    kodo = hosted({"flows": FLOWS, "private": True, "trigger": "cron"})
    check(kodo)
    for pause in (2.2, 0):
        with subprocess.Popen([sys.executable, "-c", HOLD, os.path.join(kodo.state_path(), "write.lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            holder.stdout.readline()
            with open("/proc/locks", encoding="ascii") as f:
                if f" {holder.pid} " not in f.read():
                    pytest.skip("who holds a lock is not told here")
            assert kodo.get("/health/ready").status == 200
            holder.communicate(b"\n")
        time.sleep(pause)


def test_writers_at_work_are_well(responder):
    """However many: none holds the lock without commits."""
    kodo = responder({"flows": FLOWS, "private": True, "trigger": "cron"}, workers=2)
    kodo.get("/")
    end, asked = time.monotonic() + 4, 0
    writers = []
    while time.monotonic() < end:
        body = str(big(3, 1000, port=5000 + asked % 7)).replace("'", '"').replace("True", "true").replace("False", "false").encode()
        env = {**kodo.env, **cgi_env("POST", "/connect", None, body)}
        writers.append(subprocess.Popen([KODO], cwd="/", env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL))
        writers[-1].stdin.write(body)
        writers[-1].stdin.close()
        assert kodo.get("/health/ready").status == 200
        asked += 1
        if len(writers) > 4:
            writers.pop(0).wait()
    for writer in writers:
        writer.wait()
    assert asked > 20


# --- cron, clock, state ---

def set_age(kodo, name, seconds):
    path = os.path.join(kodo.state_path(), name)
    with open(path, "a"):
        os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_cron_is_stale(hosted, clock):
    """Work is due for minutes, and nobody sends it."""
    env, ahead = clock
    kodo = hosted({"flows": FLOWS, "trigger": "cron", "connect": ["http://localhost:9"]}, env=env)
    check(kodo)                                             # a connect is due, but only now
    ahead(170)
    check(kodo)
    ahead(200)
    check(kodo, "cron")
    assert "3 min" in kodo.get("/health").text()
    set_age(kodo, "cron.ran", -180)                         # cron was here just now
    check(kodo)


def test_cron_is_stale_for_news(hosted, clock, peer):
    """What a subscriber has not got has no time in the state: the first question that finds it counts."""
    env, ahead = clock
    target = peer()
    kodo = hosted({"flows": FLOWS, "trigger": "cron", "private": True, "connect": [target.url]}, env=env)
    kodo.get("/")

    def run():
        subprocess.run([RECONNECT, kodo.loader, "--once", "--for", "5"], env={**os.environ, **env}, check=True, timeout=30)
    run()
    assert [path for _, path, _, _ in target.seen] == ["/connect"]
    set_age(kodo, "cron.ran", 4000)
    assert kodo.post("/connect", connect_body(PEER)).status == 201
    assert of(scrape(kodo), "kodo_outbox_peers", kind="update") == 1
    check(kodo)
    ahead(200)
    check(kodo, "cron")
    run()
    wait_until(lambda: "/update" in [path for _, path, _, _ in target.seen], 5)
    set_age(kodo, "cron.ran", 4000)
    check(kodo)


def test_nothing_due_needs_no_cron(hosted, clock):
    env, ahead = clock
    kodo = hosted({"flows": FLOWS, "trigger": "cron"}, env=env)
    check(kodo)
    ahead(4000)
    check(kodo)


def test_a_runner_is_enough(hosted, clock):
    env, ahead = clock
    kodo = hosted({"flows": FLOWS, "trigger": "cron", "connect": ["http://localhost:9"]}, env=env)
    kodo.get("/")
    ahead(200)
    check(kodo, "cron")
    os.mkfifo(os.path.join(kodo.state_path(), "wake")) if not os.path.exists(os.path.join(kodo.state_path(), "wake")) else None
    fd = os.open(os.path.join(kodo.state_path(), "wake"), os.O_RDWR | os.O_NONBLOCK)
    check(kodo)
    os.close(fd)
    check(kodo, "cron")


def test_clock_was_set_back(hosted, clock):
    env, ahead = clock
    ahead(3600)
    kodo = hosted({"flows": FLOWS, "trigger": "cron"}, env=env)
    check(kodo)
    ahead(0)
    check(kodo, "clock")
    assert "set back by 3" in kodo.get("/health").text()
    ahead(3600)
    check(kodo)


def test_a_new_start_ends_that(folders, clock):
    """As the text says, of a clock that is right."""
    env, ahead = clock
    ahead(3600)
    one = Service(folders(), {"flows": FLOWS}, env=env).start()
    try:
        assert one.get("/health/ready").status == 200
        ahead(0)
        assert "start the service anew" in one.get("/health/ready").text()
        one.stop()
        one.start()
        wait_until(lambda: one.get("/health/ready").status == 200, CALM, "it is ready")
    finally:
        one.kill()


def test_state_was_removed(responder):
    """A new start would make another one."""
    kodo = responder({"flows": FLOWS, "trigger": "cron"})
    check(kodo)
    os.rename(kodo.state_path(), kodo.state_path() + ".away")
    answer = kodo.get("/health/live")
    assert answer.status == 503 and answer.json()["reasons"][0]["reason"] == "state"
    os.rename(kodo.state_path() + ".away", kodo.state_path())
    check(kodo)


def test_without_a_state(hosted):
    """Alive it is: a new start would not help."""
    kodo = hosted("- url: nonsense\n")
    check(kodo, "state")
    kodo.write_loader({"flows": FLOWS})
    check(kodo)


def test_under_a_path(hosted):
    kodo = hosted({"url": "http://localhost:4321/deep/kodo", "flows": FLOWS})
    kodo.get("/deep/kodo/")
    assert kodo.get("/deep/kodo/health/ready").json() == {"ok": True, "reasons": []}


# --- cost ---

@pytest.mark.skipif(SANITIZED, reason="measures")
def test_it_is_cheap(responder):
    """At most some times the cheapest answer, with many peers too."""
    kodo = responder({"flows": FLOWS, "private": True, "trigger": "cron"})
    for i in range(300):
        kodo.post("/connect", connect_body(f"http://localhost:{5000 + i}", feed=True, registry=True))

    times = {"/health": [], "/": []}
    for _ in range(200):
        for path, of_path in times.items():                 # in turns: what else the machine does comes to both
            of_path.append(kodo.get(path).seconds)
    assert statistics.median(times["/health"]) < 3 * statistics.median(times["/"])


def test_service(service):
    """Behind lighttpd, with a runner."""
    kodo = service({"flows": FLOWS, "private": True})
    check(kodo)
    assert kodo.post("/connect", connect_body(PEER)).status == 201
    check(kodo)
