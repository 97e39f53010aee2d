"""The responder alone, without a web server: every endpoint by FastCGI and by plain CGI; states, loaders, signals."""
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
from kodotest import FastCGI, cgi_env, connect_body, flow, greeting, node, parse_cgi, wait_until

OWN = "http://localhost:4321"
PEER = "http://localhost:4390"
SANITIZED = "ASAN_OPTIONS" in os.environ
FLOWS = [flow(n) for n in range(5)]


def check_json(answer, status=200):
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers["x-content-type-options"] == "nosniff"
    return answer.json()


def check_error(answer, status, detail, keys=None):
    body = check_json(answer, status)
    assert body["status_code"] == status
    assert body["detail"] == detail
    if keys is not None:
        assert [entry.get("key") for entry in body["extra"]] == keys
    return body


@pytest.fixture
def runner(place):
    """A program in place of kodo-reconnect that notes its arguments: path, and a function that gives the lines so far."""
    path = os.path.join(place, "runner")
    with open(path, "w") as f:
        f.write(f'#!/bin/sh\necho "$@" >> {place}/runs\n')
    os.chmod(path, 0o755)
    return path, lambda: open(f"{place}/runs").read().splitlines() if os.path.exists(f"{place}/runs") else []


# --- reading ---

def test_home(hosted):
    kodo = hosted({"flows": FLOWS})
    for path in ("/", "/home", "", "//", "/home/"):
        answer = kodo.get(path)
        body = check_json(answer)
        assert list(body) == ["url", "organization", "registry", "feed", "idle", "now", "message"]
        assert body["url"] == OWN and body["organization"] == "Test Organization"
        assert body["registry"] is True and body["feed"] is True and body["message"] == []
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", body["now"])
        assert "etag" not in answer.headers


def test_map_connect_counts(hosted):
    kodo = hosted({"flows": FLOWS})
    body = check_json(kodo.get("/map"))
    assert list(body)[7:] == ["providers", "connection", "registers"]
    body = check_json(kodo.get("/connect"))
    assert [n["url"] for n in body["nodes"]] == [OWN] and len(body["nodes"][0]["flows"]) == 5
    for path in ("/counts", "/flows/counts", "/counts?format=html"):
        body = check_json(kodo.get(path))
        assert body == {"total": 5, "organization": {"Test Organization": 5},
                        "tags": {"all": 5, "n0": 1, "n1": 1, "n2": 1, "n3": 1, "n4": 1}}
    check_error(kodo.get("/counts?format=xml"), 400, "Validation failed for GET /counts?format=xml", ["format"])


def test_flows(hosted):
    kodo = hosted({"flows": FLOWS})
    body = check_json(kodo.get("/flows?pp=2&p=1&by=name:d"))
    assert list(body) == ["total", "filtered", "p", "pp", "items", "by", "q"]
    assert [item["name"] for item in body["items"]] == ["Flow 2", "Flow 1"]
    assert list(body["items"][0]) == ["organization", "created", "modified", "heartbeat", "url", "name", "author", "description",
                                      "tags"]
    assert (body["total"], body["filtered"], body["p"], body["pp"], body["by"], body["q"]) == (5, 5, 1, 2, "name:d", None)
    assert body["items"][0]["url"] == f"{OWN}/flows/flow-2"
    body = check_json(kodo.get("/flows?q=number+3+does"))
    assert [item["name"] for item in body["items"]] == ["Flow 3"]
    assert check_json(kodo.get("/flows?p=9"))["items"] == []


@pytest.mark.parametrize("path", ["/flows/", "//flows", "/%66lows", "/%66%6Cows/", "/flows//"])
def test_paths_that_match(hosted, path):
    assert check_json(hosted({"flows": FLOWS}).get(path))["total"] == 5


def test_paths_that_do_not(hosted):
    kodo = hosted({"flows": FLOWS})
    for path in ("/nosuch", "/FLOWS", "/flows%3Fpp=1", "/x/../flows", "/flows/nosuch", "/map/x", "/%00", "/flows/%ff", "/%zz"):
        check_error(kodo.get(path), 404, "Not Found")
    check_error(kodo.get("/flows", headers={"accept": "text/html"}, REQUEST_URI="/nosuch"), 404, "Not Found")


