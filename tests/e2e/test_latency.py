"""How long a change takes through a chain: node -> R0 -> R1 -> R2, three links, each a `kodo service` with its own runner."""
import itertools
import statistics
import threading
import time

import pytest

import kodotest
from meshtest import REGISTRY, SECONDS, Network

CHANGES = 8
TRIES = 4                   # of so many changes, for a machine that has other things to do
MEDIAN_MS = 500


class Watch:
    """Notes when a service first shows a text; it asks again and again in a thread."""

    def __init__(self, member, text):
        self.member, self.text = member, text
        self.at = None
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if self.text in self.member.get("/flows?format=json").text():
                self.at = time.monotonic()
                return
            time.sleep(0.002)

    def wait(self):
        self.thread.join()
        assert self.at is not None, f"{self.member.name} never shows {self.text}"
        return self.at


@pytest.fixture(params=["targets-upwards", "targets-downwards"])
def chain(request, folders):
    """The registries of the chain connect to the one nearer to the node, or to the one farther away."""
    links = [(1, 0), (2, 1)] if request.param == "targets-upwards" else [(0, 1), (1, 2)]
    with Network(folders, [REGISTRY] * 3, links, [0]) as net:
        net.wait_converged()
        net.wait_quiet()
        yield net


def assert_fast(change, what):
    """change() makes one and gives how many seconds it took."""
    for _ in range(TRIES):
        ms = [1000 * change() for _ in range(CHANGES)]
        print(f"{what}: best {min(ms):.0f} ms, median {statistics.median(ms):.0f} ms, worst {max(ms):.0f} ms of {len(ms)}")
        if statistics.median(ms) < MEDIAN_MS:
            return
    raise AssertionError(f"{what}: {ms}")


def test_change_at_a_node(chain):
    """From when the node shows it itself: its loader is looked at once a second, which is not what is measured."""
    def change():
        node = chain.n[0]
        node.change()
        here, there = [Watch(member, f"round {node.round}") for member in (node, chain.r[2])]
        return there.wait() - here.wait()
    assert_fast(change, "a node's change, three links away")


def test_posted_change(chain):
    """From the begin of a POST of a node that is none of ours, which is the first of the links."""
    rounds = itertools.count(1)

    def change():
        text = f"posted in round {next(rounds)}."
        watch = Watch(chain.r[2], text)
        began = time.monotonic()
        url = "http://localhost:19999"
        body = kodotest.greeting(url, nodes=[kodotest.node(url, [kodotest.flow(1, name=text)])])
        assert chain.r[0].post("/connect", body).status == 201
        return watch.wait() - began
    assert_fast(change, "a posted change, three links away")
