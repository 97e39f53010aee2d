"""Imports where something is wrong: with the source, with who else is there, or with this service."""
import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse

import pytest

import kodotest
from importtest import server, shown, state
from kodotest import wait_until
from test_import import CARD, Memory, ard, command, documents, made, mcp, names, registry, run_import, runner_of, triples
from test_restored import copy_state, state_of

FIXTURES = (documents, made, mcp, registry)


# --- the source ---

def test_304_that_nobody_asked_for(registry, mcp):
    """At the first page or at another: nothing is concluded from it."""
    source, kodo = mcp(300), registry()
    run_import(kodo, source.url + "#kind=mcp")
    before = triples(shown(kodo))
    for bad in (1, 2):
        source.forget()
        source.fault = lambda page, answer, bad=bad: (304, {}, b"") if page == bad else answer
        assert "304, which nobody asked for" in run_import(kodo, f"{source.url}#kind=mcp&hours={bad + 1}", status=1)
        assert triples(shown(kodo)) == before


def test_manifest_that_is_away_for_a_while(registry, documents):
    """Another way that leads somewhere does not take the place of the one that was found."""
    everything = {"/.well-known/ard.json": {"entries": [ard(1), ard(2)]}, "/.well-known/agent-card.json": {**CARD, "url": "https://maps.example.org/a2a"}}
    source, kodo = documents(everything), registry()
    run_import(kodo, source.url)
    before = names(kodo)
    manifest = everything.pop("/.well-known/ard.json")
    for _ in range(3):
        assert "it answers 404" in run_import(kodo, source.url, status=1)
        assert names(kodo) == before
    everything["/.well-known/ard.json"] = {"entries": manifest["entries"][:1]}
    run_import(kodo, source.url)
    assert names(kodo) == before[:1]


def test_one_manifest_of_several_is_dead(registry, documents):
    """What stands behind it is read; as the walk is not whole nothing is concluded from what it does not name."""
    def below(path):
        return {"identifier": "urn:air:localhost:catalog:x", "displayName": "m", "type": "application/ai-catalog+json", "url": path}

    everything = {"/.well-known/ard.json": {"entries": [ard(1), below("/a.json"), below("/b.json")]}, "/a.json": {"entries": [ard(3)]}, "/b.json": {"entries": [ard(2)]}}
    source, kodo = documents(everything), registry()
    run_import(kodo, source.url)
    before = names(kodo)
    assert len(before) == 3
    del everything["/a.json"]
    everything["/b.json"] = {"entries": [ard(2), ard(4)]}
    said = run_import(kodo, source.url, status=1)
    assert "/a.json: it answers 404" in said and len(names(kodo)) == 4 and set(before) < set(names(kodo))
    everything["/.well-known/ard.json"]["entries"].pop(1)
    run_import(kodo, source.url)
    assert len(names(kodo)) == 3


def test_pages_of_a_panel(registry, documents):
    """Its offset takes the place of the one before it, though it is the only member of the query."""
    source = documents({})

    def answer(path, query, headers):
        if path != "/flow":
            return 404, {}, b""
        n = int(query.get("offset", 0))
        return 200, {}, {"items": [{"summary": f"Flow {n}", "url": f"/-/x/{n}/-/"}], "offset": str(n + 1) if n < 5 else None}
    source.answer = answer
    kodo = registry()
    run_import(kodo, source.url)
    asked = [urllib.parse.urlsplit(path).query for path in source.paths() if path.startswith("/flow")]
    assert asked == ["", *(f"offset={n}" for n in range(1, 6))]
    assert names(kodo) == [f"Flow {n}" for n in range(6)]


def test_source_with_a_query(registry, mcp):
    """It is asked for with its query each time, whatever the url names."""
    for path in ("/v0.1/servers?search=x", "/v0.1/servers?search=x#kind=mcp", "/v0.1?search=x", "/?search=x#kind=mcp"):
        source, kodo = mcp(150), registry()
        for _ in range(2):
            source.forget()
            run_import(kodo, source.url + path)
            asked = [urllib.parse.urlsplit(one) for one in source.paths()]
            assert {one.path for one in asked} == {"/v0.1/servers"}
            assert all(one.query.startswith("search=x&version=latest&limit=100") for one in asked), source.paths()


