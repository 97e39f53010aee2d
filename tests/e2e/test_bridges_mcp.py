"""GET /v0.1/servers: the registry API of MCP, as its clients read it, and as nobody should."""
import re
import urllib.parse

import pytest
from kodotest import connect_body, flow, greeting, node
from responder import FLOWS, OWN, PEER, check_json

NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")
FAMILY = "io.modelcontextprotocol.registry/"
SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
FAR = "https://agents.example.org"


def page(kodo, target, status=200):
    answer = kodo.get(target)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type"
    return check_json(answer, status)


def walk(kodo, target="/v0.1/servers?limit=2", each=lambda: None):
    """All servers, by way of nextCursor."""
    got, cursor = [], ""
    while cursor is not None:
        body = page(kodo, target + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""))
        assert body["metadata"]["count"] == len(body["servers"])
        got += body["servers"]
        cursor = body["metadata"].get("nextCursor")
        each()
    return got


def quoted(name):
    return urllib.parse.quote(name, safe="")


def status_of(entry):
    return entry["_meta"][f"{FAMILY}official"]["status"]


def check_server(entry, item):
    server, meta = entry["server"], entry["_meta"]
    assert NAME.fullmatch(server["name"]) and 3 <= len(server["name"]) <= 200 and server["$schema"] == SCHEMA
    assert 1 <= len(server["title"]) <= 100 and 1 <= len(server["description"]) <= 100
    assert re.fullmatch(r"0\.0\.\d+", server["version"])
    assert server["title"] == item["name"] and server["websiteUrl"] == item["url"]
    given = server["_meta"][f"{FAMILY}publisher-provided"]
    assert given == {key: item[key] for key in ("organization", "author", "description", "tags")}
    assert meta["x--1.localhost/item"] == item
    official = meta[f"{FAMILY}official"]
    assert set(official) == {"status", "publishedAt", "updatedAt", "isLatest"} and official["status"] == "active"
    assert official["publishedAt"] <= official["updatedAt"]


def test_servers_are_the_flows(hosted):
    kodo = hosted({"flows": FLOWS, "organization": "Here"})
    items = check_json(kodo.get("/flows?pp=100"))["items"]
    got = walk(kodo)
    assert len(got) == len({e["server"]["name"] for e in got}) == len(items)
    for entry, item in zip(got, items):
        check_server(entry, item)
    assert page(kodo, "/v0.1/servers")["servers"] == page(kodo, "/v0.1/servers?version=latest&limit=100")["servers"] == got
    assert page(kodo, f"/v0.1/servers?version={got[0]['server']['version']}")["servers"] == got        # one node, one version
    assert page(kodo, "/v0.1/servers?version=1.0.0")["servers"] == []


def test_one_server(hosted):
    kodo = hosted({"flows": FLOWS})
    assert kodo.post("/connect", connect_body(FAR, nodes=[node(FAR, [flow(1, url="/travel/planner")]), node(f"{FAR}:81/x", [flow(2)])])).status == 201
    got = {e["server"]["websiteUrl"]: e for e in walk(kodo)}
    assert got[f"{FAR}/flows/travel/planner"]["server"]["name"] == "org.example.agents/travel.planner"
    for entry in got.values():
        name, version = entry["server"]["name"], entry["server"]["version"]
        for written in (name, quoted(name)):
            assert page(kodo, f"/v0.1/servers/{written}/versions/latest") == entry
            assert page(kodo, f"/v0.1/servers/{written}/versions/{version}") == entry
            assert page(kodo, f"/v0.1/servers/{written}/versions")["servers"] == [entry]
        assert page(kodo, f"/v0.1/servers?search={quoted(name)}")["servers"] == [entry]
    name = quoted(got[f"{FAR}/flows/travel/planner"]["server"]["name"])
    for path in (f"{name}/versions/1.0.0", name, f"{name}/version", f"{name}/versions/latest/x", f"{name}x/versions", "a/versions", "versions", "%ff/%fe/versions",
                 "a%2Fb%2Fc/versions", quoted(name) + "/versions", "%00/versions", "%/versions", "x" * 2000 + "/y/versions", "a//b/versions"):
        answer = kodo.get(f"/v0.1/servers/{path}")
        assert answer.status in (400, 404), (path, answer)
        assert list(answer.json()) == ["error"], (path, answer)


def test_remotes_only_where_it_speaks_the_protocol(hosted):
    entry = "https://agents.example.org/mcp"
    kodo = hosted({"flows": [flow(1, tags=["mcp"], entry=entry), flow(2, tags=["mcp"]), flow(3, entry=entry), flow(4, tags=["x", "mcp-sse"], entry=entry),
                             flow(5, tags=["MCP", "mcp2"], entry=entry)]})
    got = [e["server"].get("remotes") for e in walk(kodo)]
    assert got == [[{"type": "streamable-http", "url": entry}], None, None, [{"type": "sse", "url": entry}], None]


