"""One suite for every kind of web server: what a service must do wherever it runs. `make check-hosts` starts it."""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import socket
import threading
import time

import kodotest
import hosts
import pytest
from kodotest import wait_until

CONF = os.path.join(kodotest.SRCDIR, "conf", "walkthrough")
MIB = 1 << 20


def connect_body(url, n_flows=1, **more):
    nodes = [kodotest.node(url, [kodotest.flow(i) for i in range(n_flows)])]
    return {**kodotest.greeting(url), "nodes": nodes, **more}


def check(one):
    """`kodo check` finds no error, and nothing holds the write lock."""
    done = one.command_line("check", "--state", one.state_path())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nerror" not in "\n" + done.stdout, done.stdout
    return done.stdout


# --- the walk-through ---

def walkthrough_loader(name, service_port, registry_url):
    """conf/walkthrough/NAME.yaml, its registry being ours."""
    with open(os.path.join(CONF, f"{name}.yaml"), encoding="utf-8") as f:
        text = f.read()
    text = re.sub(r"http://localhost:3367\b", registry_url, text)
    text = re.sub(r"http://localhost:33(66|68)\b", f"http://localhost:{service_port}", text)
    return re.sub(r"\./data/33(66|68)\.json", f"./data/{service_port}.json", text)


class Loader(kodotest.Service):
    """`kodo service` with a loader that is there already."""

    def __init__(self, name, registry_url):
        super().__init__(hosts.new_place(), {})
        self.text = walkthrough_loader(name, self.port, registry_url)

    def write_loader(self, **more):
        with open(self.loader, "w", encoding="utf-8") as f:
            f.write(self.text)


def test_walkthrough(host, peer):
    upstream = peer()
    one = host({"connect": [upstream.url]})
    running = []
    try:
        wait_until(lambda: upstream.calls("/connect"), 10, "the first request (or cron) made it connect")
        for name in ("node", "provider"):
            running.append(Loader(name, one.url).start())
        wait_until(lambda: one.get("/flows?pp=1").json()["total"] == 55, 20, "55 flows")
        wait_until(lambda: {n["url"] for c in upstream.calls("/update") + upstream.calls("/connect") for n in c[2]["nodes"]} >=
                   {service.url for service in running}, 20, "upstream was notified of both")
        counts = one.get("/counts").json()
        assert counts["total"] == 55 and sum(counts["tags"].values()) > 55
        page = one.get("/flows?q=newsletter&pp=50").json()
        assert page["filtered"] > 0 and page["items"][0]["url"].startswith("http://localhost:")
        mapped = one.get("/map").json()
        assert {p["url"] for p in mapped["providers"]} == {service.url for service in running}
        assert mapped["connection"][upstream.url] is not None
        html = one.get("/flows", headers={"accept": "text/html"})
        assert html.headers["content-type"].startswith("text/html") and f'{one.base}/flows?' in html.text()
        # one leaves: its flows go, and upstream is notified
        assert running[0].request("DELETE", "/connect").status == 204
        wait_until(lambda: one.get("/flows?pp=1").json()["total"] == 50, 10, "the node has left")
        wait_until(lambda: [c for c in upstream.calls("/disconnect") if running[0].url in c[2]["url"]], 10, "upstream was notified")
        # and so do we
        assert one.request("DELETE", "/connect").status == 204
        wait_until(lambda: [c for c in upstream.calls("/disconnect") if one.url in c[2]["url"]], 10, "we have left")
        wait_until(lambda: one.get("/").json()["idle"], 20, "idle")
    finally:
        for service in running:
            service.kill()
            shutil.rmtree(service.cwd, ignore_errors=True)
    check(one)


def test_changed_loader_is_followed(host, peer):
    upstream = peer()
    one = host({"connect": [upstream.url], "flows": [kodotest.flow(1)]})
    wait_until(lambda: upstream.calls("/connect"), 10, "connected")
    one.write_loader(flows=[kodotest.flow(1), kodotest.flow(2)])
    assert one.get("/flows").json()["total"] == 2
    wait_until(lambda: [c for c in upstream.calls("/update") if len(c[2]["nodes"][0]["flows"]) == 2], 10, "upstream was notified")
    item = one.get("/flows?q=name==%22Flow%202%22").json()["items"][0]
    assert item["url"] == one.url + "/flows/flow-2"
    assert one.get("/flows/flow-2").status == 200


# --- requests as they come ---

