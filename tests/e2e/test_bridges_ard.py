"""Agentic Resource Discovery: manifests, agents, search, explore; as crawlers read them, and as nobody should."""
import json
import os
import re
import subprocess
import urllib.parse

import kodotest
import meshtest
import pytest
from kodotest import connect_body, flow, node
from responder import FLOWS, OWN, PEER, check_json

URN = re.compile(r"urn:air:([a-zA-Z0-9.-]+)(?::([a-zA-Z0-9._:-]+))?:([a-zA-Z0-9._-]+)")
FLOW, CARD, SERVER = "application/vnd.kodo.flow+json", "application/a2a-agent-card+json", "application/mcp-server-card+json"
FAR = "https://agents.example.org"
ENTRY = {"identifier", "displayName", "type", "description", "tags", "representativeQueries", "version", "updatedAt", "metadata"}


def check_entry(entry, item, more=()):
    assert URN.fullmatch(entry["identifier"]) and set(entry) - {"url", "data", "capabilities"} == ENTRY | set(more)
    assert (entry["displayName"], entry["description"], entry["tags"]) == (item["name"], item["description"], item["tags"])
    assert 2 <= len(entry["representativeQueries"]) <= 5 and entry["version"].isdigit()
    assert all(isinstance(v, (str, type(None))) for v in entry["metadata"].values())
    assert ("url" in entry) != ("data" in entry)
    if entry["type"] == FLOW:
        assert entry["data"] == item
    else:
        assert entry["url"] == item["url"] + {CARD: "/agent-card.json", SERVER: "/server-card"}[entry["type"]]


def items_of(kodo):
    return {item["url"]: item for item in check_json(kodo.get("/flows?pp=1000"))["items"]}


def ask(kodo, body, status=200, target="/ard/search"):
    return check_json(kodo.post(target, body), status)


def refused(answer, status, code):
    body = check_json(answer, status)
    assert list(body) == ["errorCode", "message"] and body["errorCode"] == code and body["message"], body


def test_manifest(hosted):
    kodo = hosted({"flows": FLOWS + [flow(7, tags=["a2a"]), flow(8, tags=["mcp", "cap:weather"])], "organization": "Here"})
    kodo.post("/connect", connect_body(FAR, nodes=[node(FAR, [flow(3)])]))
    body = check_json(kodo.get("/.well-known/ard.json"))
    assert body == check_json(kodo.get("/.well-known/ai-catalog.json"))
    assert body["specVersion"] == "1.0" and body["host"] == {"displayName": "Here", "identifier": "localhost"}
    registry, *entries = body["entries"]
    assert (registry["identifier"], registry["type"], registry["url"]) == ("urn:air:localhost:registry:kodo", "application/ai-registry+json", f"{OWN}/ard/")
    assert len(registry["representativeQueries"]) == 2
    items = items_of(kodo)
    own = [url for url in items if url.startswith(OWN)]
    assert sorted(e["displayName"] for e in entries) == sorted(items[url]["name"] for url in own)
    for entry in entries:
        check_entry(entry, next(i for i in items.values() if i["name"] == entry["displayName"] and i["url"].startswith(OWN)))
    assert [e["type"] for e in entries] == [FLOW] * 5 + [CARD, SERVER] and entries[-1]["capabilities"] == ["weather"]
    catalog = check_json(kodo.get("/.well-known/mcp/catalog.json"))
    assert catalog["entries"] == entries[-1:]


def test_pages_and_robots_lead_to_it(hosted):
    kodo = hosted({"url": f"{OWN}/reg", "flows": FLOWS})
    assert f"Agentmap: {OWN}/reg/.well-known/ard.json\n" in kodo.get("/reg/robots.txt").text()
    page = kodo.request("GET", "/reg/", {"Accept": "text/html"}).text()
    for rel, name in (("ard", "ard"), ("ai-catalog", "ai-catalog")):
        href = re.search(f'<link rel="{rel}"[^>]*href="([^"]*)"', page)[1]
        assert href == f"/reg/.well-known/{name}.json" and check_json(kodo.get(href))["specVersion"] == "1.0"


