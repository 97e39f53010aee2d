"""Malformed, over-long, too deep and wrongly typed input against a running service: a clear 4xx in JSON, nothing stored, no worker dead.

Bodies come from tests/data/bad-bodies.jsonl; query strings and raw requests are here.
"""
import json
import os
import re
import socket

import pytest

import kodotest
from kodotest import children, connect_body, flow, greeting, node, wait_until

PEER = "http://peer.example.com:3390"


def load_bodies():
    rows = []
    with open(os.path.join(kodotest.SRCDIR, "tests", "data", "bad-bodies.jsonl"), encoding="utf-8") as f:
        for row in map(json.loads, f):
            if "body_hex" in row:
                row["data"] = bytes.fromhex(row["body_hex"])
            elif "body_repeat" in row:
                row["data"] = b"".join(text.encode() * times for text, times in row["body_repeat"])
            else:
                row["data"] = row["body"].encode("utf-8", "surrogatepass")
            rows.append(row)
    return rows


BODIES = load_bodies()
TOO_LONG = "x" * 8193
# of GET /flows and its like: name, target, status
TARGETS = [
    ("pp_word", "/flows?pp=abc", 400), ("pp_fraction", "/flows?pp=1.5", 400), ("pp_empty", "/flows?pp=", 400),
    ("pp_zero", "/flows?pp=0", 400), ("pp_negative", "/flows?pp=-1", 400), ("pp_hex", "/flows?pp=0x10", 400),
    ("pp_plus", "/flows?pp=%2B5", 400), ("pp_underscore", "/flows?pp=1_0", 400), ("pp_arabic_digit", "/flows?pp=%D9%A1", 400),
    ("pp_last_counts", "/flows?pp=1&pp=x", 400), ("p_word", "/flows?p=x", 400), ("p_exponent", "/flows?p=1e3", 400),
    ("p_negative", "/flows?p=-1", 400), ("p_blank", "/flows?p=%20", 400), ("p_nul", "/flows?p=1%00", 400),
    ("format_unknown", "/flows?format=xml", 400), ("format_case", "/flows?format=JSON", 400), ("format_empty", "/flows?format=", 400),
    ("format_two", "/flows?format=html,json", 400), ("q_nul", "/flows?q=a%00b", 400), ("q_ff", "/flows?q=%ff", 400),
    ("q_surrogate", "/flows?q=%ed%a0%80", 400), ("q_overlong_slash", "/flows?q=%c0%af", 400),
    ("q_past_unicode", "/flows?q=%f4%90%80%80", 400), ("q_cut_character", "/flows?q=%e2%82", 400), ("by_nul", "/flows?by=%00", 400),
    ("by_ff", "/flows?by=%ff", 400), ("q_too_long", f"/flows?q={TOO_LONG}", 414), ("q_too_long_encoded", "/flows?q=" + "%41" * 8190, 414),
    ("by_too_long", "/flows?by=" + "name," * 2000, 414), ("unknown_too_long", f"/flows?nosuch={TOO_LONG}", 414),
    ("query_over_head", "/flows?q=" + "y" * 70000, 431), ("two_wrong", "/flows?p=x&pp=y", 400),
    ("path_unknown", "/nosuch", 404), ("path_nul", "/flows%00", 404), ("path_ff", "/%ff", 400), ("path_up", "/../../etc/passwd", 404),
    ("path_up_encoded", "/%2e%2e/%2e%2e/etc/passwd", 404), ("path_flow_up", "/flows/..%2f..%2fetc/passwd", 404),
    ("path_no_flow", "/flows/nosuch", 404), ("path_too_long", "/" + "a/" * 2000, 414), ("path_refused", "/.refused", 404),
]
HOST = b"Host: localhost\r\nConnection: close\r\n"
# whole requests as bytes: name, head (and body), status
RAW = [
    ("garbage", b"GARBAGE\r\n\r\n", 400), ("no_target", b"GET\r\n\r\n", 400), ("version", b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", 400),
    ("no_host", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400), ("host_blank", b"GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400),
    ("two_hosts", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n", 400),
    ("unknown_method", b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n", 400), ("trace", b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    ("proxy", b"CONNECT x:1 HTTP/1.1\r\n" + HOST + b"\r\n", 400), ("put", b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n", 405),
    ("patch", b"PATCH /flows HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}", 405),
    ("delete_flows", b"DELETE /flows HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    ("post_home", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}", 405),
    ("no_length", b"POST /connect HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("length_word", b"POST /connect HTTP/1.1\r\n" + HOST + b"Content-Length: abc\r\n\r\n{}", 400),
    ("length_negative", b"POST /connect HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n{}", 400),
    ("two_lengths", b"POST /connect HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    ("length_and_chunks", b"POST /connect HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
    ("chunk_size", b"POST /connect HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400),
    ("chunks_empty_object", b"POST /connect HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
    ("length_huge", b"POST /connect HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999\r\n\r\n{}", 413),
    ("gzip", b"POST /connect HTTP/1.1\r\n" + HOST + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x08\x00\x00", 400),
    ("target_over_head", b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
    ("header_over_head", b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70000 + b"\r\n\r\n", 431),
    ("header_nul", b"GET / HTTP/1.1\r\n" + HOST + b"X\x00Y: 1\r\n\r\n", 400), ("target_control", b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    ("query_control", b"GET /flows?q=\x7f\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("target_scheme_only", b"GET http:// HTTP/1.1\r\n" + HOST + b"\r\n", 400), ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50 + b"\r\n\r\n", 400),
]


@pytest.fixture(scope="module")
def registry():
    """A service that holds something, and what it shows and who works for it before anything bad came."""
    with kodotest.folder() as path:
        one = kodotest.Service(path, {"registry": True, "feed": True, "organization": "Strict", "flows": [flow(1), flow(2)]}).start()
        assert one.post("/connect", connect_body("http://good.example.com:3391", 3)).status == 201
        wait_until(one.is_idle, 10, "idle")
        one.before = shown(one)
        one.pids = sorted(children(one.process.pid))
        yield one
        one.kill()


def shown(service):
    """Everything that an answer shows but the time of day; and the number of the view, which the ETags of the last two hold."""
    found = {target: re.sub(rb'"now":"[^"]*"', b"", service.get(target).body) for target in ("/map", "/connect")}
    for target in ("/flows?pp=1000", "/counts"):
        answer = service.get(target)
        found[target] = answer.body, answer.headers["etag"]
    return found


def check_refused(service, status, answer_status, headers, body):
    assert answer_status == status, body[:500]
    assert headers["content-type"] == "application/json"
    answered = json.loads(body.decode("utf-8"))
    assert answered["status_code"] == status
    assert isinstance(answered["detail"], str) and answered["detail"]
    assert shown(service) == service.before
    assert sorted(children(service.process.pid)) == service.pids
    return answered


@pytest.mark.parametrize("row", BODIES, ids=[row["name"] for row in BODIES])
def test_body(registry, row):
    answer = registry.request(row["method"], row["path"], body=row["data"])
    answered = check_refused(registry, row["status"], answer.status, answer.headers, answer.body)
    assert row["says"] in answer.text()
    if answered["detail"].startswith("Validation failed"):
        assert answered["detail"] == f"Validation failed for {row['method']} {row['path']}"
        assert answered["extra"] and all(entry["message"] for entry in answered["extra"])


@pytest.mark.parametrize("name,target,status", TARGETS, ids=[row[0] for row in TARGETS])
def test_target(registry, name, target, status):
    with socket.create_connection(("127.0.0.1", registry.port), 10) as s:
        # http.client would refuse to send some of these
        s.sendall(b"GET " + target.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        check_raw(registry, s, status)


@pytest.mark.parametrize("name,data,status", RAW, ids=[row[0] for row in RAW])
def test_raw(registry, name, data, status):
    with socket.create_connection(("127.0.0.1", registry.port), 10) as s:
        s.sendall(data)
        check_raw(registry, s, status)


def check_raw(service, s, status):
    data = b""
    while piece := s.recv(65536):
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return check_refused(service, status, int(lines[0].split()[1]), headers, body)


# --- bodies that are too large for a file of them ---

def test_body_over_the_ceiling(registry):
    data = json.dumps(connect_body(PEER, nodes=[node(PEER, [flow(n, description="d" * 60000) for n in range(180)])])).encode()
    assert len(data) > 10 << 20
    answer = registry.request("POST", "/connect", body=data)
    answered = check_refused(registry, 413, answer.status, answer.headers, answer.body)
    assert answered["detail"] == "Request Entity Too Large"


def test_a_million_brackets(registry):
    for piece in (b"[", b'{"a":', b"[[],"):
        answer = registry.request("POST", "/connect", body=piece * 1000000)
        check_refused(registry, 400, answer.status, answer.headers, answer.body)


def test_own_url_as_sender(registry):
    for path, body in (("/connect", connect_body(registry.url)), ("/update", connect_body(registry.url.upper().replace("HTTP", "http"))),
                       ("/reconnect", greeting(registry.url))):
        answer = registry.post(path, body)
        check_refused(registry, 400, answer.status, answer.headers, answer.body)


def test_unknown_provider(registry):
    for path, body in (("/update", connect_body(PEER)), ("/disconnect", {"provider": PEER, "url": [PEER]}), ("/reconnect", greeting(PEER))):
        answer = registry.post(path, body)
        check_refused(registry, 404, answer.status, answer.headers, answer.body)


def test_body_that_ends_early(registry):
    with socket.create_connection(("127.0.0.1", registry.port), 10) as s:
        s.sendall(b"POST /connect HTTP/1.1\r\n" + HOST + b'Content-Length: 1000\r\n\r\n{"url":')
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
    assert shown(registry) == registry.before
    assert sorted(children(registry.process.pid)) == registry.pids


def test_still_good_after_all_that(registry):
    assert len(BODIES) + len(TARGETS) + len(RAW) >= 60
    assert registry.post("/connect", connect_body(PEER, 4)).status == 201
    assert registry.total() == 9
    assert registry.stop() == 0
    assert "Sanitizer" not in registry.screen() and "runtime error" not in registry.screen()