def test_paths_methods_and_queries(host):
    one = host()
    one.post("/connect", connect_body("http://localhost:9", 3))
    same = one.get("/flows").json()
    for target in ("//flows", "/flows/", "/fl%6Fws", "/flows?", "/flows?x=1"):
        got = one.get(target)
        assert got.status == 200 and got.json()["items"] == same["items"], target
    assert one.get("/nosuch").json() == {"status_code": 404, "detail": "Not Found"}
    wrong = one.post("/flows", {})
    assert wrong.status == 405 and wrong.json()["detail"] == "Method Not Allowed" and "GET" in wrong.headers["allow"]
    head = one.request("HEAD", "/flows")
    assert head.status == 200 and head.body == b"" and head.headers["content-type"] == "application/json"
    assert one.request("OPTIONS", "/flows").status == 204
    assert one.get("/flows?q=%2B%26%3D%23+%2525").json()["q"].endswith("fulltext: +&=# %25")
    long = "x" * 8000
    assert one.get("/flows?q=" + long).json()["q"].endswith(long)
    assert one.get("/flows?q=" + "%78" * 2600).json()["q"].endswith(long[:2600])
    # a query of 8 KiB behind a path of nearly 2 is more than servers take by themselves
    if not one.is_foreign:
        assert one.get("/" * 1800 + "flows?q=" + "x" * 8150).json()["q"].endswith("x" * 8150)
        # a server that tidies up what it was asked would make another q of it
        assert one.get("/flows?pp=%7E%2e").json()["detail"].endswith("/flows?pp=%7E%2e")
        assert one.get("/nosuch%2Fx").json() == {"status_code": 404, "detail": "Not Found"}
    tag = same and one.get("/flows").headers["etag"]
    assert one.get("/flows", headers={"if-none-match": tag}).status == 304


def test_url_with_a_path(host, peer):
    """url may have a path: requests, items, links and messages to peers follow it. The shared host has one of its own."""
    upstream = peer()
    one = host({"connect": [upstream.url], "flows": [kodotest.flow(1)]}, base="/deep/er")
    assert one.base != "" and one.get("/").json()["url"] == one.url
    assert one.get("/flows").json()["items"][0]["url"] == one.url + "/flows/flow-1"
    assert one.get("/flows/flow-1").status == 200 and one.get("/counts").json()["total"] == 1
    page = one.get("/flows?format=html").text()
    assert f'{one.base}/flows' in page and not re.search(r'(href|src|action)="/(?!' + one.base[1:] + ")", page)
    wait_until(lambda: upstream.calls("/connect"), 10, "connected")
    assert upstream.calls("/connect")[0][2]["url"] == one.url
    assert one.post("/connect", connect_body("http://localhost:9", 2)).status == 201
    assert one.get("/flows").json()["total"] == 3


def test_nothing_is_wrong_from_outside(host):
    """What an admin asks first: Authorization, paths, queries and the largest body arrive; of a shared host's Apache, that %2F does not."""
    one = host()
    one.get("/")
    done = one.probe()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    refused = one.kind == hosts.SharedHost.kind
    assert [line.split()[0] for line in lines] == ["ok", "ok", "warning" if refused else "ok", "ok"], done.stdout
    assert ("by FastCGI" if one.fastcgi else "by CGI") in lines[0] and "Authorization arrives" in lines[1]
    assert ("AllowEncodedSlashes NoDecode" if refused else "%2F in a path arrives") in lines[2]
    assert "bodies of 10 MiB arrive" in lines[3]
    page = one.get(f"/check?key={one.key()}", headers={"accept": "text/html"})
    assert page.status == 200 and "Authorization arrives" in page.text() and one.get("/check").status == 403


def test_files_are_not_served(host):
    """Whatever is asked, no file of the service leaves."""
    one = host()
    one.get("/")
    for target in ("/kodo.yaml", "/.env", "/data/kodo.log", "/data/cache.lmdb/key", "/kodo.fcgi", "/.htaccess", "/lib/ld.so",
                   "/../site/kodo.yaml", "/%2e%2e/kodo/kodo.yaml", "/..%2f..%2fkodo%2fkodo.yaml", "/bin/kodo"):
        got = one.get(target)
        assert got.status >= 300 or got.headers["content-type"] == "application/json", (target, got)
        assert b"cache_data" not in got.body and one.key().encode() not in got.body, target


def test_bodies_from_one_byte_to_the_ceiling(host):
    one = host({"body_max_mib": 10})
    assert one.post("/connect", b"{").status == 400
    text = json.dumps(connect_body("http://localhost:9")).encode()
    ceiling = 10 * MIB if one.own_body_max is None else one.own_body_max
    for size in (len(text), 4096, 65535, 65536, 65537, 131071, 131072, 131073, MIB, 5 * MIB + 1, ceiling - 1, ceiling):
        if size <= ceiling:
            got = one.post("/connect", text + b" " * (size - len(text)))
            assert got.status == 201, (size, got)
    over = one.post("/connect", text + b" " * (10 * MIB + 1 - len(text)))
    assert over.status == 413 and over.json() == {"status_code": 413, "detail": "Request Entity Too Large"}
    try:
        assert one.post("/connect", text + b" " * (20 * MIB)).status == 413
    except OSError:
        pass                # the server has hung up while we were sending: as good a refusal
    assert one.get("/flows").json()["total"] == 1