def test_two_queries_of_one_registry(registry, mcp):
    """Two searches are two sources: neither takes the entries of the other, and the query stands in no address."""
    source = mcp(0)
    for n in (1, 2):
        source.put(server(n))

    def answer(path, query, headers):
        status, more, body = source.list(path, query, headers)
        if status == 200:
            body["servers"] = [one for one in body["servers"] if query.get("search", "") in one["server"]["name"]]
        return status, more, body
    source.answer = answer
    kodo = registry(**{"import": [f"{source.url}/?search=00001#kind=mcp", f"{source.url}/?search=00002#kind=mcp"]})
    wait_until(lambda: names(kodo) == ["Server 1", "Server 2"], 20, "both")
    assert len({item["url"].split("/")[4] for item in shown(kodo)}) == 2 and not any("search" in item["url"] for item in shown(kodo))
    said = command(kodo, "check", kodo.loader).stdout
    assert "would both be" not in said and said.count("1 entries") == 2, said


def test_page_of_nothing(registry, documents):
    """A page of a million items that are none takes little more memory than itself."""
    body = b'{"entries":[' + b"{}," * 1000000 + b"{}]}"
    source, kodo = documents({"/.well-known/ard.json": body}), registry()
    memory = Memory(runner_of(kodo))
    said = run_import(kodo, source.url)
    grown = memory.grown()
    assert "refused 1000001: not of the form" in said
    assert grown < 32 << 10, f"the runner grew by {grown} KiB"


# --- others ---

def test_nobody_else_is_listed_under_our_url(registry, mcp, made):
    """A stranger's node below our /import/, of a namespace that we have not imported: neither listed, nor passed on, nor does it lead anywhere."""
    source, kodo = mcp(20), registry()
    run_import(kodo, source.url)
    peer = registry(connect=[kodo.url])
    made.append(kodotest.Peer())
    version = int(time.time() * 1e6)
    for space in ("evil/x", f"{source.slug}/other", "x"):
        flow = {**kodotest.flow(1), "url": "/flows/a", "entry": "https://evil.example.org/"}
        state(kodo, made[-1].url, kodotest.node(f"{kodo.url}/import/{space}", [flow]), version)
        for method in ("GET", "POST"):
            answer = kodo.request(method, f"/import/{space}/flows/flows/a", body=b"{}" if method == "POST" else None)
            assert answer.status in (404, 405) and "location" not in answer.headers, answer
    item = next(item for item in shown(kodo) if item["name"] == "Server 1")
    state(kodo, made[-1].url, kodotest.node(item["url"].partition("/flows/")[0], [flow]), version + 10 ** 9)
    for one in (kodo, peer):
        wait_until(lambda one=one: triples(shown(one)) == source.wanted(), 20, "only what was imported")


def test_rival_that_changes_its_entries(registry, mcp, made):
    """Who shows what we have may be shown in its place; with other addresses it is not, and ours is there again."""
    source, kodo = mcp(20), registry()
    run_import(kodo, source.url)
    items = [item for item in shown(kodo) if "/io.github.u00000/" in item["url"]]
    made.append(kodotest.Peer())
    host = made[-1].url.replace("localhost", "127.0.0.1")   # its key is less than ours
    url = f"{host}/import/{source.slug}/io.github.u00000"

    mine = next(node for node in kodo.get("/connect").json()["nodes"] if node["url"].endswith("/io.github.u00000"))

    def rival(entry=None):
        return {**mine, "url": url, "organization": mine.get("organization", ""), "flows": [{**flow, "entry": entry or flow["entry"]} for flow in mine["flows"]]}

    def ours():
        return [item["entry"] for item in shown(kodo) if item["url"].startswith(kodo.url) and "/io.github.u00000/" in item["url"]]
    version = int(time.time() * 1e6)
    state(kodo, host, rival(), version)
    run_import(kodo, source.url)
    wait_until(lambda: ours() == [], 20, "left to the other")
    source.fault = lambda page, answer: (500, {}, b"")
    state(kodo, host, rival("https://evil.example.org/"), version + 1000000)
    wait_until(lambda: ours() == [item["entry"] for item in items], 20, "ours again")


def test_looks_are_not_missed(registry, mcp):
    """What others say soon after a look is looked at, too, without another reason to wake up."""
    source = mcp(60)
    one = registry()
    two = registry(connect=[one.url])
    for kodo in (one, two, one):
        run_import(kodo, source.url)
    least = min((one, two), key=lambda kodo: kodo.url)
    other = two if least is one else one

    def theirs():
        return sum(item["url"].startswith(other.url + "/import/") for item in shown(other))
    wait_until(lambda: theirs() == 0, 20, "left to the first")
    time.sleep(8)
    source.put(server(1, description="newer"))
    run_import(least, source.url)
    time.sleep(1.5)
    run_import(least, source.url, "--forget")
    wait_until(lambda: theirs() >= len(source.wanted()) - 1, 20, "its own")


