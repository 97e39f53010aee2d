"""Rate limits: by address and by peer, of all processes of a state together, before the body is read."""
import json
import os
import threading
import time

import pytest

import signing
from kodotest import FastCGI, Service, cgi_env, connect_body, flow, parse_cgi

ABUSER, OTHER, V6 = "8.8.8.8", "8.8.4.4", "2606:4700::1"
# one peer speaks from many addresses here
OPTIONS = {"trust": "open", "flows": [flow(1)], "private": True}


def check_429(answer, rate=None):
    assert answer.status == 429, answer
    body = answer.json()
    assert body["status_code"] == 429 and body["detail"] == f"Too many requests: at most {rate} a minute"
    assert 1 <= int(answer.headers["retry-after"]) <= 61 and answer.headers["content-type"] == "application/json"


def test_an_address_is_limited(hosted):
    kodo = hosted({**OPTIONS, "rate_client": 20})
    statuses = [kodo.get("/", REMOTE_ADDR=ABUSER).status for _ in range(25)]
    assert statuses[:20] == [200] * 20 and 429 in statuses[20:]
    check_429(kodo.get("/", REMOTE_ADDR=ABUSER), 20)
    check_429(kodo.get("/nothing", REMOTE_ADDR="::ffff:" + ABUSER), 20)
    check_429(kodo.post("/connect", connect_body("http://localhost:9"), REMOTE_ADDR=ABUSER), 20)
    assert kodo.request("HEAD", "/", REMOTE_ADDR=ABUSER).status == 429
    for other in (OTHER, "127.0.0.1", "10.1.1.1", "192.168.1.1", "fd00::1", None, ""):
        assert kodo.get("/", REMOTE_ADDR=other).status == 200
    assert kodo.log().count(f"requests of {ABUSER} are limited from here on: over 20 a minute (rate_client)") == 1


def test_a_network_of_ipv6_is_one_client(hosted):
    kodo = hosted({**OPTIONS, "rate_client": 5})
    assert {kodo.get("/", REMOTE_ADDR=f"2606:4700:0:0:{n}::1").status for n in range(5)} == {200}
    check_429(kodo.get("/", REMOTE_ADDR="2606:4700::ffff:1"), 5)
    assert kodo.get("/", REMOTE_ADDR="2606:4700:0:1::1").status == 200


@pytest.mark.parametrize("options", [{"rate_client": 0, "rate_peer": 0}, {}])
def test_private_and_unlimited(hosted, options):
    """By default nothing here comes near a limit."""
    kodo = hosted({**OPTIONS, **options})
    assert {kodo.get("/", REMOTE_ADDR=ABUSER).status for _ in range(40)} == {200}
    kodo = hosted({**OPTIONS, "rate_client": 1, "rate_peer": 1})
    for address in ("127.0.0.1", "10.1.1.1", "fe80::1", "100.64.0.1"):
        assert {kodo.post("/connect", connect_body("http://localhost:9"), REMOTE_ADDR=address).status for _ in range(4)} == {201}


def test_a_peer_is_limited(hosted):
    """By its url, of one address: what others say in its name does not silence it."""
    kodo = hosted({**OPTIONS, "rate_peer": 5})
    statuses = [kodo.post("/connect", connect_body("http://localhost:9"), REMOTE_ADDR=ABUSER).status for _ in range(6)]
    assert statuses == [201] * 5 + [429]
    check_429(kodo.post("/update", connect_body("http://LOCALHOST:9/"), REMOTE_ADDR=ABUSER), 5)
    assert kodo.post("/connect", connect_body("http://localhost:9"), REMOTE_ADDR=OTHER).status == 201
    assert kodo.post("/connect", connect_body("http://localhost:10"), REMOTE_ADDR=ABUSER).status == 201
    assert kodo.get("/", REMOTE_ADDR=ABUSER).status == 200
    assert kodo.log().count("requests of http://localhost:9 are limited from here on: over 5 a minute (rate_peer)") == 1


def test_a_signed_peer_is_limited_wherever_it_speaks_from(hosted):
    """By its url and key: another key in its name, or none, does not silence it."""
    kodo = hosted({**OPTIONS, "trust": "known", "rate_peer": 5})
    own = kodo.get("/").json()["url"]
    url, key, other = "http://localhost:9", signing.Key(), signing.Key()

    def post(n, by=key):
        data = json.dumps(connect_body(url, kodo={"life": 7, "sent": n})).encode()
        fields = signing.headers(by, "POST", own + "/connect", url, data) if by else {}
        return kodo.post("/connect", data, headers=fields, REMOTE_ADDR=f"8.8.{n}.8")

    assert post(1).status == 201
    assert {post(n, by).status for n in range(2, 10) for by in (other, None)} == {403, 429}
    assert [post(n).status for n in range(11, 15)] == [201] * 4
    check_429(post(15), 5)
    assert kodo.get("/", REMOTE_ADDR="8.8.15.8").status == 200


