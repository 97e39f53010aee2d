"""Nodes that alone are more than a peer takes: to a kodo peer in chunks behind a real web server's ceiling, whole or not at all; for a
legacy peer that node is paused and shown, and all else goes on."""
import json
import os
import subprocess

import pytest

import kodotest
from kodotest import wait_until
import meshtest
from meshtest import Member
from responder import SANITIZED
from test_big_exchange import MAX_KIB, Memory

CEILING_KIB = 128
FAT = "http://localhost:9999"
REGISTRY = {**meshtest.REGISTRY, "page_max": 100_000}


class Front:
    """lighttpd before a service, with a ceiling for bodies."""

    def __init__(self, cwd, to):
        self.port = kodotest.free_port()
        self.url = f"http://localhost:{self.port}"
        path = os.path.join(cwd, "lighttpd.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f'server.port = {self.port}\nserver.bind = "127.0.0.1"\nserver.document-root = "{cwd}"\n'
                    f'server.modules = ("mod_proxy")\nserver.max-request-size = {CEILING_KIB}\nserver.upload-dirs = ("{cwd}")\n'
                    f'proxy.server = ("" => (("host" => "127.0.0.1", "port" => {to})))\n')
        self.process = subprocess.Popen(["lighttpd", "-D", "-f", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def close(self):
        kodotest.end(self.process)


def behind(folders, name, options):
    """A service that others reach through such a server only."""
    place = folders()
    port = kodotest.free_port()
    front = Front(place, port)
    member = Member(place, name, {**options, "listen": f"127.0.0.1:{port}"})
    member.port, member.url, member.options["url"] = port, front.url, front.url
    return member, front


def run(one, *arguments):
    done = subprocess.run([kodotest.KODO, *arguments, "--state", one.state_file], cwd=one.cwd, capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.stdout


def fill(registry, flows):
    """A fat node, as one that connects to the registry."""
    body = kodotest.greeting(FAT, nodes=[kodotest.node(FAT, [kodotest.flow(n, name=f"Flow {n}", description="d" * 150) for n in range(flows)])])
    assert registry.post("/connect", body).status == 201
    assert registry.total() == flows
    return len(json.dumps(body))


def of_fat(service):
    """Its flows but for what the provider adds."""
    return [{key: item[key] for key in ("url", "name", "description", "author", "tags", "organization")}
            for item in service.get("/flows?pp=100000&by=url").json()["items"]]


@pytest.mark.parametrize("flows, full_connects", [(4000, True), (20_000, False)], ids=["a-megabyte-is-sent", "more-than-an-answer-holds"])
def test_arrives_whole_and_never_partly(folders, flows, full_connects):
    full = Member(folders(), "full", {**REGISTRY, "retry": 1})     # the fat node itself is gone, and soon given up
    empty, front = behind(folders, "empty", REGISTRY)
    try:
        full.state_file = full.state_path()
        full.start()
        size = fill(full, flows)
        assert size > (1 << 20 if full_connects else 4 << 20)
        assert full.stop() == 0             # the memory of taking that in is not what is tried here
        if full_connects:
            full.options["connect"] = [empty.url]
        else:
            empty.options["connect"] = [full.url]
        first, second = (empty, full) if full_connects else (full, empty)
        with Memory(full, empty) as memory:
            first.start()
            wait_until(first.is_idle, 20, "nobody is at work who could notice by chance")
            second.start()
            seen = set()

            def is_there():
                seen.add(empty.total())
                return flows in seen
            wait_until(is_there, 30, "the node has arrived")
            wait_until(lambda: json.loads(run(full, "explain", FAT, "--json"))["unnotified"] == [], 20, "all is sent", pause=0.2)
        print(size, memory.peak_kib, memory.parts)
        assert seen <= {0, flows}, "an incomplete node was seen"
        assert of_fat(empty) == of_fat(full)
        assert SANITIZED or max(memory.peak_kib.values()) < MAX_KIB, memory.parts
        chunks = [what for what, _ in empty.received() if what == "/update"]
        assert len(chunks) >= size // (CEILING_KIB << 10), chunks
        explained = json.loads(run(full, "explain", FAT, "--json"))
        assert explained["seen"] and explained["paused"] == []
    finally:
        full.kill()
        empty.kill()
        front.close()


def test_legacy_peer_gets_the_rest(folders):
    """The stand-in answers 413; the node alone is paused, shown in words with its size, and tried again when it changes."""
    taken = {}

    def answer(method, path, body):
        if body is not None and len(json.dumps(body)) > CEILING_KIB << 10:
            return 413, {"status_code": 413, "detail": "Request Entity Too Large"}
        for node in (body or {}).get("nodes", ()):
            taken[node["url"]] = len(node["flows"])
        return 200, kodotest.greeting(target.url, registry=True, feed=True)
    target = kodotest.Peer(answer=answer)
    one = Member(folders(), "one", {**REGISTRY, "connect": [target.url]})
    one.state_file = one.state_path()
    small = {f"http://localhost:{9000 + n}" for n in range(20)}
    try:
        one.start()
        fill(one, 4000)
        for url in small:
            assert one.post("/connect", kodotest.connect_body(url, 3)).status == 201
        wait_until(lambda: set(taken) == small, 20, "all others have arrived")
        wait_until(one.is_idle, 20, "idle")
        explained = json.loads(run(one, "explain", FAT, "--json"))
        assert explained["unnotified"] == [] and [paused["for"] for paused in explained["paused"]] == [target.url]
        assert "413" in explained["paused"][0]["why"] and " bytes" in explained["paused"][0]["why"]
        text = run(one, "explain", FAT)
        assert f"paused for {target.url}: not taken, " in text
        peers = {row["url"]: row for row in json.loads(run(one, "peers", "--json"))}
        assert (peers[target.url]["refused"], peers[target.url]["pending"], peers[target.url]["state"]) == (1, 0, "ok")
        assert FAT + " not taken, " in run(one, "peers") and "nodes that a peer does not take: 1" in run(one, "check")

        tried = sum(1 for _, _, body, _ in target.seen if FAT in json.dumps(body))
        assert one.post("/connect", kodotest.connect_body("http://localhost:9000", 5)).status == 201
        wait_until(lambda: taken["http://localhost:9000"] == 5, 10, "another change goes on")
        assert sum(1 for _, _, body, _ in target.seen if FAT in json.dumps(body)) == tried, "it was tried again"
        assert one.post("/connect", kodotest.connect_body(FAT, 7)).status == 201
        wait_until(lambda: taken.get(FAT) == 7, 10, "it has changed")
        assert json.loads(run(one, "explain", FAT, "--json"))["paused"] == []
    finally:
        one.kill()
        target.close()