@pytest.mark.parametrize("how", ("folder", "kodo restore"))
def test_older_state_is_put_back(registry, mcp, folders, how):
    """What was imported since, and is not there any more, goes at the peers too; what is there is there at once, though its hour has not come."""
    source = mcp(60)
    kodo = registry(**{"import": [{"url": source.url, "kind": "mcp", "hours": 1000}]})
    peer = registry(connect=[kodo.url])
    kodo_and_peer = (kodo, peer)
    both_show(kodo_and_peer, source)
    kodo.stop()
    copy = os.path.join(folders(), "copy")
    copy_state(state_of(kodo), copy)
    if how == "kodo restore":
        assert command(kodo, "backup", copy + ".tar", kodo.loader).returncode == 0
    kodo.start()
    for n in (1, 2):                                         # one that is there, one of a namespace that is not
        source.put(server(n, description="later"))
        source.put(server(7000 + n))
    run_import(kodo, source.url)
    both_show(kodo_and_peer, source)
    for name in ("io.github.u00000/server-00004", *(server(7000 + n)["name"] for n in (1, 2))):
        del source.entries[name]
    kodo.stop()
    if how == "kodo restore":
        done = command(kodo, "restore", copy + ".tar", kodo.loader)
        assert done.returncode == 0, done.stderr
    else:
        shutil.rmtree(state_of(kodo))
        copy_state(copy, state_of(kodo))
    kodo.start()
    both_show(kodo_and_peer, source)
    time.sleep(3)
    both_show(kodo_and_peer, source)


def both_show(both, source):
    for one in both:
        wait_until(lambda one=one: triples(shown(one)) == source.wanted(), 40, "what the source has")


def test_tag_of_a_source_is_not_popular(registry, mcp):
    """The first page names tags that say what agents do."""
    source, kodo = mcp(20), registry()
    run_import(kodo, source.url)
    page = kodo.request("GET", "/", {"Accept": "text/html"}).text()
    assert "Popular tags" in page and ">mcp" in page and f"import:{source.slug}" not in page


def test_ceiling_of_what_is_stored(registry, mcp):
    """Walk by walk a source brings no more than mib: what is over it is refused, what goes makes room."""
    source, kodo = mcp(0), registry()

    def put(first, status="active", size=60000):
        for n in range(first, first + 11):
            source.put(server(3 * n + 1, description="d" * size), status=status)
    url = source.url + "#kind=mcp&mib=1"
    put(0)
    assert "11 new" in run_import(kodo, url)
    source.entries = {name: [entry, status, "2026-01-01T00:00:00Z"] for name, (entry, status, _) in source.entries.items()}   # not again
    put(11)
    said = run_import(kodo, url)
    assert "6 new" in said and "refused 5: over the ceiling of entries (items), or of their bytes (mib)" in said, said
    assert len(shown(kodo)) == 17
    put(0, "deleted", 1)
    said = run_import(kodo, url)
    assert "5 new" in said and "11 gone" in said and len(shown(kodo)) == 11, said


# --- what is told of them ---

def test_what_came_of_them_is_told(registry, mcp, documents):
    """kodo status, /status as page and JSON, and /metrics: each source with its last walk, entries, refused ones, and its error."""
    kodo = registry(metrics="public")
    assert "kodo_import" not in kodo.get("/metrics").text() and "imports" not in kodo.get("/status?format=json").json()
    source, dead = mcp(30), documents({})
    run_import(kodo, source.url)
    run_import(kodo, dead.url + "/v0.1/servers", status=1)
    refused = 30 - len(source.wanted())
    by_source = {one["source"]: one for one in kodo.get("/status?format=json").json()["imports"]}
    assert by_source == {one["source"]: one for one in json.loads(command(kodo, "status", "-o", "json", kodo.loader).stdout)["imports"]}
    told = by_source[source.url]
    assert (told["kind"], told["entries"], told["refused"], told["error"]) == ("mcp", len(source.wanted()), refused, None) and told["last"]
    assert "it answers 404" in by_source[dead.url + "/v0.1/servers"]["error"]
    text = command(kodo, "status", kodo.loader).stdout
    assert f"{source.slug}: {len(source.wanted())} entries, {refused} refused, read " in text and "it answers 404" in text
    page = kodo.request("GET", "/status", {"Accept": "text/html"}).text()
    assert f"<bdi>{source.slug}</bdi></th><td>{len(source.wanted())}</td><td>{refused}</td>" in page and "it answers 404" in page
    metrics = kodo.get("/metrics").text()
    for name, of, value in (("entries", source, len(source.wanted())), ("refused", source, refused), ("failed", source, 0), ("failed", dead, 1)):
        assert f'kodo_import_{name}{{source="{of.slug}"}} {value}\n' in metrics, (name, metrics)
    assert abs(int(re.search(rf'kodo_import_last_seconds{{source="{source.slug}"}} (\d+)', metrics).group(1)) - time.time()) < 60
    run_import(kodo, dead.url + "/v0.1/servers", "--forget")
    assert f'source="{dead.slug}"' not in kodo.get("/metrics").text()