def test_agents(hosted):
    kodo = hosted({"flows": FLOWS + [flow(8, tags=["mcp"])]})
    kodo.post("/connect", connect_body(FAR, nodes=[node(FAR, [flow(n) for n in range(10, 15)])]))
    items, got, token = items_of(kodo), [], ""
    while token is not None:
        body = check_json(kodo.get(f"/ard/agents?pageSize=4&pageToken={token}"))
        assert body["total"] == 11 and "entries" not in body
        got += body["items"]
        token = body.get("pageToken")
    assert len({e["identifier"] for e in got}) == 11
    for entry, item in zip(got, sorted(items.values(), key=lambda i: (i["name"], i["url"]))):
        check_entry(entry, item)
        for written in (entry["identifier"], urllib.parse.quote(entry["identifier"], safe="")):
            assert check_json(kodo.get(f"/ard/agents/{written}")) == entry

    def names(query):
        return [e["displayName"] for e in check_json(kodo.get(f"/ard/agents?pageSize=100&{query}"))["items"]]
    quote = urllib.parse.quote
    assert names(f"filter=type={quote(SERVER)}") == ["Flow 8"]
    assert names(f"filter=type={quote(SERVER)},{quote(CARD)}") == ["Flow 8"] and len(names(f"filter=type={quote(FLOW)}")) == 10
    assert len(names("filter=publisherId=agents.example.org")) == 5 and names("filter=publisherId=example.org") == []
    assert names("filter=" + quote('publisherId=agents.example.org AND displayName="flow 12"')) == ["Flow 12"]
    assert names("filter=tags=n1,n2") == ["Flow 1", "Flow 2"] and names("filter=type=x") == []
    assert names("filter=updatedAfter=2999-01-01") == [] and len(names("filter=updatedAfter=2020-01-01")) == 11
    assert names("orderBy=name%20DESC") == sorted(names("orderBy=name"), reverse=True)
    times = [e["updatedAt"] for e in check_json(kodo.get("/ard/agents?orderBy=updatedAt%20DESC"))["items"]]
    assert times == sorted(times, reverse=True) and len(times) == 11


def test_lookup_of_what_is_none(hosted):
    kodo = hosted({"flows": FLOWS})
    refused(kodo.get("/ard/agents/urn:air:example.org:flow:nothing"), 404, "NOT_FOUND")
    refused(kodo.get("/ard/agents/urn:air:localhost:flow:4321.flow-1-00000000"), 404, "NOT_FOUND")
    for bad in ("x", "urn:air:", "urn:air:a:b", "%ff", "urn:air:a:flow:b%00", "urn:air:a:flow:b/c", "urn%3Aair%3Aa%3Aflow%3A%25", "y" * 1500):
        answer = kodo.get(f"/ard/agents/{bad}")
        refused(answer, 400, "INVALID_ARGUMENT")