def test_methods(hosted):
    kodo = hosted({"flows": FLOWS})
    allowed = {"/": "GET, HEAD, OPTIONS", "/flows": "GET, HEAD, OPTIONS", "/connect": "GET, HEAD, POST, DELETE, OPTIONS",
               "/update": "POST, OPTIONS"}
    for path, allow in allowed.items():
        answer = kodo.request("OPTIONS", path)
        assert (answer.status, answer.body, answer.headers["allow"]) == (204, b"", allow)
        assert "content-length" not in answer.headers
        for method in ("PUT", "PATCH", "TRACE", "FOO", "PROPFIND"):
            answer = kodo.request(method, path, body={})
            check_error(answer, 405, "Method Not Allowed")
            assert answer.headers["allow"] == allow
    check_error(kodo.request("POST", "/", body={}), 405, "Method Not Allowed")
    check_error(kodo.request("OPTIONS", "/nosuch"), 404, "Not Found")
    answer = kodo.request("HEAD", "/update")
    assert (answer.status, answer.body, answer.headers["allow"]) == (405, b"", "POST, OPTIONS")
    for path in ("/", "/flows", "/map", "/connect", "/counts"):
        answer = kodo.request("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")
        assert abs(int(answer.headers["content-length"]) - len(kodo.get(path).body)) <= 7, path   # fractions of `now` may be 0
    answer = kodo.request("HEAD", "/nosuch")
    assert (answer.status, answer.body) == (404, b"")


def test_pages(hosted):
    evil = '<script>alert("1")</script>&\''
    kodo = hosted({"flows": [flow(1, name=evil, tags=[evil]), flow(2)], "organization": evil})
    for target, accept in (("/flows?format=html", None), ("/flows", "text/html,application/xhtml+xml,*/*;q=0.8"),
                           ("/flows?format=html", "application/json")):
        answer = kodo.get(target, headers={"accept": accept} if accept else {})
        assert answer.status == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "<script>" not in answer.text() and "&lt;script&gt;" in answer.text()
        assert "Flow 2" in answer.text() and "{{" not in answer.text()
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    for target, accept in (("/flows?format=json", "text/html"), ("/flows", "TEXT/HTML"), ("/flows", "*/*")):
        check_json(kodo.get(target, headers={"accept": accept}))
    page = kodo.get("/flows?format=html&q=nosuchword&by=name").text()
    assert "fulltext: nosuchword" in page and "0 of 2 flows" in page
    first, second = kodo.get("/flows?format=html&pp=1").text(), kodo.get("/flows?format=html&pp=1&p=1").text()
    assert "p=1" in first and 'rel="next"' in first and 'rel="prev"' not in first
    assert 'rel="prev"' in second and 'rel="next"' not in second
    about = kodo.get("/flows/flow-1")
    assert about.status == 200 and "&lt;script&gt;" in about.text() and "<script>" not in about.text()


def test_pages_without_templates(hosted, place):
    kodo = hosted({"flows": FLOWS}, env={"KODO_WWW": place})
    text = kodo.get("/flows?format=html").text()
    assert "Flow 3" in text and "5 of 5 flows" in text
    assert "Flow 3" in kodo.get("/flows/flow-3").text()


@pytest.mark.parametrize("query, key, message", [
    ("pp=%205", "pp", "Expected `int`, got `str`"), ("pp=1_0", "pp", "Expected `int`, got `str`"),
    ("pp=", "pp", "Expected `int`, got `str`"), ("p=", "p", "Expected `int`, got `str`"), ("p=1.5", "p", "Expected `int`, got `str`"),
    ("pp=true", "pp", "Expected `int`, got `str`"), ("pp=0x10", "pp", "Expected `int`, got `str`"),
    ("pp=5&pp=x", "pp", "Expected `int`, got `str`"), ("pp=%F1", "pp", "Input should be valid UTF-8"),
    ("format=xml", "format", "Invalid enum value 'xml'"), ("format=JSON", "format", "Invalid enum value 'JSON'"),
    ("format=", "format", "Invalid enum value ''"), ("q=%00", "q", "Input must not contain NUL"),
    ("q=a%ffb", "q", "Input should be valid UTF-8"), ("q=%ED%A0%80", "q", "Input should be valid UTF-8"),
    ("by=%C0%80", "by", "Input should be valid UTF-8"), ("q=%f8", "q", "Input should be valid UTF-8"),
])
def test_bad_parameters(hosted, query, key, message):
    body = check_error(hosted({}).get(f"/flows?{query}"), 400, f"Validation failed for GET /flows?{query}")
    assert body["extra"] == [{"message": message, "key": key, "source": "query"}]


