"""Imports: registries and agents of other families become nodes of this one, and stay what their sources say."""
import json
import os
import re
import subprocess
import threading
import time

import pytest

import kodotest
from importtest import Documents, McpRegistry, server, shown
from kodotest import wait_until

COUNT = int(os.environ.get("IMPORT_ENTRIES", "1500"))      # make check-import: 60,000


@pytest.fixture
def made():
    """What is to be closed at the end."""
    things = []
    yield things
    for thing in things:
        (getattr(thing, "kill", None) or thing.close)()


@pytest.fixture
def registry(folders, made):
    def start(**options):
        made.append(kodotest.Service(folders(), {"log_file_level": "DEBUG", **options}).start())
        # it can be woken: that its process is there says nothing yet
        wait_until(lambda: "runner: running" in command(made[-1], "check", made[-1].loader).stdout, 30, "a runner")
        return made[-1]
    return start


@pytest.fixture
def mcp(made):
    def start(count=COUNT):
        made.append(McpRegistry(count))
        return made[-1]
    return start


@pytest.fixture
def documents(made):
    def start(*args, **more):
        made.append(Documents(*args, **more))
        return made[-1]
    return start


def command(kodo, *arguments, timeout=900):
    return subprocess.run([kodotest.KODO, *arguments], cwd=kodo.cwd, capture_output=True, text=True, timeout=timeout, check=False)


def run_import(kodo, url, *more, status=0):
    done = command(kodo, "import", kodo.loader, url, *more)
    assert done.returncode == status and "noted" not in done.stderr, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def triples(items):
    return sorted((item["name"], item["description"], item["entry"]) for item in items)


def numbers(text):
    return {name: int(n) for n, name in re.findall(r"(\d+) (entries|new|changed|gone|requests|KiB)", text)}


def names(kodo):
    return sorted(item["name"] for item in shown(kodo))


class Memory:
    """The most private memory that a process has, in KiB, above what it had at first; pages of its file are the system's."""

    def __init__(self, pid):
        self.pid, self.first, self.most, self.ends = pid, None, 0, threading.Event()
        self.first = self.now()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def now(self):
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1))

    def watch(self):
        while not self.ends.wait(0.005):
            self.most = max(self.most, self.now())

    def grown(self):
        self.ends.set()
        self.thread.join()
        return self.most - self.first


def runner_of(kodo):
    for pid in kodotest.children(kodo.process.pid):
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            if b"kodo-reconnect" in f.read():
                return pid
    return None


# --- an MCP registry ---

