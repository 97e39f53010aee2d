"""A registry on several machines that imports: make check-cluster."""
import base64
import os
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import cluster, kodotest, same_digests, stop  # noqa: E402
from importtest import Documents, McpRegistry, server, shown, state  # noqa: E402
from kodotest import connect_body, wait_until  # noqa: E402


@pytest.fixture
def mcp():
    sources = []

    def start(count):
        sources.append(McpRegistry(count))
        return sources[-1]
    yield start
    for source in sources:
        source.close()


def run_import(machine, *arguments):
    done = subprocess.run([kodotest.KODO, "import", machine.loader, *arguments], cwd=machine.cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "noted" not in done.stderr, (done.stdout, done.stderr)
    return done.stdout


def triples(machine):
    return sorted((item["name"], item["description"], item["entry"]) for item in shown(machine))


def all_show(c, source):
    for machine in c.machines:
        wait_until(lambda machine=machine: triples(machine) == source.wanted(), 30, f"{machine.name} shows what the source has")
    wait_until(lambda: same_digests(c.machines), 20, "equal")


def test_all_machines_have_what_one_has_imported(tmp_path, mcp):
    """By the option, by a command on any machine; and what the source has dropped, or nobody wants any more, goes."""
    source, second = mcp(300), mcp(20)
    with cluster(tmp_path, retry=0, **{"import": [f"{source.url}#kind=mcp"]}) as c:
        all_show(c, source)
        sender = wait_until(c.leader, 20, "one sends")
        other = next(m for m in c.machines if m is not sender)
        source.put(server(1, description="newer"))
        source.put(server(2), status="deleted")
        said = run_import(other, source.url)
        all_show(c, source)
        assert "199 entries" in said and "1 new" not in said, said
        run_import(other, second.url)
        for machine in c.machines:
            wait_until(lambda machine=machine: len(triples(machine)) == len(source.wanted()) + len(second.wanted()), 20)
        run_import(other, second.url, "--forget")
        all_show(c, source)
        walks = {}
        for kv in c.etcd[0].range("k/kodo/log/"):
            key, value = base64.b64decode(kv["key"]).decode(), base64.b64decode(kv["value"])
            walks.setdefault(value[2], []).append(key.split("/")[-1][0] == "f")
        # next, take, settle: a machine that sends no more must not go on with what it has read long ago; an order is anybody's
        assert all(walks[kind] and all(walks[kind]) for kind in (30, 31, 32)) and not any(walks[34]), walks
        pages = len(source.requests)
        time.sleep(3)
        assert len(source.requests) == pages, "nobody else reads it, too"


def test_another_machine_goes_on_with_a_walk(tmp_path, mcp):
    source = mcp(1000)
    source.fault = lambda page, answer: time.sleep(0.5) or answer
    with cluster(tmp_path, retry=0, **{"import": [f"{source.url}#kind=mcp"]}) as c:
        wait_until(lambda: source.pages >= 4, 20, "on its way")
        sender = c.leader()
        stop(sender)
        pages = source.pages
        sender.start(30)
        all_show(c, source)
        # of the page under way it is not known whether it came
        assert pages + 4 <= source.pages <= 12, (pages, source.paths())


def test_large_page_is_stored_in_steps(tmp_path):
    """More entries than fit into one transaction, and more bytes than etcd takes at once."""
    n = 5000
    entries = [{"identifier": f"urn:air:localhost:n{k % 7}:a{k}", "displayName": f"Agent {k}", "description": "helps " * 60, "type": "a/b",
                "url": f"https://a.example.org/{k}"} for k in range(n)]
    source = Documents({"/.well-known/ard.json": {"entries": entries}})
    try:
        with cluster(tmp_path, retry=0) as c:
            run_import(c.machines[1], source.url)
            for machine in c.machines:
                wait_until(lambda machine=machine: machine.total() == n, 20)
            wait_until(lambda: same_digests(c.machines), 20)
            assert len(source.requests) <= 3
    finally:
        source.close()


def test_who_shows_the_same_takes_its_place_and_gives_it_back(tmp_path, mcp):
    """Another registry's node of a namespace, which comes before ours; with other addresses it does not take its place."""
    source = mcp(20)
    with cluster(tmp_path, retry=0) as c:
        machine = c.machines[0]
        run_import(machine, source.url)
        all_show(c, source)
        mine = next(node for node in machine.get("/connect").json()["nodes"] if node["url"].endswith("/io.github.u00000"))
        rival = "http://a.test"
        version = int(time.time() * 1e6)

        def say(entry):
            flows = [{**flow, "entry": entry or flow["entry"]} for flow in mine["flows"]]
            node = {**mine, "url": f"{rival}/import/{source.slug}/io.github.u00000", "flows": flows, "organization": mine.get("organization", "")}
            state(machine, rival, node, version)

        def ours(one):
            return sum(item["url"].startswith("http://registry.test/import/") and "/io.github.u00000/" in item["url"] for item in shown(one))

        n = ours(machine)
        assert n > 0
        say(None)
        run_import(machine, source.url)
        for one in c.machines:
            wait_until(lambda one=one: ours(one) == 0, 20, "left to the other")
        version += 10 ** 6
        source.fault = lambda page, answer: (500, {}, b"")
        say("https://evil.example.org/")
        for one in c.machines:
            wait_until(lambda one=one: ours(one) == n, 20, "ours again")
        wait_until(lambda: same_digests(c.machines), 20)


def test_nobody_else_speaks_for_what_is_imported(tmp_path, mcp):
    source = mcp(20)
    with cluster(tmp_path, n=1, retry=0) as c:
        machine = c.machines[0]
        run_import(machine, source.url)
        url = f"http://registry.test/import/{source.slug}/io.github.u00000"
        for taken in (url, "http://registry.test/import/x/new"):
            assert machine.post("/connect", connect_body(taken)).status == 403
        # nor by another one's word
        state(machine, "http://peer.test", kodotest.node(url, [kodotest.flow(1)]), int(time.time() * 1e6) + 10 ** 9)
        wait_until(lambda: triples(machine) == source.wanted(), 20, "only what was imported")