def test_parameters(hosted):
    kodo = hosted({"flows": FLOWS})
    check_error(kodo.get("/flows?format=x&p=y&pp=z"), 400, "Validation failed for GET /flows?format=x&p=y&pp=z", ["pp", "p", "format"])
    for query in ("pp=0", "pp=-5", "p=-1", "pp=-99999999999999999999"):
        body = check_error(kodo.get(f"/flows?{query}"), 400, "Pagination parameters must be positive integers.")
        assert "extra" not in body
    for query, pp in (("pp=1&pp=2", 2), ("P=1&PP=3&x", 10), ("pp=3&&=&&", 3), ("pp=9223372036854775807", 2**63 - 1),
                      ("pp=99999999999999999999", 2**63 - 1), ("pp=007", 7), ("pp=%31", 1), ("%70p=4", 4), ("p=-0", 10)):
        assert check_json(kodo.get(f"/flows?{query}"))["pp"] == pp, query
    assert check_json(kodo.get("/flows?p=9223372036854775807&pp=9223372036854775807"))["items"] == []
    assert check_json(kodo.get("/flows?q=%zz"))["q"].endswith(", fulltext: %zz")
    assert check_json(kodo.get("/flows?q=a%2Bb+c%20d"))["q"].endswith(", fulltext: a+b c d")
    assert check_json(kodo.get("/flows?q="))["q"] is None
    assert check_json(kodo.get("/flows?q=a&q="))["q"] is None


def test_targets_over_a_ceiling(hosted):
    kodo = hosted({})
    check_json(kodo.get("/flows?q=" + "a" * 8190))
    check_error(kodo.get("/flows?q=" + "a" * 8191), 414, "Request-URI Too Long")
    check_error(kodo.get("/" + "a" * 2048), 414, "Request-URI Too Long")
    check_error(kodo.get("/" + "a" * 2000), 404, "Not Found")
    check_error(kodo.get("/flows?q=\udcff"), 400, "Request target is not UTF-8")
    assert check_json(kodo.get("/flows?q=é"))["q"].endswith("fulltext: é")


def test_path_of_the_url(hosted):
    kodo = hosted({"url": "https://example.com:443/~ann/k%6Fdo/", "flows": FLOWS})
    for target in ("/~ann/kodo/flows", "/~ann/k%6Fdo/flows?pp=2", "/%7Eann//kodo/flows/", "/~ann/kodo//flows"):
        assert check_json(kodo.get(target, PATH_INFO=None))["total"] == 5, target
    check_json(kodo.get("/~ann/kodo", PATH_INFO=None))
    # rewritten by the server, or the script's own name: then PATH_INFO; cut by a proxy: then as it is
    assert check_json(kodo.get("/cgi-bin/kodo.fcgi/flows", SCRIPT_NAME="/cgi-bin/kodo.fcgi", PATH_INFO="/flows"))["total"] == 5
    assert "idle" in check_json(kodo.get("/cgi-bin/kodo.fcgi", SCRIPT_NAME="/cgi-bin/kodo.fcgi", PATH_INFO=None))
    assert check_json(kodo.get("/flows", PATH_INFO=None))["total"] == 5
    check_error(kodo.get("/~ann/kodonuts", PATH_INFO=None), 404, "Not Found")
    body = check_json(kodo.get("/~ann/kodo/flows?pp=x", PATH_INFO=None), 400)
    assert body["detail"] == "Validation failed for GET /~ann/kodo/flows?pp=x" or body["detail"].endswith("GET /flows?pp=x")
    assert check_json(kodo.get("http://example.com/~ann/kodo/flows", PATH_INFO=None))["total"] == 5
    assert '"/~ann/' in kodo.get("/~ann/kodo/flows?format=html").text()