def test_behind_a_named_proxy(hosted):
    kodo = hosted({**OPTIONS, "rate_client": 5, "proxies": "127.0.0.1"})
    ask = lambda client: kodo.get("/", headers={"x-forwarded-for": client})    # noqa: E731
    assert {ask(ABUSER).status for _ in range(5)} == {200}
    check_429(ask(f"{OTHER}, {ABUSER}"), 5)
    assert ask(OTHER).status == ask("10.0.0.1").status == kodo.get("/").status == 200


def test_a_feed_is_not_limited(responder):
    """Hundreds of updates in a burst, by the defaults."""
    kodo = responder(OPTIONS)
    assert kodo.post("/connect", connect_body("http://localhost:9"), REMOTE_ADDR=ABUSER).status == 201
    assert {kodo.post("/update", connect_body("http://localhost:9", n % 3), REMOTE_ADDR=ABUSER).status for n in range(900)} == {200}


def test_the_answer_comes_before_the_body(responder):
    """The body is not waited for, and passed over without memory once it comes."""
    kodo = responder({**OPTIONS, "rate_client": 1, "body_max_mib": 64}, workers=1)
    kodo.get("/", REMOTE_ADDR=ABUSER)
    size = 48 << 20
    head = FastCGI.whole(cgi_env("POST", "/connect", None, None, REMOTE_ADDR=ABUSER, CONTENT_LENGTH=str(size)))
    head = head[:-8]            # but for the end of the body
    with FastCGI(kodo.path, 5) as one:
        one.socket.sendall(head)
        got = one.socket.recv(65536)
        assert b"Status: 429" in got and b"retry-after" in got.lower()
        for _ in range(size // 65535):
            one.socket.sendall(FastCGI.record(5, b"x" * 65535))
        one.socket.sendall(FastCGI.record(5))
        while one.socket.recv(65536):
            pass
    with open(f"/proc/{kodo.workers[0].pid}/status", encoding="ascii") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    assert peak < 40 << 10, f"{peak} KiB"
    assert kodo.get("/").status == 200


def test_a_large_body_through_cgi(hosted):
    kodo = hosted({**OPTIONS, "rate_client": 1})
    kodo.get("/", REMOTE_ADDR=ABUSER)
    check_429(kodo.post("/connect", b"x" * (8 << 20), REMOTE_ADDR=ABUSER), 1)


def test_workers_together(responder):
    """Exact to a tenth."""
    kodo = responder({**OPTIONS, "rate_client": 1000}, workers=3)
    counted = []

    def ask():
        statuses = [kodo.get("/", REMOTE_ADDR=V6).status for _ in range(400)]
        counted.append(statuses.count(200))
        assert set(statuses) <= {200, 429}
    began = time.monotonic()
    threads = [threading.Thread(daemon=True, target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    most = 1000 + 1000 / 60 * (time.monotonic() - began)
    assert len(counted) == 6 and 900 <= sum(counted) <= most * 1.1
    assert kodo.log().count("are limited from here on") == 1


def test_a_damaged_table(responder):
    kodo = responder({**OPTIONS, "rate_client": 3}, workers=2)
    path = os.path.join(kodo.state_path(), "rates")
    for n, damage in enumerate((b"", b"x" * 100, b"x" * (1 << 20))):
        for _ in range(9):
            kodo.get("/", REMOTE_ADDR=ABUSER)
        check_429(kodo.get("/", REMOTE_ADDR=ABUSER), 3)
        with open(path, "r+b") as f:
            f.truncate(0)
            f.write(damage)
        assert kodo.get("/", REMOTE_ADDR=ABUSER).status == 200, n
    os.unlink(path)
    os.mkdir(path)
    assert {kodo.get("/", REMOTE_ADDR=ABUSER).status for _ in range(20)} == {200}
    assert 1 <= kodo.log().count("so no rate is limited") <= 2          # one a process


def findings(kodo):
    with open(os.path.join(kodo.state_path(), "key"), encoding="ascii") as f:
        key = f.read().strip()
    return [(one["finding"], one["text"]) for one in json.loads(kodo.get(f"/check?key={key}").body)["findings"] if "rates" in one["text"]]


def test_the_check_says_it(hosted):
    kodo = hosted({**OPTIONS, "rate_client": 2})
    kodo.get("/")
    assert [kind for kind, text in findings(kodo) if "nobody asked more" in text] == ["ok"]
    for _ in range(5):
        kodo.get("/", REMOTE_ADDR=ABUSER)
    (kind, text), = findings(kodo)
    assert kind == "warning" and f"3 requests were refused in 0 h, the last one 0 min ago of {ABUSER};" in text


def test_the_service(place):
    """Through its lighttpd, which has a large body whole before it asks us."""
    kodo = Service(place, {"rate_client": 3, "proxies": "127.0.0.1, ::1"})
    kodo.start()
    try:
        said = {"x-forwarded-for": ABUSER}
        assert {kodo.get("/", headers=said).status for _ in range(3)} == {200}
        answer = kodo.request("POST", "/connect", headers=said, body=b"x" * (4 << 20))
        assert answer.status == 429 and "retry-after" in answer.headers
        assert kodo.get("/").status == 200
    finally:
        kodo.stop()
