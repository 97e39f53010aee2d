"""The responder alone, without a web server: every endpoint by FastCGI and by plain CGI."""
import json
import os
import re

import pytest

from kodotest import connect_body, flow, greeting, node
from responder import FLOWS, OWN, PEER, check_error, check_json


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
    check_error(kodo.get("/flows", REQUEST_URI="/nosuch"), 404, "Not Found")
    answer = kodo.get("/flows", headers={"accept": "text/html"}, REQUEST_URI="/nosuch")
    assert answer.status == 404 and "There is nothing here" in answer.text()


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
        assert "default-src 'self';" in answer.headers["content-security-policy"]
    for target, accept in (("/flows?format=json", "text/html"), ("/flows", "TEXT/HTML"), ("/flows", "*/*")):
        check_json(kodo.get(target, headers={"accept": accept}))
    page = kodo.get("/flows?format=html&q=nosuchword&by=name").text()
    assert "searched as text" in page and "fulltext" not in page and "0 of 2 flows" in page
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


# --- browsers ---

# all requests that change something: (method, path, body)
CHANGING = [("POST", "/connect", connect_body(PEER)), ("POST", "/update", connect_body(PEER, 2)), ("POST", "/reconnect", greeting(PEER)),
            ("POST", "/disconnect", {"provider": PEER, "url": [PEER]}), ("DELETE", "/connect", None)]


@pytest.mark.parametrize("headers", [
    {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://localhost:4322"}, {"origin": "https://localhost:4321"},
    {"origin": "http://evil.example:4321", "host": "evil.example:4321"}, {"origin": "x" * 3000}, {"sec-fetch-site": "cross-site"},
    {"origin": OWN, "sec-fetch-site": "cross-site"}])
def test_pages_of_other_sites_change_nothing(hosted, headers):
    kodo = hosted({"flows": FLOWS})
    for method, path, body in CHANGING:
        check_error(kodo.request(method, path, headers=headers, body=body), 403, "A page of another site may change nothing here")
        assert check_json(kodo.get("/flows", headers=headers))["total"] == 5
    assert check_json(kodo.get("/map"))["providers"] == []


@pytest.mark.parametrize("headers", [{}, {"origin": OWN}, {"origin": OWN.upper().replace("HTTP", "http")}, {"sec-fetch-site": "same-origin"},
                                     {"sec-fetch-site": "none"}, {"origin": ""}])
def test_programs_and_own_pages_may_change(hosted, headers):
    kodo = hosted({"flows": FLOWS})
    answers = [kodo.request(method, path, headers=headers, body=body).status for method, path, body in CHANGING]
    assert answers == [201, 200, 200, 200, 204]


# --- the admin ---

def key_of(kodo):
    kodo.get("/")
    with open(os.path.join(kodo.state_path(), "key"), encoding="ascii") as f:
        return f.read().strip()


LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


@pytest.mark.parametrize("url", [OWN, "https://kodo.example.org"])
@pytest.mark.parametrize("headers, variables", [
    ({}, {"REMOTE_ADDR": "192.0.2.1"}), ({}, {"REMOTE_ADDR": None}), ({}, {"REMOTE_ADDR": "::ffff:192.0.2.1"}), ({}, {"REMOTE_ADDR": "1270.0.1"}),
    ({"x-forwarded-for": "192.0.2.1"}, LOCAL), ({"forwarded": "for=192.0.2.1"}, LOCAL), ({"via": "1.1 x"}, LOCAL), ({"x-real-ip": "192.0.2.1"}, LOCAL),
    ({"authorization": "Bearer " + "0" * 32}, LOCAL), ({"authorization": "Bearer "}, LOCAL)])
def test_leaving_is_for_the_admin(hosted, url, headers, variables):
    kodo = hosted({"url": url})
    key = key_of(kodo)
    check_error(kodo.request("DELETE", "/connect", headers=headers, **variables), 403, "Forbidden")
    check_error(kodo.request("DELETE", "/connect?key=" + key[:-1], headers=headers, **variables), 403, "Forbidden")
    check_error(kodo.request("DELETE", "/connect?key=", **variables), 403, "Forbidden")
    assert kodo.request("DELETE", f"/connect?key={key}", **variables).status == 204
    assert kodo.request("DELETE", "/connect", headers={**headers, "authorization": f"bearer {key}"}, **variables).status == 204
    assert key not in kodo.log()


@pytest.mark.parametrize("url, status", [(OWN, 204), ("http://127.0.0.1:4321", 204), ("https://kodo.example.org", 403), ("http://10.1.2.3:4321", 403)])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_the_own_machine_may_leave(hosted, url, status, address):
    kodo = hosted({"url": url})
    assert kodo.request("DELETE", "/connect", REMOTE_ADDR=address).status == status
    check_error(kodo.get("/check", REMOTE_ADDR=address), 403, "Forbidden")


@pytest.mark.parametrize("headers", [{}, {"x-forwarded-for": "127.0.0.1"}, {"x-forwarded-for": "::1, 127.0.0.1"}])
def test_a_named_proxy_is_not_the_own_machine(hosted, headers):
    kodo = hosted({"url": OWN, "proxies": ["127.0.0.1", "10.0.0.0/8"]})
    check_error(kodo.request("DELETE", "/connect", headers=headers, **LOCAL), 403, "Forbidden")
    assert kodo.request("DELETE", "/connect", REMOTE_ADDR="127.0.0.2").status == 204


def test_the_key_is_no_referrer(hosted):
    kodo = hosted({"flows": FLOWS})
    page = kodo.get(f"/check?key={key_of(kodo)}", headers={"accept": "text/html"})
    assert page.headers["referrer-policy"] == "no-referrer"
    assert kodo.get("/flows", headers={"accept": "text/html"}).headers["referrer-policy"] == "same-origin"


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
        for given in ("*", tag[:-1] + '-gzip"', '"y", ' + tag[2:-1] + '-br"', tag[:-1] + ';gzip"'):
            answer = kodo.request("HEAD", target, headers={"if-none-match": given})
            assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag), given
        for given in ('"x"', '"*"', tag.strip('W/"'), tag[:-1], "", tag[:-1] + '0"', '"-gzip"'):
            assert kodo.get(target, headers={"if-none-match": given}).status == 200, given
    assert len(set(tags.values())) >= 5
    assert kodo.get("/flows", headers={"accept": "text/html"}).headers["etag"] != tags["/flows"]
    assert kodo.post("/connect", connect_body(PEER)).status == 201
    for target, tag in tags.items():
        answer = kodo.get(target, headers={"if-none-match": tag})
        assert answer.status == 200 and answer.headers["etag"] != tag, target