def test_long_and_odd_texts(hosted):
    odd = "\"<é>\\\u0001🚀 " * 200
    kodo = hosted({"flows": [flow(1, name="ü" * 100, description="ü" * 101), flow(2, name="n" * 101, description=None), flow(3, description=odd)]})
    one, two, three = (e["server"] for e in walk(kodo))
    by_name = {s["websiteUrl"][-1]: s for s in (one, two, three)}
    assert by_name["1"]["title"] == "ü" * 100 and by_name["1"]["description"] == "ü" * 99 + "…"
    assert by_name["2"]["title"] == by_name["2"]["description"] == "n" * 99 + "…"
    assert by_name["3"]["description"] == odd[:99] + "…"
    assert by_name["3"]["_meta"][f"{FAMILY}publisher-provided"]["description"] == odd


def test_search(hosted):
    kodo = hosted({"flows": [flow(1, name="Budget report", description="x"), flow(2, name="Other", description="a report of the budget"), flow(3, name="Weather")]})
    assert [e["server"]["title"] for e in walk(kodo, "/v0.1/servers?search=report+budget&limit=1")] == ["Budget report", "Other"]
    assert page(kodo, "/v0.1/servers?search=quetzalcoatl")["servers"] == []
    assert len(page(kodo, "/v0.1/servers?search=")["servers"]) == 3
    many = page(kodo, "/v0.1/servers?search=" + "+".join(f"w{n}" for n in range(40)), 400)
    assert list(many) == ["error"] and "words" in many["error"]


def test_cursor_is_stable(responder):
    kodo = responder({"flows": []})
    names = [f"f{n:02}" for n in range(20)]

    def say(some):
        assert kodo.post("/update", connect_body(PEER, nodes=[node(f"{PEER}/{n}", [flow(0, name=n)]) for n in some])).status == 200
    assert kodo.post("/connect", connect_body(PEER, nodes=[])).status == 201
    say(names)
    gone = iter(names[:9])

    def change():
        kodo.post("/disconnect", {"provider": PEER, "url": [f"{PEER}/{next(gone)}"]})
        say([f"a{next(extra)}"])
    extra = iter(range(100))
    got = [e["server"]["title"] for e in walk(kodo, "/v0.1/servers?limit=3", change)]
    assert len(got) == len(set(got)) and set(names[9:]) <= set(got)


def test_what_is_new_and_what_is_gone(responder):
    kodo = responder({"flows": [], "trust": "open"})
    assert kodo.post("/connect", connect_body(PEER, nodes=[node(f"{PEER}/{n}", [flow(n)]) for n in range(5)])).status == 201
    first = walk(kodo)
    since = max(e["_meta"][f"{FAMILY}official"]["updatedAt"] for e in first)
    assert kodo.post("/update", connect_body(PEER, nodes=[node(f"{PEER}/3", [flow(3, description="new")])])).status == 200
    assert kodo.post("/disconnect", {"provider": PEER, "url": [f"{PEER}/{n}" for n in (0, 1, 2)]}).status == 200
    got = walk(kodo, f"/v0.1/servers?updated_since={quoted(since)}&limit=1")
    # what was taken in at that very moment is told again
    alive, gone = [e for e in got if status_of(e) == "active"], [e for e in got if status_of(e) == "deleted"]
    assert "new" in [e["server"]["description"] for e in alive]
    assert sorted(e["_meta"]["x--1.localhost/node"]["url"] for e in gone) == [f"{PEER}/{n}" for n in (0, 1, 2)]
    assert all(NAME.fullmatch(e["server"]["name"]) and e["server"]["name"] not in [f["server"]["name"] for f in first] for e in gone)
    assert walk(kodo, "/v0.1/servers?include_deleted=true&limit=2")[2:] == gone and len(walk(kodo)) == 2
    assert [status_of(e) for e in walk(kodo, f"/v0.1/servers?updated_since={quoted(since)}&include_deleted=false")] == ["active"] * len(alive)
    assert walk(kodo, "/v0.1/servers?updated_since=2999-01-01T00:00:00Z") == []
    # nor is told of what would not be shown
    for do, pattern, left in (("hide", f"url:{PEER}/1", [0, 2]), ("deny", f"url:{PEER}/0", [2]), ("hide", f"url:{PEER}", []), ("allow", f"url:{PEER}/0", []),
                              ("allow", f"url:{PEER}/0", [0]), ("allow", f"url:{PEER}", [0, 2]), ("allow", f"url:{PEER}/1", [0, 1, 2])):
        assert kodo.post(f"/moderation?do={do}&pattern={pattern}", "").status == 200
        got = walk(kodo, "/v0.1/servers?include_deleted=true&limit=1")
        assert sorted(e["_meta"]["x--1.localhost/node"]["url"] for e in got if status_of(e) == "deleted") == [f"{PEER}/{n}" for n in left], (do, pattern)
    # who comes back is gone no more
    assert kodo.post("/update", connect_body(PEER, nodes=[node(f"{PEER}/1", [flow(1)])])).status == 200
    assert sorted(e["_meta"]["x--1.localhost/node"]["url"] for e in walk(kodo, "/v0.1/servers?include_deleted=true") if status_of(e) == "deleted") == [f"{PEER}/0", f"{PEER}/2"]