def test_path_without_request_uri(hosted):
    kodo = hosted({"flows": FLOWS})
    body = check_json(kodo.get("/x", REQUEST_URI=None, PATH_INFO="/flows", QUERY_STRING="pp=3"))
    assert body["pp"] == 3
    check_json(kodo.get("/x", REQUEST_URI=None, PATH_INFO=None))
    check_error(kodo.get("/x", REQUEST_URI=None, PATH_INFO="/%66lows"), 404, "Not Found")     # it is decoded already


# --- versions of answers ---

def test_etags(hosted):
    kodo = hosted({"flows": FLOWS})
    tags = {}
    for target in ("/flows", "/flows?pp=1", "/flows?format=html", "/counts", "/map", "/connect"):
        answer = kodo.get(target)
        tag = answer.headers["etag"]
        assert re.fullmatch(r'W/"[^"]+"', tag) and answer.headers["cache-control"] == "no-cache"
        assert kodo.get(target).headers["etag"] == tag
        tags[target] = tag
        for given in (tag, tag[2:], f'"x", {tag}', f'W/"y",{tag} , "z"'):
            answer = kodo.get(target, headers={"if-none-match": given})
            assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag), given
            assert "content-type" not in answer.headers
        for given in ("*", '"x"', tag.strip('W/"'), tag[:-1], ""):
            assert kodo.get(target, headers={"if-none-match": given}).status == 200, given
    assert len(set(tags.values())) >= 5
    assert kodo.get("/flows", headers={"accept": "text/html"}).headers["etag"] != tags["/flows"]
    assert kodo.post("/connect", connect_body(PEER)).status == 201
    for target, tag in tags.items():
        answer = kodo.get(target, headers={"if-none-match": tag})
        assert answer.status == 200 and answer.headers["etag"] != tag, target


def test_schema(hosted):
    kodo = hosted({})
    body = check_json(kodo.get("/docs/openapi.json"))
    assert body == check_json(kodo.get("/schema/openapi.json"))
    assert body["openapi"].startswith("3.1")
    assert {"/", "/map", "/connect", "/update", "/disconnect", "/reconnect", "/flows", "/counts"} <= set(body["paths"])
    assert set(body["paths"]["/connect"]) == {"get", "post", "delete"}
    assert [p["name"] for p in body["paths"]["/flows"]["get"]["parameters"]] == ["pp", "p", "by", "q", "format"]
    refs = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(body))
    assert set(refs) <= set(body["components"]["schemas"])


# --- changing ---

def test_provider_comes_and_goes(hosted):
    kodo = hosted({"screen_level": "debug"})
    body = check_json(kodo.post("/connect", connect_body(PEER, 3, unknown=1)), 201)
    assert list(body) == ["url", "organization", "registry", "feed", "idle", "now", "message"] and body["url"] == OWN
    assert check_json(kodo.get("/counts"))["total"] == 3
    body = check_json(kodo.post("/update", connect_body(PEER, nodes=[node("http://other:1", [flow(7)])])))
    assert body["url"] == OWN and check_json(kodo.get("/counts"))["total"] == 4
    body = check_json(kodo.post("/reconnect", greeting(PEER)))
    assert body["idle"] is False
    body = check_json(kodo.post("/disconnect", {"provider": PEER, "url": ["http://other:1"]}))
    assert body["url"] == OWN and check_json(kodo.get("/counts"))["total"] == 3
    check_json(kodo.post("/disconnect", {"provider": PEER + "/", "url": [PEER]}))
    assert check_json(kodo.get("/counts"))["total"] == 0
    check_error(kodo.post("/disconnect", {"provider": PEER, "url": [PEER]}), 404, "Not Found")
    log = kodo.log()
    assert f"connect from {PEER} with nodes: 1, flows: 3, feed False to organization Tester" in log
    assert f"/disconnect from {PEER}" in log and f"removed provider: {PEER}" in log


def test_feeding_caller_gets_nodes(hosted):
    kodo = hosted({"flows": FLOWS})
    body = check_json(kodo.post("/connect", connect_body(PEER, 2, feed=True, registry=True)), 201)
    assert OWN in [n["url"] for n in body["nodes"]]
    assert "nodes" not in check_json(kodo.post("/connect", connect_body("http://localhost:4391", 2)), 201)


