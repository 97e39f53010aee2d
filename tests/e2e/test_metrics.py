"""GET /metrics: what it counts, who may read it, and that counters outlast what happens to processes and to their file."""
import collections
import os
import signal
import threading
import time

import pytest

from kodotest import CALM, connect_body, flow, free_port, greeting, wait_until
from metricstest import OPEN, of, read, scrape
from responder import FLOWS, PEER, check_error

FORBIDDEN = "Forbidden: send the key of the admin (kodo key admin) as Authorization: Bearer KEY, or set `metrics: public`"
SENT = [("GET", "/", 200), ("HEAD", "/flows", 200), ("GET", "/flows", 200), ("GET", "/flows?q=number+3", 200), ("GET", "/flows?pp=0", 400),
        ("GET", "/flows?q=alive+and+x&by=description", 200), ("GET", "/flows/flow-1", 200), ("GET", "/flows/nosuch", 404),
        ("GET", "/nosuch", 404), ("GET", "/x%22%7B%7D%0A", 404), ("PUT", "/", 405), ("BREW", "/", 405), ("OPTIONS", "/flows", 204),
        ("GET", "/connect", 200), ("GET", "/www/kodo.css", 200), ("POST", "/update", 404), ("POST", "/connect", 201),
        ("POST", "/connect", 201), ("GET", "/changes?since=-1", 400)]
ROUTES = {"/nosuch": "other", "/x%22%7B%7D%0A": "other", "/flows/flow-1": "/flows/{path}", "/flows/nosuch": "/flows/{path}",
          "/www/kodo.css": "/www/{path}"}


def send(kodo, method, target):
    body = connect_body(PEER) if method == "POST" else {} if method in ("PUT", "BREW") else None
    return kodo.request(method, target, body=body).status


def label_of(method, target, status):
    route = "other" if status == 405 else ROUTES.get(target, target.partition("?")[0])
    return route, "other" if method == "BREW" else method


def requests_of(samples):
    """{(route, method, pool, status): number}"""
    return {tuple(dict(labels)[name] for name in ("route", "method", "pool", "status")): n for (name, labels), n in samples.items()
            if name == "kodo_requests_total"}


def test_counts_are_what_was_sent(hosted):
    kodo = hosted({"flows": FLOWS, "private": True})
    scrape(kodo)
    before = requests_of(scrape(kodo))
    wanted = collections.Counter()
    for times in (1, 2):
        for method, target, status in SENT:
            if times == 2 and target == "/update":
                status = 200                                # its sender has connected
            assert send(kodo, method, target) == status, (method, target)
            route, label = label_of(method, target, status)
            wanted[route, label, {"fcgi": "fastcgi", "cgi": "cgi"}[kodo.kind], str(status)] += 1
    samples = scrape(kodo)
    now = requests_of(samples)
    now["/metrics", "GET", wanted.most_common(1)[0][0][2], "200"] -= 1       # the scrape before
    assert {key: n - before.get(key, 0) for key, n in now.items() if n != before.get(key, 0)} == wanted
    for (route, method, pool, _), _ in wanted.items():
        assert of(samples, "kodo_request_duration_seconds_count", route=route, method=method, pool=pool) == \
            of(samples, "kodo_requests_total", route=route, method=method, pool=pool)
    assert of(samples, "kodo_refusals_total") == sum(n for key, n in wanted.items() if key[3] >= "400")