def test_search(hosted):
    kodo = hosted({"flows": [flow(1, name="Travel planner", description="Books flights and trains", tags=["travel"]),
                             flow(2, name="Weather", description="for who plans to travel", tags=["sky", "cap:forecast"]),
                             flow(3, name="Invoices", description="reads bills", tags=["mcp"], author="Zoë \"Z\" \\ x")], "organization": "Here"})
    body = ask(kodo, {"query": {"text": "I want an agent that can plan my travel, please!", "@context": "x"}})
    assert [r["displayName"] for r in body["results"]] == ["Travel planner", "Weather"] and "referrals" not in body and "pageToken" not in body
    items = {i["name"]: i for i in items_of(kodo).values()}
    for result in body["results"]:
        check_entry(result, items[result["displayName"]], ("score", "source"))
        assert isinstance(result["score"], int) and result["source"] == f"{OWN}/ard/"
    # agent, plan, travel: 0 + 3 + 3 and 0 + 1 + 1 of 9
    assert [r["score"] for r in body["results"]] == [66, 22]
    assert [r["score"] for r in ask(kodo, {"query": {"text": "weather"}})["results"]] == [100]
    assert ask(kodo, {"query": {"text": "ights"}})["results"] == []
    assert [r["displayName"] for r in ask(kodo, {"query": {"text": "the"}})["results"]] == []
    assert [r["displayName"] for r in ask(kodo, {"query": {"text": "tag:sky \"travel -planner"}})["results"]] == ["Travel planner", "Weather"]
    one = {"query": {"text": "travel flights weather bills"}, "pageSize": 1}
    got, token = [], None
    while True:
        page = ask(kodo, {**one, **({"pageToken": token} if token else {})})
        got += [r["displayName"] for r in page["results"]]
        token = page.get("pageToken")
        if token is None:
            break
    assert sorted(got) == ["Invoices", "Travel planner", "Weather"]
    found = ask(kodo, {"query": {"text": "travel"}, "federation": "referrals"})
    assert found["referrals"] == []

    def names(**filter):
        return [r["displayName"] for r in ask(kodo, {"query": {"text": "travel bills", "filter": {k.replace("_", "."): v for k, v in filter.items()}}})["results"]]
    assert names(tags=["sky", "mcp"]) == ["Invoices", "Weather"] and names(tags="sky") == ["Weather"] and names(tags=[]) == []
    assert names(tags=["sky"], type=[FLOW]) == ["Weather"] and names(type=[SERVER]) == ["Invoices"] and names(tags=["sky"], type=[SERVER]) == []
    assert names(publisher=["localhost"]) == ["Travel planner", "Invoices", "Weather"] == names(publisher=["LOCALHOST"])
    assert names(capabilities=["forecast"]) == ["Weather"] and names(metadata_organization=["Here"]) == names() == names(publisher=["localhost"])
    assert names(metadata_author=["Zoë \"Z\" \\ x"]) == ["Invoices"] and names(metadata_author=["\" or name ~ \""]) == []
    # what is no host is that of nobody
    assert [names(publisher=[wrong]) for wrong in ("", "local", "ocalhost", ".*", "localhost/", "\\", "a\nb", "[::1]", "l\u00f6calhost")] == [[]] * 9
    assert names(metadata_author=["a\nb"]) == names(tags=["a\nb", "\\n"]) == []


def test_publishers_are_those_explored(hosted):
    kodo = hosted({"flows": FLOWS})
    kodo.post("/connect", connect_body("https://Agents.Example.org", nodes=[node("https://Agents.Example.org:444", [flow(n) for n in range(3)])]))
    kodo.post("/connect", connect_body("https://agentsxexample.org", nodes=[node("https://agentsxexample.org", [flow(4)])]))
    body = ask(kodo, {"resultType": {"facets": [{"field": "publisher"}]}}, target="/ard/explore")
    for bucket in body["facets"]["publisher"]["buckets"]:
        assert check_json(kodo.get(f"/ard/agents?filter=publisherId%3D{bucket['value']}"))["total"] == bucket["count"], bucket


def test_explore(hosted):
    kodo = hosted({"flows": FLOWS + [flow(8, tags=["mcp", "all"])]})
    kodo.post("/connect", connect_body(FAR, nodes=[node(FAR, [flow(n) for n in range(3)])]))
    body = ask(kodo, {"resultType": {"facets": [{"field": "tags", "limit": 2}, {"field": "type"}, {"field": "publisher", "minCount": 4}]}}, target="/ard/explore")
    assert body["resultType"] == "facets"
    assert body["facets"] == {
        "tags": {"buckets": [{"value": "all", "count": 9}, {"value": "n0", "count": 2}], "otherCount": 7},
        "type": {"buckets": [{"value": FLOW, "count": 8}, {"value": SERVER, "count": 1}], "otherCount": 0},
        "publisher": {"buckets": [{"value": "localhost", "count": 6}], "otherCount": 3}}
    body = ask(kodo, {"query": {"text": "number 1"}, "resultType": {"facets": [{"field": "tags"}]}}, target="/ard/explore")
    assert body["facets"]["tags"]["buckets"][0] == {"value": "all", "count": 9}
    body = ask(kodo, {"query": {"filter": {"tags": ["n1"]}}, "resultType": {"facets": [{"field": "publisher"}]}}, target="/ard/explore")
    assert body["facets"]["publisher"]["buckets"] == [{"value": "agents.example.org", "count": 1}, {"value": "localhost", "count": 1}]


ASKED = ["how do I get there", "which train is the first"]


