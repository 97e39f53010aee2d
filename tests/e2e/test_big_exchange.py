"""A view of 100,000 flows is connected, in both directions and under a low ceiling of the receiver, with little memory on either side."""
import threading
import time

import pytest

import kodotest
from kodotest import wait_until
from meshtest import REGISTRY, Member

FLOWS = 100_000
OF_A_NODE = 500
MAX_KIB = 64 * 1024


class Memory:
    """The most that all processes of a service hold together, not counting pages of the state's file, which they share."""

    def __init__(self, *services):
        self.services = services
        self.peak_kib = dict.fromkeys((service.name for service in services), 0)
        self.parts = {}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def measure(self, service, pids):
        now = {}
        for pid in pids:
            try:
                with open(f"/proc/{pid}/status") as f:
                    fields = dict(line.split(":", 1) for line in f)
            except (FileNotFoundError, ProcessLookupError):
                continue
            now[fields["Name"].strip(), pid] = int(fields.get("RssAnon", "0").split()[0])
        if sum(now.values()) > self.peak_kib[service.name]:
            self.peak_kib[service.name], self.parts[service.name] = sum(now.values()), now

    def watch(self):
        pids = {}
        for i in range(1 << 30):
            if self.ending.wait(0.01):
                return
            for service in self.services:
                if i % 20 == 0:                             # a walk over all of /proc costs more than these
                    pids[service] = [service.process.pid] + kodotest.children(service.process.pid) if service.process else []
                self.measure(service, pids[service])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


def fill(registry):
    """Nodes that connect, each a message."""
    for i in range(FLOWS // OF_A_NODE):
        url = f"http://localhost:{10000 + i}"
        flows = [kodotest.flow(n, name=f"Flow {n} of node {i}") for n in range(OF_A_NODE)]
        assert registry.post("/connect", kodotest.greeting(url, nodes=[kodotest.node(url, flows)])).status == 201
    assert registry.total() == FLOWS


@pytest.mark.parametrize("full_connects, low", [(True, False), (True, True), (False, False), (False, True)],
                         ids=["the-full-one-connects", "under-a-low-ceiling", "the-empty-one-connects", "the-empty-one-under-a-low-ceiling"])
def test_big_exchange(folders, full_connects, low):
    full = Member(folders(), "full", REGISTRY)
    empty = Member(folders(), "empty", {**REGISTRY, "workers": 2, **({"body_max_mib": 1} if low else {})})
    try:
        full.start()
        fill(full)
        first, second = (empty, full) if full_connects else (full, empty)
        second.options["connect"] = [first.url]
        if full_connects:
            assert full.stop() == 0
        with Memory(full, empty) as memory:
            first.start() if first.process is None else None
            second.start()
            seen = []

            def is_full():
                seen.append(empty.total())
                return seen[-1] == FLOWS
            wait_until(is_full, 60, "all flows have arrived", pause=0.1)
            # idle is only who feeds nobody that is gone, and the nodes of this test are none; acknowledged is the last piece
            wait_until(lambda: second.get("/map").json()["connection"][first.url], 20, "the connect is acknowledged")
        print(memory.peak_kib, memory.parts)
        assert seen == sorted(seen), "nodes disappeared meanwhile"
        assert full.total() == empty.total() == FLOWS
        assert max(memory.peak_kib.values()) < MAX_KIB, memory.parts
        n = len(empty.received())
        assert n >= 10 if low else n >= 1, empty.received()

        # the same again: nothing may disappear while the pieces come in
        assert second.stop() == 0
        second.start()
        for _ in range(20):
            assert empty.total() == FLOWS
            time.sleep(0.1)
    finally:
        full.kill()
        empty.kill()