def test_what_refuses_is_counted(hosted):
    kodo = hosted({"flows": FLOWS, "rate_client": 2, "body_max_mib": 1, "private": True, "accept": [PEER], "page_max": 3})
    kodo.get("/")
    cases = [
        ("rate_client", lambda: [kodo.get("/", REMOTE_ADDR="8.8.8.8") for _ in range(3)][-1]),
        ("not_admin", lambda: kodo.get("/check")),
        ("foreign_page", lambda: kodo.post("/connect", connect_body(PEER), headers={"Origin": "http://other.example"})),
        ("not_accepted", lambda: kodo.post("/connect", connect_body("http://localhost:4391"))),
        ("invalid", lambda: kodo.post("/connect", b"{")),
        ("too_large", lambda: kodo.post("/connect", b" " * (1 << 20) + b"{}")),
        ("invalid", lambda: kodo.get("/flows?p=x")),
        ("page_max", lambda: kodo.get("/flows?pp=4")),
        ("query", lambda: kodo.get("/flows?words=" + "x" * 300)),
        ("unknown", lambda: kodo.post("/update", connect_body(PEER))),
        ("signature", lambda: kodo.post("/connect", connect_body(PEER), headers={"Signature": "kodo=:eA==:", "Signature-Input":
                                       'kodo=("@method");created=1;keyid="x";alg="ed25519";tag="kodo"'})),
        ("not_found", lambda: kodo.get("/nosuch")),
        ("method", lambda: kodo.request("PUT", "/", body={})),
        ("invalid", lambda: kodo.get("/flows?pp=0")),
        ("url_length", lambda: kodo.get("/" + "x" * 3000)),
    ]
    for reason, case in cases:
        before = scrape(kodo)
        answer = case()
        assert answer.status >= 400, (reason, answer)
        after = scrape(kodo)
        grown = {dict(labels)["reason"] for (name, labels), n in after.items() if name == "kodo_refusals_total"
                 and n != before[name, labels]}
        assert grown == {reason}, (reason, answer)
        assert of(after, "kodo_refusals_total", reason=reason) == of(before, "kodo_refusals_total", reason=reason) + 1


def test_searches_by_way(hosted):
    kodo = hosted({"flows": FLOWS})
    for way, target in (("order", "/flows"), ("needle", "/flows?q=number+3"), ("scan", "/flows?q=author.isnull()"),
                        ("needle", "/flows?q=number&format=html")):
        before = scrape(kodo)
        assert kodo.get(target).status == 200
        after = scrape(kodo)
        assert {w: of(after, "kodo_searches_total", way=w) - of(before, "kodo_searches_total", way=w)
                for w in ("order", "needle", "scan")} == {"order": 0, "needle": 0, "scan": 0, way: 1}


# --- numbers of the state ---

def test_numbers(hosted):
    kodo = hosted({"flows": FLOWS, "private": True, "connect": ["http://localhost:9"], "map_max_mib": 256, "wait": 3, "followers": 7,
                   "trigger": "cron"})
    kodo.post("/connect", connect_body(PEER, flows=4))
    samples = scrape(kodo)
    assert of(samples, "kodo_flows") == 9 and of(samples, "kodo_nodes", verdict="shown") == 2
    assert of(samples, "kodo_view") > 0 and of(samples, "kodo_state") >= of(samples, "kodo_view")
    assert of(samples, "kodo_peers") == 2 and of(samples, "kodo_peers", state="pending") == 1
    assert of(samples, "kodo_outbox_peers", kind="connect") == 1
    time.sleep(0.2)
    assert 0.2 <= of(scrape(kodo), "kodo_outbox_age_seconds", kind="connect") < 60 * CALM
    assert of(samples, "kodo_runner_last_run", end="none") == 1 and of(samples, "kodo_runner_last_run") == 1
    assert of(samples, "kodo_map_max_bytes") == 256 << 20 and 0 < of(samples, "kodo_map_used_bytes") <= of(samples, "kodo_map_bytes")
    fs = os.statvfs(kodo.cwd)
    assert abs(of(samples, "kodo_disk_free_bytes") - fs.f_bavail * fs.f_frsize) < 1 << 32
    assert 1 <= of(samples, "kodo_readers") <= of(samples, "kodo_readers_max") == 1024
    assert of(samples, "kodo_waiting_slots", kind="changes") == 7 and of(samples, "kodo_waiting_slots", kind="messages") == 3
    kodo.post("/moderation?do=hide&pattern=url:" + PEER, None)
    samples = scrape(kodo)
    assert of(samples, "kodo_nodes", verdict="hidden") == 1 and of(samples, "kodo_flows") == 5