def test_own_queries(folders):
    """What people ask, as its owner wrote it: in items that ask for it, for ARD, and at the registry that it travels to."""
    registry = kodotest.Service(folders(), {}).start()
    owner = kodotest.Service(folders(), {"connect": [registry.url], "flows": [kodotest.flow(1, queries=ASKED), kodotest.flow(2)]}).start()
    try:
        for kodo in (owner, registry):
            kodotest.wait_until(lambda kodo=kodo: kodo.total() == 2, 20, "connected")
            plain, asked = kodo.get("/flows").json()["items"], kodo.get("/flows?fields=queries").json()["items"]
            assert "queries" not in plain[0] and [item["queries"] for item in asked] == [ASKED, []]
            entries = {entry["displayName"]: entry["representativeQueries"] for entry in kodo.get("/ard/agents").json()["items"]}
            assert entries == {"Flow 1": ASKED, "Flow 2": ["Flow 2", "what number 2 does"]}
            assert [flow.get("queries") for flow in kodo.get("/connect").json()["nodes"][0]["flows"]] == [ASKED, None]
            assert kodo.get(f"/flow?format=json&url={owner.url}/flows/flow-1").json()["queries"] == ASKED
        owner.write_loader(flows=[kodotest.flow(1, queries=ASKED[::-1]), kodotest.flow(2)])
        kodotest.wait_until(lambda: registry.get("/flows?fields=queries").json()["items"][0]["queries"] == ASKED[::-1], 20, "changed")
    finally:
        owner.kill()
        registry.kill()


@pytest.mark.parametrize("wrong, words", [(["one"], "queries of a flow are 2 at least"), (["a"] * 6, "over 5 queries of a flow"), (["a", "b" * 513], "a query of a flow is over 512 bytes"),
                                          ("a, b", "queries of a flow: expected a list of texts"), (["a", ""], "a query of a flow is empty")])
def test_bad_queries(folders, wrong, words):
    place = folders()
    with open(os.path.join(place, "x.yaml"), "w", encoding="utf-8") as f:
        f.write(kodotest.yaml_of({"url": OWN, "flows": [kodotest.flow(1, queries=wrong)]}))
    done = subprocess.run([kodotest.KODO, "check", "x.yaml"], cwd=place, capture_output=True, text=True, timeout=60, check=False)
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize("wrong", ["a", ["a"], ["a"] * 6, ["a", 3], ["a", ""], ["a", "b" * 513], {}, None])
def test_queries_that_are_none_are_dropped(hosted, wrong):
    kodo = hosted({"flows": FLOWS[:1]})
    body = kodotest.greeting("http://127.0.0.1:9", nodes=[kodotest.node("http://127.0.0.1:9", [kodotest.flow(77, queries=wrong)])])
    assert kodo.post("/connect", body).status == 201
    item = next(item for item in kodo.get("/flows?fields=queries&pp=100").json()["items"] if item["name"] == "Flow 77")
    assert item["queries"] == []


def test_repeated_tags_count_once(hosted):
    kodo = hosted({"flows": []})
    kodo.post("/connect", connect_body(FAR, nodes=[node(FAR, [flow(1, tags=["x", "y", "x"]), flow(2, tags=["x"])])]))
    body = ask(kodo, {"resultType": {"facets": [{"field": "tags"}]}}, target="/ard/explore")
    assert body["facets"]["tags"]["buckets"] == [{"value": "x", "count": 2}, {"value": "y", "count": 1}]


@pytest.mark.parametrize("bridges,types", [(["ard"], [FLOW, FLOW, FLOW, FLOW]), (["ard", "mcp"], [SERVER, FLOW, SERVER, FLOW]),
                                           (["ard", "a2a"], [CARD, CARD, FLOW, FLOW]), (["ard", "mcp", "a2a"], [CARD, CARD, SERVER, FLOW])])