def test_strangers_do_not_see_the_query_of_a_source(registry, mcp, documents):
    """It may hold a key: neither an item's page nor /status has it, of a source that is read, that is not, or that has moved."""
    kodo, source, dead = registry(), mcp(8), documents({})
    moved = documents({})
    moved.answer = lambda path, query, headers: (301, {"Location": f"{moved.url}/there?key=s3cret"}, b"")
    run_import(kodo, source.url + "/v0.1/servers?key=s3cret")
    run_import(kodo, dead.url + "/v0.1/servers?key=s3cret", status=1)
    run_import(kodo, moved.url + "/v0.1/servers?key=s3cret", status=1)
    assert any("key=s3cret" in path for path in source.paths()), source.paths()
    by_source = {one["source"]: one["error"] for one in kodo.get("/status?format=json").json()["imports"]}
    assert set(by_source) == {f"{one.url}/v0.1/servers" for one in (source, dead, moved)}
    assert "it answers 404" in by_source[f"{dead.url}/v0.1/servers"]
    assert f"it has moved to {moved.url}/there; name that" in by_source[f"{moved.url}/v0.1/servers"]
    path = next(item["url"] for item in shown(kodo) if item["name"] == "Server 1")[len(kodo.url):]
    assert kodo.request("GET", path, {"Accept": "application/json"}).json()["imported"]["source"] == f"{source.url}/v0.1/servers"
    seen = [kodo.request("GET", target, {"Accept": accept}).text() for target in (path, "/status", "/flows", "/metrics")
            for accept in ("text/html", "application/json")]
    assert all("s3cret" not in text for text in seen) and f"{source.url}/v0.1/servers" in seen[0]


def looked_at(kodo):
    """How many changed nodes its runners have looked at, for the sake of imports."""
    with open(os.path.join(kodo.cwd, "data", "kodo.log"), encoding="utf-8") as f:
        return sum(int(n) for n in re.findall(r"imports: looked at (\d+) nodes", f.read()))


def test_place_in_the_log_is_stored(registry, mcp, made):
    """A runner that starts does not look at all the world again, but at what was said since."""
    source, kodo = mcp(20), registry()
    run_import(kodo, source.url)
    made.append(kodotest.Peer())
    nodes = [kodotest.node(f"http://n{n}.example.org", [kodotest.flow(1)]) for n in range(3000)]
    assert kodo.post("/connect", kodotest.greeting(made[-1].url, nodes=nodes)).status == 201
    wait_until(lambda: looked_at(kodo) >= 3000, 30, "looked at")
    kodo.stop()
    before = looked_at(kodo)
    kodo.start()
    source.put(server(1, description="newer"))
    run_import(kodo, source.url)
    wait_until(lambda: looked_at(kodo) > before, 30, "looked again")
    time.sleep(2)
    assert looked_at(kodo) - before < 1500


# --- this service ---

def test_command_ends_where_the_service_does(registry, mcp):
    source, kodo = mcp(300), registry()
    source.fault = lambda page, answer: time.sleep(3) or answer
    with subprocess.Popen([kodotest.KODO, "import", kodo.loader, source.url], cwd=kodo.cwd, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: source.requests, 10, "it is read")
        kodo.process.terminate()
        kodo.process.wait()
        try:
            _, said = process.communicate(timeout=15)
        finally:
            process.kill()
    assert process.returncode == 0 and "noted; no runner is running" in said


def test_no_room(registry, mcp):
    """The reserve of the map is left to others; what had no room is named, and not fetched again and again."""
    source = mcp(0)
    for n in range(1500):
        source.put(server(3 * n + 1, description="d" * 60000 + str(n)))
    kodo = registry(map_max_mib=64)
    said = run_import(kodo, source.url, status=1)
    assert "no room is left for it here" in said
    asked = len(source.requests)
    time.sleep(11)
    assert len(source.requests) == asked
    peer = kodotest.Peer()
    try:
        answer = kodo.post("/connect", kodotest.greeting(peer.url, nodes=[kodotest.node(peer.url, [kodotest.flow(1)])]))
    finally:
        peer.close()
    told = command(kodo, "check", kodo.loader).stdout
    assert "no room is left for it here" in told and answer.status == 201, (answer, told)