def test_slots_in_use(service):
    kodo = service({"flows": FLOWS, "workers": 2})
    view = kodo.get("/changes").json()["view"]
    threads = [threading.Thread(daemon=True, target=kodo.get, args=(f"/changes?since={view}&wait=3",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: of(scrape(kodo), "kodo_waiting_slots_used", kind="changes") == 3, 2, "three wait")
    for thread in threads:
        thread.join()
    samples = scrape(kodo)
    assert of(samples, "kodo_waiting_slots_used") == 0
    # the wait is not the server's time
    assert of(samples, "kodo_request_duration_seconds_sum", route="/changes") < 1
    assert of(samples, "kodo_runner_running") == 1 and of(samples, "kodo_runner_last_run", end="running") == 1


def test_messages(service, peer):
    """What the runner sent, to who answers, who refuses and who is not there."""
    good, bad = peer(), peer(answer=lambda method, path, body: (500, {"detail": "no"}))
    kodo = service({"flows": FLOWS, "private": True, "connect": [good.url, bad.url, f"http://localhost:{free_port()}"]})
    wait_until(lambda: of(scrape(kodo), "kodo_messages_total", kind="connect", answer="2xx") == 1, 5 * CALM)
    wait_until(lambda: of(scrape(kodo), "kodo_messages_total", kind="connect", answer="none") >= 2, 5 * CALM)
    wait_until(lambda: of(scrape(kodo), "kodo_messages_total", kind="connect", answer="5xx") >= 2, 5 * CALM)
    samples = scrape(kodo)
    sent = [path for _, path, _, _ in bad.seen].count("/connect")
    assert of(samples, "kodo_messages_total", kind="connect", answer="5xx") in (sent - 1, sent)
    assert of(samples, "kodo_peers", state="failing") == 2 and of(samples, "kodo_peers", state="ok") == 1
    assert of(samples, "kodo_outbox_peers", kind="connect") == 2


# --- who may read it ---

def test_who_may_read(hosted):
    """The key always; this machine alone where its url or `kodo service` is local, and no proxy speaks for it."""
    kodo = hosted({"url": "https://registry.example.org", "flows": FLOWS})
    kodo.get("/")
    for more in ({}, {"REMOTE_ADDR": "192.0.2.1"}, {"headers": {"X-Forwarded-For": "127.0.0.1"}},
                 {"headers": {"Authorization": "Bearer 0123456789abcdef0123456789abcdef"}}):
        check_error(kodo.get("/metrics", **more), 403, FORBIDDEN)
    scrape(kodo, headers={"Authorization": "Bearer " + kodo.key()})
    assert kodo.get("/metrics?key=" + kodo.key(), REMOTE_ADDR="192.0.2.1").status == 200
    kodo.write_loader({"url": "https://registry.example.org", "metrics": "public"})
    scrape(kodo, REMOTE_ADDR="192.0.2.1")
    kodo.write_loader({})
    scrape(kodo)
    check_error(kodo.get("/metrics", REMOTE_ADDR="192.0.2.1"), 403, FORBIDDEN)
    check_error(kodo.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}), 403, FORBIDDEN)
    kodo.write_loader({"proxies": ["127.0.0.1"]})
    check_error(kodo.get("/metrics"), 403, FORBIDDEN)
    check_error(kodo.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}), 403, FORBIDDEN)


def test_forms(hosted):
    kodo = hosted({"flows": FLOWS})
    chosen = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5"
    for accept in (None, "*/*", chosen, "text/html"):
        answer = kodo.get("/metrics", headers={"Accept": accept} if accept else None)
        assert answer.headers["content-type"] == OPEN and answer.headers["vary"] == "Accept"
        read(answer.text())
    plain = kodo.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"})
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE kodo_requests_total counter\n" in plain.text() and "# EOF" not in plain.text() and "# UNIT" not in plain.text()
    head = kodo.request("HEAD", "/metrics")
    assert (head.status, head.body, head.headers["content-type"]) == (200, b"", OPEN)