def test_chunked_body(host):
    one = host()
    text = json.dumps(connect_body("http://localhost:9", 200)).encode()
    with socket.create_connection(("localhost", one.port), 20) as s:
        s.sendall(f"POST {one.base}/connect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode())
        for at in range(0, len(text), 5000):
            piece = text[at:at + 5000]
            s.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        s.sendall(b"0\r\n\r\n")
        answer = read_all(s)
    assert re.match(rb"HTTP/1.[01] 201 ", answer), answer[:300]
    assert one.get("/flows").json()["total"] == 200


def read_all(s):
    data = b""
    while piece := s.recv(65536):
        data += piece
    return data


# --- many, slow and impolite clients ---

def load(one, n_clients, n_requests, stop=None, lost_at=None):
    """n_clients at once, each with n_requests (or until stop is set): statuses and errors that came; lost_at: when any but 200 did."""
    def client(number):
        seen = []
        for i in range(n_requests):
            if stop is not None and stop.is_set():
                break
            try:
                if i % 5 == 4:
                    got = one.post("/update", connect_body(f"http://localhost:{number % 7 + 1}", i % 3 + 1), timeout=60)
                else:
                    got = one.get(("/", "/flows", "/counts", "/map")[i % 4], timeout=60)
                # a refusal of kodo's own is not the web server's
                seen.append(got.status if got.status == 200 or b"status_code" not in got.body else got.text())
            except OSError as error:
                seen.append(repr(error))
            except Exception as error:                      # a cut off answer, as http.client sees it
                seen.append(f"{type(error).__name__}: {error}")
            if lost_at is not None and seen[-1] != 200:
                lost_at.append(time.monotonic())
        return seen
    with concurrent.futures.ThreadPoolExecutor(n_clients) as pool:
        return [status for seen in pool.map(client, range(n_clients)) for status in seen]


def let_in(one):
    for number in range(7):
        assert one.post("/connect", connect_body(f"http://localhost:{number + 1}")).status == 201


def test_100_parallel_clients(host):
    one = host()
    let_in(one)
    seen = load(one, 100, 5)
    assert [s for s in seen if s != 200] == []
    check(one)


def test_slow_client_holds_up_nobody(host):
    one = host()
    let_in(one)
    text = json.dumps(connect_body("http://localhost:9", 5)).encode()
    head = f"POST {one.base}/connect HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode()
    slow = [socket.create_connection(("localhost", one.port), 30) for _ in range(6)]
    try:
        for s in slow:
            s.sendall(head + text[:10])
        worst = 0
        for at in range(10, 40):
            for s in slow:
                s.sendall(text[at:at + 1])
            worst = max(worst, one.get("/flows").seconds)
            time.sleep(0.03)
        for s in slow:
            s.sendall(text[40:])
        for s in slow:
            assert b" 201 " in read_all(s)[:40]
    finally:
        for s in slow:
            s.close()
    assert worst < kodotest.CALM


def test_client_that_hangs_up(host):
    one = host({"page_max": 3000})
    let_in(one)
    one.post("/connect", connect_body("http://localhost:9", 3000))
    requests = (f"GET {one.base}/flows?pp=3000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                f"POST {one.base}/connect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n" + '{"url": "http://localhost:8"',
                f"GET {one.base}/fl")
    for round_ in range(30):
        s = socket.create_connection(("localhost", one.port), 10)
        s.sendall(requests[round_ % 3].encode())
        if round_ % 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")          # a reset
        s.close()
    assert [s for s in load(one, 10, 5) if s != 200] == []
    assert one.get("/map").json()["registers"].keys() == {f"http://localhost:{n}" for n in (1, 2, 3, 4, 5, 6, 7, 9)}
    check(one)


# --- servers and processes that end ---

def under_load(one, what, n_clients=10, times=4, pause=0.7, lost_at=None):
    """what() some times while clients are at work; statuses that came."""
    stop = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        seen = pool.submit(load, one, n_clients, 100000, stop, lost_at)
        try:
            for _ in range(times):
                time.sleep(pause)
                what()
            time.sleep(pause)
        finally:
            stop.set()
        return seen.result(60)


def test_reload_under_load(host):
    """The server reads its configuration anew: no request is lost, no lock stays. mod_cgid may refuse some for a moment."""
    one = host()
    let_in(one)
    lost_at, reloaded_at = [], []

    def reload():
        reloaded_at.append(time.monotonic())
        one.reload()
    seen = under_load(one, reload, times=3, pause=one.reload_pause, lost_at=lost_at)
    lost = [s for s in seen if s != 200]
    assert len(seen) > 100 and set(lost) <= ({503} if one.loses_at_reload() else set()), (len(seen), lost[:5], len(lost))
    # those whose start its daemon had not acknowledged when it was replaced, each with a line in Apache's log, and for a moment
    # only; how many they are is how many asked in it
    assert len(lost) <= one.words(["error.log"], 1 << 30).count("[cgid:error]"), (lost, one.words())
    assert all(min(at - r for r in reloaded_at if r < at) < kodotest.CALM for at in lost_at), (lost_at, reloaded_at)
    check(one)


def test_install_under_load(host):
    """What is installed over a service at work is replaced by renaming: no request finds a program missing."""
    one = host()
    if one.prefix is None:
        pytest.skip("what is in a home directory is not installed")
    let_in(one)
    seen = under_load(one, lambda: hosts.install(one.prefix), times=3)
    lost = [s for s in seen if s != 200]
    assert len(seen) > 100 and lost == [], (len(seen), lost[:5], len(lost))
    check(one)


def test_processes_are_renewed_under_load(host):
    """By the same lines that start them, where spawn-fcgi does; no request is lost."""
    one = host()
    if not hasattr(one, "spawn"):
        pytest.skip("the web server starts processes itself")
    let_in(one)
    old = set(one.worker_pids())
    seen = under_load(one, one.spawn, times=2)
    lost = [s for s in seen if s != 200]
    assert len(seen) > 100 and lost == [], (len(seen), lost[:5], len(lost))
    wait_until(lambda: len(one.worker_pids()) == len(old) > 1, 10, "the old ones have ended")
    assert not old & set(one.worker_pids())
    check(one)


def test_upgrade_under_load(host):
    """Programs of the next format are installed, as README's *Upgrade* says: the state is brought to it, and no request is lost."""
    one = host()
    if one.prefix is None:
        pytest.skip("what is in a home directory is not installed")
    let_in(one)
    assert one.post("/connect", connect_body("http://127.0.0.1:9", 300)).status == 201
    before = one.get("/counts").json()["total"]
    former = os.path.join(one.place, "kodo")
    shutil.copy(os.path.join(one.prefix, "bin", "kodo"), former)

    def upgrade():
        for name in ("kodo", "kodo.fcgi", "kodo-reconnect"):
            to = os.path.join(one.prefix, "bin", name)
            shutil.copy(os.path.join(hosts.BUILDDIR, "tests", "upgrade", name.removesuffix(".fcgi")), to + ".new")
            os.rename(to + ".new", to)
        if hasattr(one, "spawn"):
            one.spawn()
        done = one.as_user(os.path.join(one.prefix, "bin", "kodo-reconnect"), "--once", one.loader)
        assert done.returncode == 0, done
    seen = under_load(one, upgrade, times=1, pause=1.5)
    lost = [s for s in seen if s != 200]
    print(f"\n{one.kind}: {len(seen)} requests, {len(lost)} lost")
    assert len(seen) > 100 and lost == [], (len(seen), lost[:5], len(lost), one.words())
    assert "in format 1301" in one.as_user(former, "check", "--state", one.state_path()).stdout
    assert one.get("/counts").json()["total"] >= before > 300
    check(one)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1], ids=["SIGTERM", "SIGUSR1"])
