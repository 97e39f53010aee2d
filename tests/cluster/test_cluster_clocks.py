"""Machines of a cluster whose clocks are set, and jump: make check-cluster."""
import os
import random
import struct
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, same_digests  # noqa: E402
from kodotest import TREE, connect_body, wait_until  # noqa: E402

LIBRARY = os.path.join(os.environ.get("BUILDDIR", TREE), "tests", "histories", "clock.so")
DAY = 86400


class Clocks:
    """Of the machines, each with a difference of its own (tests/histories/clock.c)."""

    def __init__(self, c):
        self.paths = {}
        for m in c.machines:
            self.paths[m.name] = os.path.join(m.cwd, "clock")
            self.set(m, 0)
            m.env.update(TEST_CLOCK=self.paths[m.name], LD_PRELOAD=LIBRARY, ASAN_OPTIONS="verify_asan_link_order=0")

    def set(self, m, seconds):
        """In place: running programs have mapped it."""
        path = self.paths[m.name]
        with open(path, "r+b" if os.path.exists(path) else "wb") as f:
            f.write(struct.pack("=q", seconds))


def times_of(m, url):
    """created and modified of a node, as m shows them."""
    shown = m.get("/connect").json()["nodes"]
    return [n[name] for n in shown if n["url"] == url for name in ("created", "modified")]


@pytest.mark.parametrize("steps", [(DAY, -DAY), (-DAY, DAY), (30 * DAY, 0), (0, -30 * DAY)])
def test_clocks_are_set(tmp_path, steps):
    """Two of three, and back, while nodes are stated anew at each machine in turn. A clock is believed up to 30 days from another one."""
    rng = random.Random(1)
    c = Cluster(tmp_path)
    clocks = Clocks(c)
    try:
        c.start()
        leader = wait_until(c.leader, 20, "one sends")
        token = leader.status()["token"]
        last, stated = {}, 0
        for offsets in ((0, 0, 0), (steps[0], 0, 0), (steps[0], steps[1], 0), (0, steps[1], 0), (0, 0, 0)):
            for m, seconds in zip(c.machines, offsets):
                clocks.set(m, seconds)
            for k in range(9):
                m, url = c.machines[k % 3], f"http://n{rng.randrange(4)}.test"
                stated += 1
                answer = m.post("/connect", connect_body(url, flows=1 + stated))
                assert answer.status == 201, (offsets, m.name, answer)
                now = times_of(m, url)
                assert len(now) == 2 and all(now), now
                assert all(b >= a for a, b in zip(last.get(url, now), now)), (offsets, m.name, url, last[url], now)
                last[url] = now
            time.sleep(3)
            assert leader.status()["token"] == token and leader.leads(), "the lease goes by no wall clock"
            wait_until(lambda: same_digests(c.machines), 20, f"digests equal at {offsets}")
        for m in c.machines:
            assert all(times_of(m, url) == at for url, at in last.items()), m.name
            assert m.get("/health").status == 200
    finally:
        c.end()