# --- processes and files ---

def test_killed_workers(responder):
    """Under load, each worker is killed again and again: nothing is held, and each answer is counted once."""
    kodo = responder({"flows": FLOWS}, workers=2)
    kodo.get("/")
    stop, got = threading.Event(), collections.Counter()

    def ask():
        while not stop.is_set():
            try:
                got[kodo.get("/flows", timeout=10).status] += 1
            except (OSError, AssertionError, ValueError):
                got["none"] += 1
    threads = [threading.Thread(daemon=True, target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(40):
        time.sleep(0.02)
        kodo.workers[i % 2].kill()
        kodo.workers[i % 2].wait()
        kodo.workers[i % 2] = kodo.start()
    stop.set()
    for thread in threads:
        thread.join()
    samples = scrape(kodo)
    counted = of(samples, "kodo_requests_total", route="/flows", status="200")
    # one may be counted and not sent, or killed in between
    assert got[200] > 100 and got[200] <= counted <= got[200] + got["none"]
    times = of(samples, "kodo_request_duration_seconds_count", route="/flows")
    assert abs(times - counted) <= 40
    again = scrape(kodo)
    assert of(again, "kodo_requests_total", route="/flows", status="200") == counted


def damage_none(path):
    os.unlink(path)


def damage_short(path):
    os.truncate(path, 1000)


def damage_foreign(path):
    with open(path, "r+b") as f:
        f.write(b"XXXXXXXX")


def damage_zero(path):
    size = os.path.getsize(path)
    with open(path, "wb") as f:
        f.truncate(size)


@pytest.mark.parametrize("damage", [damage_none, damage_short, damage_foreign, damage_zero])
def test_a_damaged_file_is_begun_anew(hosted, damage):
    kodo = hosted({"flows": FLOWS})
    for _ in range(5):
        assert kodo.get("/map").status == 200
    assert of(scrape(kodo), "kodo_requests_total", route="/map") == 5
    damage(os.path.join(kodo.state_path(), "metrics"))
    assert kodo.get("/map").status == 200
    assert of(scrape(kodo), "kodo_requests_total", route="/map") == 1


def test_what_cannot_be_written_counts_nothing(hosted):
    kodo = hosted({"flows": FLOWS})
    kodo.get("/")
    os.unlink(os.path.join(kodo.state_path(), "metrics"))
    os.mkdir(os.path.join(kodo.state_path(), "metrics"))
    assert kodo.get("/").status == 200
    samples = scrape(kodo)
    assert of(samples, "kodo_requests_total") == 0 and of(samples, "kodo_flows") == 5
    assert "so nothing is counted" in kodo.log()


def test_counters_outlast_workers(responder):
    kodo = responder({"flows": FLOWS})
    for _ in range(3):
        kodo.get("/map")
    kodo.workers[0].send_signal(signal.SIGTERM)
    kodo.workers[0].wait()
    kodo.workers[0] = kodo.start()
    kodo.get("/map")
    assert of(scrape(kodo), "kodo_requests_total", route="/map") == 4


def test_a_stranger_makes_no_label(hosted):
    """However many addresses and methods are tried."""
    kodo = hosted({"flows": FLOWS, "private": True})
    kodo.get("/")
    for i in range(30):
        kodo.request(f"M{i}", f"/x{i}", body={})
        kodo.get(f"/flows/f{i}?q=y{i}")
        kodo.post(f"/update?z={i}", greeting(PEER))
    text = kodo.get("/metrics").text()
    assert not any(word in text for word in ("x1", "f1\"", "y1", "M1", "z="))
    assert of(read(text), "kodo_requests_total", route="other", method="other") == 30
    assert flow(1)["name"] not in text