def test_no_card_is_named_that_is_switched_off(hosted, bridges, types):
    flows = [flow(0, tags=["mcp", "a2a"]), flow(1, tags=["a2a"]), flow(2, tags=["mcp"]), flow(3, tags=["x"])]
    kodo = hosted({"flows": flows, "bridges": bridges})
    items = {i["name"]: i for i in items_of(kodo).values()}
    entries = check_json(kodo.get("/.well-known/ard.json"))["entries"][1:]
    assert [e["type"] for e in entries] == types
    for entry in entries:
        check_entry(entry, items[entry["displayName"]])
        if "url" in entry:
            assert kodo.get(entry["url"].removeprefix(OWN)).status == 200
    explored = ask(kodo, {"resultType": {"facets": [{"field": "type"}]}}, target="/ard/explore")["facets"]["type"]["buckets"]
    assert {b["value"]: b["count"] for b in explored} == {t: types.count(t) for t in types}
    for one in (FLOW, CARD, SERVER):
        found = ask(kodo, {"query": {"text": "number", "filter": {"type": [one]}}})["results"]
        assert sorted(r["displayName"] for r in found) == [f"Flow {i}" for i, t in enumerate(types) if t == one]


DEEP = "[" * 5000 + "]" * 5000
TEXT = {"text": "x"}


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b"\xff", b'{"query":', DEEP.encode(), ('{"query":' + DEEP + "}").encode(), b'{"query":{"text":"\\ud800"}}', b'{"query":{"text":"a\\u0000"}}',
    {}, {"query": {}}, {"query": "x"}, {"query": {"text": 1}}, {"query": {"text": ""}}, {"query": {"text": "!?"}}, {"query": {"text": "x", "filter": []}},
    {"query": {"text": "x", "filter": {"nosuch": ["x"]}}}, {"query": {"text": "x", "filter": {"tags": [1]}}}, {"query": {"text": "x", "filter": {"tags": {"a": "b"}}}},
    {"query": TEXT, "pageSize": 0}, {"query": TEXT, "pageSize": 101}, {"query": TEXT, "pageSize": 1e300}, {"query": TEXT, "pageSize": "5"}, {"query": TEXT, "pageSize": 1.5},
    {"query": TEXT, "pageSize": -1}, {"query": TEXT, "federation": "all"}, {"query": TEXT, "federation": 1}, {"query": TEXT, "pageToken": "x"}, {"query": TEXT, "pageToken": 1},
    {"query": {"text": "x", "filter": {"tags": [f"t{n}" for n in range(3000)]}}}])
def test_bad_bodies(hosted, body):
    kodo = hosted({"flows": FLOWS})
    refused(kodo.post("/ard/search", body), 400, "INVALID_ARGUMENT")
    more = json.dumps({**body, "resultType": {"facets": [{"field": "tags"}]}}).encode() if isinstance(body, dict) else body
    assert kodo.post("/ard/explore", more).status in (200, 400)


@pytest.mark.parametrize("wanted", [
    None, "facets", {}, {"facets": {}}, {"facets": []}, {"facets": ["tags"]}, {"facets": [{}]}, {"facets": [{"field": "x"}]}, {"facets": [{"field": "tags", "limit": 0}]},
    {"facets": [{"field": "tags", "limit": 1001}]}, {"facets": [{"field": "tags", "minCount": "1"}]}, {"facets": [{"field": "tags"}] * 9},
    {"facets": [{"field": "tags"}, {"field": "type"}, {"field": "tags"}]}])