def test_unknown_providers(hosted):
    kodo = hosted({})
    check_error(kodo.post("/update", connect_body("http://x:1")), 404, "Provider http://x:1 not found in the registry.")
    check_error(kodo.post("/disconnect", {"provider": "http://x:1", "url": ["http://x:1"]}), 404, "Not Found")
    check_error(kodo.post("/reconnect", greeting("http://x:1")), 404, "Not Found")


def test_not_a_registry(hosted):
    kodo = hosted({"registry": False, "feed": False, "connect": [PEER]})
    for path in ("/connect", "/update"):
        check_error(kodo.post(path, connect_body("http://x:1")), 404, "Not Found")
        assert len(check_error(kodo.post(path, {}), 400, f"Validation failed for POST {path}")["extra"]) >= 6
    check_error(kodo.post("/disconnect", {"provider": "http://x:1", "url": []}), 404, "Not Found")
    assert check_json(kodo.post("/reconnect", greeting(PEER)))["idle"] is False
    check_error(kodo.post("/reconnect", greeting("http://x:1")), 404, "Not Found")


def test_body_whatever_its_type(hosted):
    kodo = hosted({})
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        assert kodo.post("/connect", connect_body(PEER), CONTENT_TYPE=kind).status == 201
    # a chunked body has no length; its end tells
    assert kodo.post("/connect", connect_body(PEER, 4), length=False, HTTP_TRANSFER_ENCODING="chunked").status == 201
    assert kodo.post("/connect", connect_body(PEER, 4), length=False).status == 201
    assert check_json(kodo.get("/counts"))["total"] == 4