def test_mcp_registry(registry, mcp):
    """All of it, then only what has changed; what is refused is counted and named."""
    source, kodo = mcp(), registry()
    memory, began = Memory(runner_of(kodo)), time.monotonic()
    first = run_import(kodo, source.url)
    seconds = time.monotonic() - began
    assert triples(shown(kodo)) == source.wanted()
    callable_ones = len(source.wanted())
    assert numbers(first)["new"] == numbers(first)["entries"] == callable_ones
    assert f"refused {COUNT - callable_ones}: no address where it could be called" in first and "the first one: io.github.u00000/server-00000" in first
    first_requests, first_bytes = len(source.requests), source.sent
    pages = [path for path in source.paths() if path.startswith("/v0.1/")]
    assert len(pages) == -(-COUNT // 100) and all("version=latest&limit=100" in path for path in pages)
    grown = memory.grown()
    assert grown < 16 << 10, f"the runner grew by {grown} KiB"  # 60,000 entries are 25 MiB of JSON

    source.forget()
    source.put(server(1, description="Does something else now"))
    source.put(server(4), status="deleted")
    source.put(server(7, remotes=[]))                       # cannot be called any more
    source.put({"name": "org.example/late", "title": "Late", "description": "comes later", "remotes": [{"type": "sse", "url": "https://late.example.org/"}]})
    again = run_import(kodo, source.url)
    assert triples(shown(kodo)) == source.wanted()
    assert {key: numbers(again)[key] for key in ("new", "changed", "gone", "requests")} == {"new": 1, "changed": 1, "gone": 2, "requests": 1}, again
    assert len(source.requests) == 1 and "updated_since=" in source.paths()[0] and source.sent < 4096
    print(f"\n{COUNT} entries: {first_requests} requests, {first_bytes} bytes, {seconds:.1f} s, the runner's private memory at most {grown} KiB more than before; "
          f"the second time {len(source.requests)} request, {source.sent} bytes")
    assert "ERROR" not in command(kodo, "check", kodo.loader).stdout.upper().replace("0 ERROR", "")


def test_search_among_them(registry, mcp):
    source, kodo = mcp(), registry()
    run_import(kodo, source.url)
    wanted = source.wanted()[-1]
    for query in (f"words=task%20{COUNT - 1 if (COUNT - 1) % 3 else COUNT - 2}", f"q={wanted[0].replace(' ', '%20')}"):
        times = []
        for _ in range(5):
            began = time.monotonic()
            answer = kodo.get(f"/flows?pp=10&{query}")
            times.append(time.monotonic() - began)
        assert answer.status == 200 and answer.json()["filtered"] >= 1
        print(f"\n{len(source.wanted())} flows, {query}: {min(times) * 1000:.1f} ms, {answer.json()['filtered']} hits")


def test_form_of_an_entry(registry, mcp):
    source, kodo = mcp(8), registry()
    run_import(kodo, source.url)
    items = {item["name"]: item for item in shown(kodo)}
    one = items["Server 1"]
    assert one["url"] == f"{kodo.url}/import/{source.slug}/io.github.u00000/flows/server-00001"
    assert one["tags"] == [f"import:{source.slug}", "mcp"] and one["author"] == "io.github.u00000" and one["entry"] == "https://s1.example.org/mcp"
    assert items["Server 5"]["tags"] == [f"import:{source.slug}", "mcp-sse"]
    path = one["url"][len(kodo.url):]
    machine = kodo.get(path)
    assert machine.status == 303 and machine.headers["location"] == one["entry"] and machine.body == b""
    told = kodo.request("GET", path, {"Accept": "application/json"}).json()
    assert told["entry"] == one["entry"] and told["imported"]["source"] == source.url and told["imported"]["kind"] == "mcp"
    assert told["imported"]["identifier"] == "io.github.u00000/server-00001" and told["imported"]["first_seen"]
    page = kodo.request("GET", path, {"Accept": "text/html"}).text()
    assert one["entry"] in page and "It was imported from" in page and source.url in page and "io.github.u00000/server-00001" in page
    assert [link.split("<")[0] for link in re.findall(r'class="out" href="[^"]*" rel="noopener"><bdi>([^ ]*)', page)] == [
        one["entry"], one["entry"], source.url], "its address and its node are here"
    assert "another site" not in kodo.request("GET", "/flows", {"Accept": "text/html"}).text()
    posted = kodo.post(path, {})
    assert posted.status == 307 and posted.headers["location"] == one["entry"]
    for absent in ("/import/x", "/import/x/y/flows/z", path + "x", f"/import/{source.slug}/io.github.nobody"):
        assert kodo.request("GET", absent, {"Accept": "application/json"}).status == 404
    text = command(kodo, "explain", one["url"], kodo.loader).stdout
    assert f"imported from {source.url} (mcp) as io.github.u00000/server-00001, seen there first at " in text
    told = json.loads(command(kodo, "explain", one["url"], "-o", "json", kodo.loader).stdout)["imported"]
    assert told["source"] == source.url and told["first_seen"] and told["elsewhere"] is None
    assert kodo.get("/v0.1/servers?search=Server%201").json()["servers"][0]["server"]["remotes"] == [{"type": "streamable-http", "url": one["entry"]}]


def test_first_seen_stays(registry, mcp):
    source, kodo = mcp(8), registry()
    run_import(kodo, source.url)
    path = f"/import/{source.slug}/io.github.u00000/flows/server-00001"
    first = kodo.request("GET", path, {"Accept": "application/json"}).json()["imported"]["first_seen"]
    source.put(server(1, description="new words"))
    run_import(kodo, source.url)
    item = kodo.request("GET", path, {"Accept": "application/json"}).json()
    assert item["description"] == "new words" and item["imported"]["first_seen"] == first


def test_address_of_a_node(registry, mcp):
    """Pages link the node of an imported flow: that address leads to its flows, one that is none to 404."""
    source, kodo = mcp(8), registry()
    run_import(kodo, source.url)
    answer = kodo.get(f"/import/{source.slug}/io.github.u00000")
    assert answer.status == 303
    found = kodo.get(answer.headers["location"][len(kodo.url):]).json()
    assert found["filtered"] > 0
    assert all(f"/import/{source.slug}/io.github.u00000/flows/" in item["url"] for item in found["items"])
    assert kodo.get(f"/import/{source.slug}/io.github.nobody").status == 404


def test_option(registry, mcp):
    """From the loader, without a word of anybody; what vanishes without a word goes with the next whole walk; out of the option is out of here."""
    source = mcp(300)
    kodo = registry(**{"import": [{"url": source.url, "kind": "mcp", "hours": 1}]})
    wait_until(lambda: triples(shown(kodo)) == source.wanted(), 20, "imported")
    assert f"import {source.slug}: mcp, {len(source.wanted())} entries, last read 0 min ago" in command(kodo, "check", kodo.loader).stdout
    del source.entries[server(1)["name"]]
    kodo.write_loader(**{"import": [f"{source.url}#kind=mcp&hours=2"]})   # another text: all of it is read again
    wait_until(lambda: triples(shown(kodo)) == source.wanted(), 20, "swept")
    assert len(source.wanted()) == 199
    kodo.write_loader(**{"import": []})
    wait_until(lambda: shown(kodo) == [], 20, "gone")
    text = command(kodo, "check", kodo.loader).stdout
    assert "import" not in text.replace("imported", ""), text


@pytest.mark.parametrize("fault, words", [
    ("restart", "its pages begin again"),
    ("loop", "its pages begin again"),
    ("again", "its pages begin again"),                     # under ever new cursors
    ("garbage", "not JSON"),
    ("html", "not JSON"),
    ("foreign", "not of the kind mcp"),
    ("gone", "it answers 404"),
    ("long", "over the ceiling mib"),
    ("moved", "it has moved to https://elsewhere.example.org/; name that"),
])
def test_bad_pages(registry, mcp, fault, words):
    """A walk that comes to no end is named, ends nothing, and keeps what it has brought."""
    source, kodo = mcp(600), registry()
    limit = "#kind=mcp&mib=1" if fault == "long" else "#kind=mcp"
    run_import(kodo, source.url + limit)
    before = triples(shown(kodo))
    source.forget()
    for entry in list(source.entries.values())[:50]:
        del source.entries[entry[0]["name"]]                # would be swept by a whole walk

    first = []

    def misbehave(page, answer):
        status, headers, body = answer
        if page == 1:
            first.append(body["servers"])
        if page < 3:
            return answer
        if fault == "again":
            body = {"servers": first[0], "metadata": {"nextCursor": f"again{page}"}}
        if fault == "restart":
            body["metadata"]["nextCursor"] = "a"
        if fault == "loop":
            body = {"servers": [], "metadata": {"nextCursor": f"x{page % 3}"}}
        if fault == "garbage":
            body = json.dumps(body).encode()[:-7]
        if fault == "html":
            body = b"<html>It works!</html>"
        if fault == "foreign":
            body = {"items": []}
        if fault == "gone":
            status = 404
        if fault == "moved":
            status, headers = 301, {"Location": "https://elsewhere.example.org/"}
        if fault == "long":
            body = {"servers": [], "metadata": {"nextCursor": f"y{page}"}, "x": "y" * 700000}
        return status, headers, body
    source.fault = misbehave
    said = run_import(kodo, f"{source.url}{limit}&hours=7", status=1)
    assert words in said, said
    assert triples(shown(kodo)) == before                   # 50 are not there any more, but nobody has said so
    assert words in command(kodo, "check", kodo.loader).stdout
    source.fault = lambda page, answer: answer
    run_import(kodo, f"{source.url}{limit}&hours=8")
    assert triples(shown(kodo)) == source.wanted()


def test_slow_pages(registry, mcp):
    """A page that takes too long is asked for again; if that is of no use the walk ends."""
    source, kodo = mcp(400), registry(timeout=1)
    slow = []

    def late(page, answer):
        if page == 3 and not slow:
            slow.append(page)
            time.sleep(3)
        return answer
    source.fault = late
    run_import(kodo, source.url)
    assert triples(shown(kodo)) == source.wanted() and slow


def test_walk_goes_on(registry, mcp):
    """After a kill -9 in the middle the next runner goes on at the page where it was."""
    source = mcp(1000)
    source.fault = lambda page, answer: time.sleep(0.2) or answer
    kodo = registry(**{"import": [f"{source.url}#kind=mcp"]})
    wait_until(lambda: source.pages >= 4, 20, "on its way")
    kodo.kill()
    pages = source.pages
    kodo.start()
    wait_until(lambda: triples(shown(kodo)) == source.wanted(), 30, "imported")
    assert pages + 5 <= source.pages <= 12


# --- the other families ---

def ard(n, host="localhost", **more):
    return {"identifier": f"urn:air:{host}:agents:one-{n}", "displayName": f"Agent {n}", "type": "application/vnd.example+json", "description": "helps",
            "tags": ["help"], "url": f"https://a{n}.example.org/", **more}


def catalog(url):
    return {"identifier": "urn:air:localhost:catalog:x", "displayName": "more", "type": "application/ai-catalog+json", "url": url}


@pytest.mark.parametrize("place", ["/.well-known/ard.json", "/.well-known/ai-catalog.json"])
def test_ard(registry, documents, place):
    """A manifest, those that it leads to, four deep, and a registry in pages; who speaks for another host is refused."""
    source = documents({
        place: {"entries": [ard(1), ard(2, host="LOCALHOST"), ard(3, host="other.example.org"), catalog("/deep1.json"),
                            {"identifier": "urn:air:localhost:registry:r", "displayName": "r", "type": "application/ai-registry+json", "url": "/ard/"}]},
        **{f"/deep{n}.json": {"entries": [ard(10 + n), catalog(f"/deep{n + 1}.json")]} for n in range(1, 7)}})
    whole = source.answer

    def answer(path, query, headers):
        if path == "/ard/agents":
            start = int(query.get("pageToken", 0))
            return 200, {}, {"items": [ard(100 + n) for n in range(start, start + 2)], "total": 6, **({"pageToken": str(start + 2)} if start < 4 else {})}
        return whole(path, query, headers)
    source.answer = answer
    kodo = registry()
    said = run_import(kodo, source.url)
    assert "(ard)" in said and "refused 1: speaks for another host than it came from" in said and "refused 1: too many manifests above it" in said
    assert names(kodo) == sorted(f"Agent {n}" for n in [1, 2, 11, 12, 13, 14] + list(range(100, 106)))
    item = next(item for item in shown(kodo) if item["name"] == "Agent 1")
    assert item["url"] == f"{kodo.url}/import/{source.slug}/localhost.agents/flows/one-1"
    assert item["tags"] == [f"import:{source.slug}", "ard", "application/vnd.example+json", "help"]


def test_our_own_kind(registry, documents):
    """A registry of kodo, as it reads for crawlers of ARD: its own flows."""
    other = registry(flows=[kodotest.flow(1), kodotest.flow(2)])
    kodo = registry()
    run_import(kodo, f"{other.url}#kind=ard")
    assert {item["name"]: item["entry"] for item in shown(kodo)} == {"Flow 1": f"{other.url}/flows/flow-1", "Flow 2": f"{other.url}/flows/flow-2"}


CARD = {"name": "Route Agent", "description": "finds routes", "version": "1", "provider": {"organization": "Maps Inc", "url": "https://maps.example.org"},
        "skills": [{"id": "route", "name": "Find a route", "description": "from A to B", "tags": ["map"]}, {"id": "Über Land", "name": "Walk", "description": "on foot", "tags": []}]}


@pytest.mark.parametrize("where", [{"supportedInterfaces": [{"url": "https://maps.example.org/a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]},
                                   {"url": "https://maps.example.org/a2a", "protocolVersion": "0.3.0"}])
def test_a2a(registry, documents, where):
    source, kodo = documents({"/.well-known/agent-card.json": {**CARD, **where}}), registry()
    assert "(a2a): 2 entries" in run_import(kodo, source.url)
    items = {item["name"]: item for item in shown(kodo)}
    assert set(items) == {"Find a route", "Walk"} and all(item["entry"] == "https://maps.example.org/a2a" and item["organization"] == "Maps Inc" for item in items.values())
    assert items["Find a route"]["tags"] == [f"import:{source.slug}", "a2a", "map"]
    assert re.search(r"/flows/--ber-land-[0-9a-f]{8}$", items["Walk"]["url"])
    assert kodo.request("GET", items["Walk"]["url"][len(kodo.url):]).status == 303


def test_openapi(registry, documents):
    operation = {"x-kodosumi": True, "summary": "Hymn Creator", "description": "writes hymns", "tags": ["music"], "x-author": "a@example.org", "x-organization": "Choir"}
    source = documents({"/app/openapi.json": {"openapi": "3.1.0", "info": {"title": "Hymns"}, "paths": {
        "/": {"get": operation, "post": {"summary": "no flow"}}, "/other": {"get": {"x-kodosumi": False, "summary": "none"}}, "/x": {"parameters": [], "get": {**operation, "summary": None}}}}})
    kodo = registry()
    said = run_import(kodo, f"{source.url}/app/openapi.json")
    assert "(openapi): 1 entries" in said and "refused 1: not of the form" in said
    item, = shown(kodo)
    assert item["url"] == f"{kodo.url}/import/{source.slug}.app/hymns-{item['url'].split('hymns-')[1]}" and item["entry"] == f"{source.url}/app/"
    assert (item["name"], item["author"], item["organization"], item["tags"]) == ("Hymn Creator", "a@example.org", "Choir", [f"import:{source.slug}.app", "kodosumi", "music"])


def test_kodosumi(registry, documents):
    source = documents({})
    source.answer = lambda path, query, headers: (404, {}, b"") if path != "/flow" else (200, {}, {
        "items": [{"summary": f"Flow {n}", "description": "d", "author": "x", "organization": "o", "tags": ["t"], "url": f"/-/localhost/{n}/-/"}
                  for n in ((0, 1) if "offset" not in query else (2,))], "offset": "next" if "offset" not in query else None})
    kodo = registry()
    assert "(kodosumi): 3 entries" in run_import(kodo, source.url)
    assert triples(shown(kodo)) == [(f"Flow {n}", "d", f"{source.url}/-/localhost/{n}/-/") for n in range(3)]


def test_etag(registry, documents):
    source, kodo = documents({"/.well-known/ard.json": {"entries": [ard(1), ard(2)]}}, etags=True), registry()
    run_import(kodo, source.url)
    source.forget()
    assert "1 requests, 0 KiB" in run_import(kodo, source.url)
    assert len(source.requests) == 1 and source.sent == 0 and "If-None-Match" in source.requests[0][1]
    assert names(kodo) == ["Agent 1", "Agent 2"]
    source.documents["/.well-known/ard.json"] = {"entries": [ard(2)]}
    run_import(kodo, source.url)
    assert names(kodo) == ["Agent 2"]


def test_nothing_to_import(registry, documents):
    source, kodo = documents({"/openapi.json": {"openapi": "3.1.0", "paths": 3}}), registry()
    said = run_import(kodo, source.url, status=1)
    assert "it answers 404" in said and source.paths()[:2] == ["/.well-known/ard.json", "/.well-known/ai-catalog.json"]
    assert "no source" in command(kodo, "service", kodo.loader, "--import", "ftp://x").stderr


def test_private_addresses(registry, documents):
    """What the operator names may be private; where its documents lead may not."""
    inner = documents({"/inner.json": {"entries": [ard(7)]}})
    source = documents({"/.well-known/ard.json": {"entries": [ard(1), catalog(f"http://127.0.0.1:{inner.port}/inner.json")]}})
    kodo = registry(private=False)
    said = run_import(kodo, source.url, status=1)
    assert "Address is private" in said and not inner.requests
    assert names(kodo) == ["Agent 1"]


def test_registries_of_our_kind_do_not_echo(registry, mcp):
    """Two that import from each other have each the other's own, and neither what the other has imported."""
    source, one, two = mcp(20), registry(flows=[kodotest.flow(1, tags=["mcp"], entry="https://one.example.org/")]), registry()
    run_import(one, source.url)
    for _ in range(2):
        run_import(two, f"{one.url}#kind=mcp")
        run_import(one, f"{two.url}#kind=mcp")
    assert names(two) == ["Flow 1"] and len(names(one)) == 1 + len(source.wanted())
    assert "imported there itself: name its source" in command(two, "check", two.loader).stdout


# --- among peers ---

def test_they_travel(registry, mcp):
    """A peer has them as any node; they survive restarts of both; their end travels."""
    source = mcp(100)
    kodo = registry()
    peer = registry(connect=[kodo.url])
    run_import(kodo, source.url)
    wait_until(lambda: triples(shown(peer)) == source.wanted(), 20, "passed on")
    for one in (kodo, peer):
        one.kill()
        one.start()
    assert triples(shown(kodo)) == source.wanted()
    wait_until(lambda: triples(shown(peer)) == source.wanted(), 20, "still there")
    wait_until(lambda: all(one.is_idle() for one in (kodo, peer)), 20, "quiet")
    source.put(server(1), status="deleted")
    run_import(kodo, source.url)
    wait_until(lambda: triples(shown(peer)) == source.wanted(), 20, "its end is passed on")
    assert run_import(kodo, source.url, "--forget").startswith(f"{source.slug}: gone")
    wait_until(lambda: shown(peer) == [] and shown(kodo) == [], 20, "all gone")
    assert run_import(kodo, source.url, "--forget", status=1).startswith("kodo import: nothing was imported")


def test_nobody_else_speaks_for_them(registry, mcp, made):
    """Whoever states one of our imported nodes with a higher version, or ends it, is overruled; nobody is a peer under such a url."""
    source, kodo = mcp(20), registry()
    run_import(kodo, source.url)
    item = next(item for item in shown(kodo) if item["name"] == "Server 1")
    url = item["url"].partition("/flows/")[0]
    made.append(kodotest.Peer())
    later = int(time.time() * 1e6) + 10 ** 9
    forged = {**kodotest.node(url, [kodotest.flow(1)]), "kodo": {"version": later}}
    body = kodotest.greeting(made[-1].url, nodes=[forged], kodo={"versions": {url: later}})
    assert kodo.post("/connect", body).status == 201
    run_import(kodo, source.url)
    assert triples(shown(kodo, f"&q=%22import%3A{source.slug}%22")) == source.wanted()
    refused = kodo.post("/connect", kodotest.greeting(url, nodes=[kodotest.node(url, [])]))
    assert refused.status in (400, 403), refused


def test_two_registries_import_the_same(registry, mcp):
    """Each entry is shown once at either; where one ends, or is behind, the other's is there."""
    source = mcp(60)
    one = registry()
    two = registry(connect=[one.url])
    for kodo in (one, two):
        run_import(kodo, source.url)
    run_import(one, source.url)                             # so that each has seen the other's
    for kodo in (one, two):
        wait_until(lambda kodo=kodo: triples(shown(kodo)) == source.wanted(), 20, "once")
    least = min((one, two), key=lambda kodo: kodo.url)
    other = two if least is one else one
    assert all(item["url"].startswith(least.url + "/import/") for item in shown(other))
    told = json.loads(command(other, "explain", shown(other)[0]["url"].replace(least.url, other.url), "-o", "json", other.loader).stdout)
    assert told["imported"]["elsewhere"].startswith(least.url)
    source.put(server(1, description="newer"))              # only the other one has read it: both are shown, until the first has, too
    run_import(other, source.url)
    wait_until(lambda: "newer" in [item["description"] for item in shown(other)], 20, "the newer one is there")
    run_import(least, source.url)
    wait_until(lambda: "newer" in [item["description"] for item in shown(other, "&q=newer") if item["url"].startswith(least.url)], 20, "the least has it")
    run_import(other, source.url)
    for kodo in (one, two):
        wait_until(lambda kodo=kodo: triples(shown(kodo)) == source.wanted(), 20, "once again")
    run_import(least, source.url, "--forget")
    run_import(other, source.url)
    wait_until(lambda: triples(shown(other)) == source.wanted(), 20, "the other one's")
    assert all(item["url"].startswith(other.url + "/import/") for item in shown(other))