def test_bad_explorations(hosted, wanted):
    refused(hosted({"flows": FLOWS}).post("/ard/explore", {"resultType": wanted}), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("query", [
    "pageSize=0", "pageSize=101", "pageSize=x", "pageSize=99999999999999999999", "pageToken=x", "pageToken=%ff", "filter=x", "filter=nosuch=1", "filter=updatedAfter=x",
    "filter=%00", "orderBy=size", "orderBy=name%20UP", "orderBy=", "filter=tags%3D" + "a," * 2000])
def test_bad_lists(hosted, query):
    kodo = hosted({"flows": FLOWS})
    answer = kodo.get(f"/ard/agents?{query}")
    if query != "orderBy=":
        refused(answer, 400, "INVALID_ARGUMENT")
        # of what is refused nobody has a version
        refused(kodo.request("GET", f"/ard/agents?{query}", {"If-None-Match": "*"}), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("identifier, status", [("x", 400), ("urn:air:x", 400), ("urn:air:none.example.org:flow:none", 404)])
def test_nobody_has_a_version_of_what_is_none(hosted, identifier, status):
    kodo = hosted({"flows": FLOWS})
    assert kodo.request("GET", f"/ard/agents/{identifier}", {"If-None-Match": "*"}).status == status
    assert kodo.request("GET", f"/ard/agents/{urllib.parse.quote(kodo.get('/ard/agents').json()['items'][0]['identifier'])}", {"If-None-Match": "*"}).status == 304


def test_long_text_is_searched(hosted):
    kodo = hosted({"flows": FLOWS})
    body = ask(kodo, {"query": {"text": "number " + " ".join(f"w{n}" for n in range(2000))}})
    assert len(body["results"]) == 5
    refused(kodo.post("/ard/search", {"query": {"text": "x" * 70000}}), 413, "INVALID_ARGUMENT")


def test_many_at_once(responder):
    """Whoever waits for a turn is answered what it asked for."""
    kodo = responder({"flows": [flow(n, name=f"Name{n:02}") for n in range(40)]}, workers=1)
    kodo.get("/")
    answers = meshtest.at_once([lambda n=n: ask(kodo, {"query": {"text": f"name{n:02}"}}) for n in range(40)])
    assert [[r["displayName"] for r in a["results"]] for a in answers] == [[f"Name{n:02}"] for n in range(40)]


def test_methods_roles_and_off(hosted):
    kodo = hosted({"flows": FLOWS})
    refused(kodo.get("/ard/search"), 405, "METHOD_NOT_ALLOWED")
    refused(kodo.request("DELETE", "/ard/agents"), 405, "METHOD_NOT_ALLOWED")
    assert kodo.request("OPTIONS", "/ard/search").headers["allow"] == "POST, OPTIONS"
    # a question from another site changes nothing
    assert kodo.request("POST", "/ard/search", {"Sec-Fetch-Site": "cross-site"}, json.dumps({"query": {"text": "number"}}).encode()).status == 200
    for target in ("/ard/agents", "/.well-known/ard.json", "/.well-known/mcp/catalog.json"):
        get, head = kodo.get(target), kodo.request("HEAD", target)
        assert head.body == b"" and head.headers["content-length"] == get.headers["content-length"]
        assert kodo.request("GET", target, {"If-None-Match": get.headers["etag"]}).status == 304
    closed = hosted({"flows": FLOWS, "auth_remote_user": True})
    for target in ("/ard/agents", "/ard/agents/urn:air:a:flow:b", "/.well-known/ard.json"):
        refused(closed.get(target), 401, "UNAUTHENTICATED")
    refused(closed.post("/ard/search", {"query": {"text": "x"}}), 401, "UNAUTHENTICATED")
    off = hosted({"flows": FLOWS, "bridges": "mcp"})
    for target in ("/ard/agents", "/.well-known/ard.json", "/.well-known/ai-catalog.json"):
        assert off.get(target).status == 404
    assert off.post("/ard/search", {"query": {"text": "x"}}).status == 404 and "Agentmap" not in off.get("/robots.txt").text()


def test_referrals_are_registries_that_feed(folders):
    up = kodotest.Service(folders(), {"organization": "Upper"}).start()
    one = kodotest.Service(folders(), {"organization": "Here", "flows": FLOWS, "connect": [up.url]}).start()
    try:
        kodotest.wait_until(lambda: up.total() == 5 and one.is_idle(), 10, "connected")
        body = ask(up, {"query": {"text": "number 3"}, "federation": "referrals"})
        assert body["results"][0]["displayName"] == "Flow 3"
        assert body["referrals"] == [{"identifier": "urn:air:localhost:registry:kodo", "displayName": "Here", "type": "application/ai-registry+json", "url": f"{one.url}/ard/"}]
        assert "referrals" not in ask(up, {"query": {"text": "number"}, "federation": "none"})
        # whoever has left is named no more
        assert one.request("DELETE", "/connect").status == 204
        kodotest.wait_until(lambda: up.total() == 0 and up.is_idle(), 10, "it has left")
        assert ask(up, {"query": {"text": "number"}, "federation": "referrals"})["referrals"] == []
    finally:
        one.kill()
        up.kill()