@pytest.mark.parametrize("query", [
    "limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "limit=1e2", "limit=99999999999999999999999", "cursor=x", "cursor=~", "cursor=~1", "cursor=%ff", "cursor=" + "A" * 4000,
    "include_deleted=true&cursor=~99999999999", "include_deleted=true&cursor=~1x", "include_deleted=true&cursor=~0", "updated_since=yesterday", "updated_since=2026-13-01",
    "include_deleted=1", "search=%ff", "search=%00", "version=%ff", "search=" + "x" * 300])
def test_bad_questions(hosted, query):
    body = page(hosted({"flows": FLOWS}), f"/v0.1/servers?{query}", 400)
    assert list(body) == ["error"] and body["error"]


@pytest.mark.parametrize("target, status", [("?cursor=x", 400), ("?cursor=%ff", 400), ("?cursor=~x&include_deleted=true", 400), ("?limit=0", 400), ("?updated_since=x", 400),
                                            ("/none%2Fx/versions", 404), ("/x/versions", 404), ("", 304)])
def test_nobody_has_a_version_of_what_is_refused(hosted, target, status):
    kodo = hosted({"flows": FLOWS})
    assert kodo.request("GET", f"/v0.1/servers{target}", {"If-None-Match": "*"}).status == status
    name = walk(kodo)[0]["server"]["name"]
    assert kodo.request("GET", f"/v0.1/servers/{name}/versions/9.9.9", {"If-None-Match": "*"}).status == 404
    assert kodo.request("GET", f"/v0.1/servers/{name}/versions/latest", {"If-None-Match": "*"}).status == 304


def test_methods(hosted):
    kodo = hosted({"flows": FLOWS})
    name = walk(kodo)[0]["server"]["name"]
    for target in ("/v0.1/servers", f"/v0.1/servers/{name}/versions"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = kodo.request(method, target, body=b"{}")
            assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD, OPTIONS" and answer.json() == {"error": "Method Not Allowed"}
        head, get = kodo.request("HEAD", target), kodo.get(target)
        assert head.status == 200 and head.body == b"" and head.headers["content-length"] == get.headers["content-length"]
        asked = kodo.request("OPTIONS", target, {"Origin": "https://elsewhere.org", "Access-Control-Request-Method": "GET",
                                                 "Access-Control-Request-Headers": "authorization"})
        assert asked.status == 204 and asked.headers["access-control-allow-headers"] == "Authorization, Content-Type"
        assert asked.headers["access-control-allow-origin"] == "*"
        again = kodo.request("GET", target, {"If-None-Match": get.headers["etag"]})
        assert again.status == 304 and again.body == b""
    assert kodo.post("/v0.1/publish", {}).status == 404
    assert kodo.post("/connect", greeting(PEER, nodes=[node(PEER, [flow(1)])])).status == 201
    assert kodo.request("GET", "/v0.1/servers", {"If-None-Match": get.headers["etag"]}).status == 200


def test_under_a_path(hosted):
    kodo = hosted({"url": f"{OWN}/reg", "flows": FLOWS})
    got = page(kodo, "/reg/v0.1/servers")["servers"]
    assert page(kodo, f"/reg/v0.1/servers/{quoted(got[0]['server']['name'])}/versions/latest") == got[0]
    assert got[0]["server"]["websiteUrl"].startswith(f"{OWN}/reg/flows/")


def test_switched_off(hosted):
    kodo = hosted({"flows": FLOWS, "bridges": ["ard", "llms"]})
    for method in ("GET", "OPTIONS", "POST"):
        answer = kodo.request(method, "/v0.1/servers")
        assert answer.status == 404, answer
    assert not [p for p in kodo.get("/docs/openapi.json").json()["paths"] if p.startswith("/v0.1")]
    assert "/v0.1/servers" in hosted({"flows": FLOWS}).get("/docs/openapi.json").json()["paths"]



def test_reading_needs_the_role_of_flows(hosted):
    kodo = hosted({"flows": FLOWS, "auth_remote_user": True})
    for target in ("/v0.1/servers", "/v0.1/servers/a/b/versions"):
        answer = kodo.get(target)
        assert answer.status == 401 and list(answer.json()) == ["error"] and "access-control-allow-origin" not in answer.headers
        assert kodo.get("/flows").status == 401 and answer.headers["www-authenticate"] == "Bearer"


def test_rates_are_those_of_flows(hosted):
    kodo = hosted({"flows": FLOWS, "rate_client": 3})
    answers = [kodo.get(path, REMOTE_ADDR="8.8.8.8") for path in ("/flows", "/v0.1/servers", "/ard/agents", "/v0.1/servers", "/v0.1/servers/a/b/versions")]
    assert [a.status for a in answers] == [200, 200, 200, 429, 429] and 1 <= int(answers[3].headers["retry-after"]) <= 61
    assert answers[3].json() == answers[4].json() == {"error": "Too many requests: at most 3 a minute"}
    limited = kodo.post("/ard/search", {"query": {"text": "x"}}, REMOTE_ADDR="8.8.8.8")
    assert limited.status == 429 and limited.json()["errorCode"] == "RATE_LIMIT_EXCEEDED"