def test_etag_of_a_page_follows_its_template(hosted, place):
    template = os.path.join(place, "flows.html")
    kodo = hosted({"flows": FLOWS}, env={"KODO_WWW": place})
    tags, texts = [], []
    for text in ("<p>{{total}}</p>", "<b>{{total}}</b> {{#item}}{{name}},{{/item}}"):
        with open(template + ".new", "w") as f:
            f.write(text)
        os.replace(template + ".new", template)
        answer = kodo.get("/flows?format=html")
        tags.append(answer.headers["etag"])
        texts.append(answer.text())
    assert tags[0] != tags[1] and texts == ["<p>5</p>", "<b>5</b> Flow 0,Flow 1,Flow 2,Flow 3,Flow 4,"]


def test_schema(hosted):
    kodo = hosted({})
    body = check_json(kodo.get("/docs/openapi.json"))
    assert body == check_json(kodo.get("/schema/openapi.json"))
    assert body["openapi"].startswith("3.1")
    assert {"/", "/map", "/connect", "/update", "/disconnect", "/reconnect", "/flows", "/counts"} <= set(body["paths"])
    assert set(body["paths"]["/connect"]) == {"get", "post", "delete"}
    assert [p["name"] for p in body["paths"]["/flows"]["get"]["parameters"]] == ["pp", "p", "by", "q", "words", "format", "explain", "key",
                                                                                       "after", "organization", "tag", "alive", "fields", "state", "registry", "facets"]
    refs = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(body))
    assert set(refs) <= set(body["components"]["schemas"])
    # who may call what, and how it is refused
    schemes = body["components"]["securitySchemes"]
    assert {name: (one["type"], one.get("scheme", one.get("name"))) for name, one in schemes.items()} == {
        "token": ("http", "bearer"), "adminBearer": ("http", "bearer"), "adminKey": ("apiKey", "key"), "signature": ("apiKey", "Signature")}
    rows = {(path, method): ([name for way in one.get("security", []) for name in way or [""]], set(one["responses"]))
            for path, methods in body["paths"].items() for method, one in methods.items()}
    assert rows["/flows", "get"][0] == ["", "signature", "token"] and {"401", "403", "429"} <= rows["/flows", "get"][1]
    assert rows["/connect", "post"][0] == ["", "signature"] and {"403", "421", "429", "507"} <= rows["/connect", "post"][1]
    assert rows["/connect", "delete"][0] == ["", "adminBearer", "adminKey"] and rows["/check", "get"][0] == ["adminBearer", "adminKey"]
    assert rows["/", "get"][0] == [] and not rows["/", "get"][1] & {"401", "403", "507"} and "507" not in rows["/update", "post"][1]
    assert {name for ways, _ in rows.values() for name in ways} == {"", *schemes}


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
    # a chunked body has no length, but an end
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
    # whole as JSON, and yet not what was announced
    check_error(kodo.request("POST", "/connect", body=data, CONTENT_LENGTH=str(len(data) + 9)), 400, "Input data was truncated")
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