BAD_BODIES = [
    (b"", "Validation failed for POST /connect"), (b" ", None), (b"{nope", None), (b"{", "Input data was truncated"),
    (b'{"url":', "Input data was truncated"), (b"null", None), (b"[]", None), (b'"x"', None), (b"1", None), (b"{}", None),
    (b"nan", None), (b'{"url":"\xff"}', None), (b"\xef\xbb\xbf{}", None), (b'{"url":"\\u0000"}', None), (b'{"url":"\\ud800"}', None),
    (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", None), (b"[" * 100000, None), (b'{"url":1}' + b"x", None), (b"\0", None), (b"\0" * 100, None),
    (b"url=x", None), (b"--x--\r\n", None), (b"<xml/>", None), (b"{'url':'x'}", None), (b'{"url":NaN}', None), (b'{"url":1e999}', None),
    (b'{"url":"x",}', None), (b'{"url":"x" "y":1}', None), (b'{"url":"a\nb"}', None), (b"tru", None), (b"{}{}", None), (b"//c\n{}", None),
]


def good_with(**more):
    return json.dumps(connect_body(PEER) | more).encode()


BAD_FIELDS = [good_with(**more) for more in (
    {"url": 5}, {"url": None}, {"url": ""}, {"url": "ftp://x"}, {"url": "x"}, {"url": OWN}, {"url": "http://" + "a" * 3000}, {"url": []},
    {"registry": "yes"}, {"registry": 1}, {"feed": None}, {"idle": "maybe"}, {"now": "x"}, {"now": None}, {"now": "2026-13-01T00:00:00Z"},
    {"message": "x"}, {"message": [1]}, {"message": None}, {"nodes": None}, {"nodes": {}}, {"nodes": [1]}, {"nodes": [{}]},
    {"nodes": [{"url": "http://a:1"}]}, {"nodes": [{"url": "http://a:1", "flows": [{}]}]}, {"organization": 5},
    {"nodes": [{"url": "http://a:1", "flows": [flow(1, tags="x")]}]}, {"nodes": [{"url": "http://a:1", "flows": [flow(1, name=None)]}]},
    {"nodes": [{"url": "http://a:1", "flows": [], "heartbeat": "x"}]}, {"kodo": 5}, {"kodo": {"versions": []}})]


def test_bad_bodies(hosted):
    kodo = hosted({"flows": FLOWS})
    before = kodo.get("/map").json()["registers"]
    for body, detail in BAD_BODIES + [(body, None) for body in BAD_FIELDS]:
        answer = kodo.post("/connect", body)
        assert 400 <= answer.status < 500, (body[:100], answer)
        value = check_json(answer, answer.status)
        assert value["status_code"] == answer.status and value["detail"], (body[:100], answer)
        if detail:
            assert value["detail"] == detail
    answer = check_json(kodo.post("/connect", b""), 400)
    assert answer["extra"] == [{"message": "'data'", "key": "data", "source": "body"}]
    for path in ("/update", "/disconnect", "/reconnect"):
        for body in (b"", b"{", b"{}", b"[]", b"\xff"):
            assert kodo.post(path, body).status == 400
    assert kodo.get("/map").json()["registers"] == before and kodo.get("/counts").json()["total"] == 5


def test_body_ceiling(hosted):
    kodo = hosted({"body_max_mib": 1})
    mib = 1 << 20
    fitting = json.dumps(connect_body(PEER, 3)).encode()
    assert kodo.post("/connect", fitting + b" " * (mib - len(fitting))).status == 201
    check_error(kodo.post("/connect", fitting + b" " * (mib - len(fitting) + 1)), 413, "Request Entity Too Large")
    check_error(kodo.post("/connect", b"x" * 3 * mib), 413, "Request Entity Too Large")
    check_error(kodo.post("/connect", b"x" * 3 * mib, length=False), 413, "Request Entity Too Large")
    check_error(kodo.post("/flows", b"x" * 3 * mib), 405, "Method Not Allowed")
    check_json(kodo.get("/flows"))


def test_body_that_does_not_come(hosted):
    kodo = hosted({})
    data = json.dumps(connect_body(PEER)).encode()
    check_error(kodo.request("POST", "/connect", body=data[:50], CONTENT_LENGTH=str(len(data))), 400, "Input data was truncated")
    check_error(kodo.request("POST", "/connect", body=data, CONTENT_LENGTH="12x"), 400, "Content-Length is not a number")
    check_error(kodo.request("POST", "/connect", body=data, CONTENT_LENGTH="-1"), 400, "Content-Length is not a number")
    assert check_json(kodo.get("/counts"))["total"] == 0


def test_peers_not_allowed(hosted):
    kodo = hosted({"accept": ["http://good.example.com"]})
    for path, body in (("/connect", connect_body(PEER)), ("/update", connect_body(PEER)), ("/reconnect", greeting(PEER))):
        answer = kodo.post(path, body)
        assert check_json(answer, 403)["detail"]
    assert kodo.post("/connect", connect_body("http://good.example.com:80/x")).status == 201
    assert check_json(kodo.get("/counts"))["total"] == 1


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
        began = time.monotonic()
        assert kodotest.end(kodo.workers[0]) == 0           # an open connection does not keep it
        assert time.monotonic() - began < kodotest.CALM


def test_client_that_hangs_up(responder):
    kodo = responder({"flows": [flow(n, description="x" * 4000) for n in range(500)]})
    for _ in range(20):
        with FastCGI(kodo.path) as connection:
            connection.send(cgi_env("GET", "/flows?pp=1000"))
        with FastCGI(kodo.path) as connection:
            connection.record(kodotest.BEGIN, b"\0\1\0\0\0\0\0\0")
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


def test_memory_of_a_worker_comes_back(responder):
    if SANITIZED:
        pytest.skip("sanitizers keep memory")
    kodo = responder({})

    def private_kib():
        with open(f"/proc/{kodo.workers[0].pid}/smaps_rollup") as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("Private_Dirty"))
    kodo.get("/")
    before = private_kib()
    body = connect_body(PEER, nodes=[node(f"http://n:{n + 1}", [flow(i, description="y" * 3000) for i in range(20)]) for n in range(100)])
    assert len(json.dumps(body)) > 6_000_000
    assert kodo.post("/connect", body).status == 201
    assert kodo.post("/connect", b"[" * 9_000_000).status == 400
    assert len(kodo.get("/connect").body) > 6_000_000
    kodo.get("/")
    assert private_kib() - before < 4096


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
    assert statistics.median(times) < 0.010         # 5 ms on a quiet machine, and Python's own share