def test_asked_to_end(host, number):
    """A process that is asked to end finishes its request first; it exits 0, or the server starts another."""
    one = host()
    if not one.fastcgi:
        pytest.skip("a process for each request: nobody asks it to end")
    let_in(one)

    def ask():
        # one of them: a server that does not start processes keeps the others
        for pid in one.worker_pids()[:1]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    seen = under_load(one, ask, times=3)
    lost = [s for s in seen if s != 200]
    # mod_fcgid hands a request to a process of which it does not know yet that it ends, and answers 500 or 503
    allowed = len(seen) // 100 if one.kind == "apache-fcgid" else 0
    assert len(seen) > 50 and len(lost) <= allowed, (len(seen), lost[:5], len(lost))
    check(one)


def test_killed(host):
    """kill -9 of processes at work: each costs its own request and no more; what was acknowledged is there."""
    one = host()
    let_in(one)
    killed = []

    def kill():
        for pid in one.worker_pids()[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
            except ProcessLookupError:
                pass

    seen = under_load(one, kill, times=3)
    lost = [s for s in seen if s != 200]
    assert len(seen) > 50 and len(lost) <= 4 * len(killed), (len(seen), lost[:8], killed)
    assert one.post("/connect", connect_body("http://localhost:9", 2)).status == 201
    assert one.get("/flows?q=organization==%22Org%20of%20http://localhost:9%22").json()["filtered"] == 2
    check(one)
