"""Answers as gzip: which, to whom, with which ETag and length; and what is never compressed."""
import gzip
import os

import pytest

import kodotest
from kodotest import flow, greeting, node

TAKES = {"accept-encoding": "br, gzip;q=0.8"}
HTML = {"accept": "text/html"}
FLOWS = [flow(i) for i in range(40)]


@pytest.fixture
def one(hosted):
    return hosted({"organization": "Here", "flows": FLOWS})


def plain_and_packed(one, target, headers=None):
    headers = headers or {}
    return one.get(target, headers=headers), one.get(target, headers={**headers, **TAKES})


@pytest.mark.parametrize("target, headers", [("/flows?pp=40", {}), ("/flows", HTML), ("/map", HTML), ("/connect", {}), ("/docs", HTML), ("/docs/openapi.json", {}),
                                             ("/www/kodo.css", {}), ("/www/refresh.js", {}), ("/flows?format=atom", {}), ("/changes", {}), ("/nosuch", HTML)])
def test_both_forms(one, target, headers):
    plain, packed = plain_and_packed(one, target, headers)
    assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == "gzip"
    said = gzip.decompress(packed.body)
    if target not in ("/connect",):                                   # of which `now` differs
        assert said == plain.body
    assert int(packed.headers["content-length"]) == len(packed.body) < len(plain.body) * 0.6
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["vary"].split(", ") and answer.headers["cache-control"] == "no-cache"
    head = one.request("HEAD", target, headers={**headers, **TAKES})
    assert head.body == b"" and head.headers["content-encoding"] == "gzip"
    if target != "/connect":
        assert {name: head.headers[name] for name in ("content-length", "content-type", "vary")} == {
            name: packed.headers[name] for name in ("content-length", "content-type", "vary")}
    # a tag for each form; one that a client holds stays what it is
    if "etag" not in plain.headers:
        return
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"' == head.headers["etag"]
    for tag in (plain.headers["etag"], packed.headers["etag"]):
        for more in ({}, TAKES):
            again = one.get(target, headers={**headers, **more, "if-none-match": tag})
            assert again.status == 304 and again.body == b"" and "content-encoding" not in again.headers
            assert again.headers["etag"] == (tag if more else plain.headers["etag"])
            assert again.headers["vary"] == packed.headers["vary"]


def test_who_does_not_take_it(one):
    for accept in ("", "identity", "br", "gzip;q=0", "gzip;q=0.0, *", "identity, gzip;q=0.1"):
        answer = one.get("/flows?pp=40", headers={"accept-encoding": accept})
        assert "content-encoding" not in answer.headers and answer.json()["total"] == 40 and "Accept-Encoding" in answer.headers["vary"], accept


def test_what_is_short_stays(one):
    answer = one.get("/", headers=TAKES)
    assert "content-encoding" not in answer.headers and answer.json()["url"]
    assert "content-encoding" not in one.request("OPTIONS", "/flows", headers=TAKES).headers


def test_nothing_secret(one):
    """Beside what a stranger may choose, as words that a page repeats, the length would tell of a key."""
    one.get("/")                                                      # makes the state
    key = one.key()
    for target, more in ((f"/flows?pp=40&key={key}", {}), (f"/check?key={key}", {}), ("/check", {"authorization": f"Bearer {key}"}), ("/check", {}),
                         ("/flows?pp=40", {"authorization": "Bearer x"})):
        for accept in ({}, HTML):
            answer = one.get(target, headers={**TAKES, **more, **accept})
            assert "content-encoding" not in answer.headers and "Accept-Encoding" not in answer.headers.get("vary", ""), target
    body = greeting("http://127.0.0.1:9", nodes=[], feed=True, registry=True)
    answer = one.request("POST", "/connect", headers=TAKES, body=body)
    assert answer.status == 201 and "content-encoding" not in answer.headers


def test_not_where_reading_needs_a_role(hosted):
    one = hosted({"organization": "Here", "flows": FLOWS, "auth_remote_user": True})
    answer = one.get("/flows?pp=40", headers={**TAKES, **HTML})
    assert answer.status == 401 and "content-encoding" not in answer.headers


def test_long_answers(hosted):
    """From a file, compressed while it is sent: without a length, and the same bytes."""
    one = hosted({"organization": "Here"})
    for p in range(1, 33):
        url = f"http://127.0.0.1:{p}"
        flows = [flow(i, description=os.urandom(150).hex()) for i in range(800)]
        assert one.post("/connect", greeting(url, nodes=[node(url, flows)])).status == 201
    plain, packed = plain_and_packed(one, "/connect")
    assert len(plain.body) > 10 << 20 and "content-length" in plain.headers
    assert packed.headers["content-encoding"] == "gzip" and "content-length" not in packed.headers
    nodes = plain.body.partition(b'"nodes":')[2]
    assert gzip.decompress(packed.body).partition(b'"nodes":')[2] == nodes and len(packed.body) < len(plain.body) * 0.7
    head = one.request("HEAD", "/connect", headers=TAKES)
    assert head.body == b"" and "content-length" not in head.headers and head.headers["content-encoding"] == "gzip"


def test_long_answers_beside_others(responder):
    """One worker, and a client that does not read: its answer waits, compressed by what it takes, and others are served."""
    one = responder({"organization": "Here"}, workers=1)
    for p in range(1, 9):
        url = f"http://127.0.0.1:{p}"
        flows = [flow(i, description=os.urandom(150).hex()) for i in range(800)]
        assert one.post("/connect", greeting(url, nodes=[node(url, flows)])).status == 201
    wanted = one.get("/changes?limit=1000").body
    answers = [None] * 4
    import threading
    threads = [threading.Thread(daemon=True, target=lambda i=i: answers.__setitem__(i, one.get("/changes?limit=1000", headers=TAKES))) for i in range(4)]
    for thread in threads:
        thread.start()
    assert min(one.get("/").seconds for _ in range(5)) < kodotest.CALM
    for thread in threads:
        thread.join()
    assert all(gzip.decompress(answer.body) == wanted for answer in answers)
