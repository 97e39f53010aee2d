"""How long a change takes through a chain: node -> R0 -> R1 -> R2, three links, each a `kodo service` with its own runner."""
import itertools
import threading
import time

import pytest

import kodotest
from meshtest import REGISTRY, SECONDS, Network

CHANGES = 8
LINKS = 3
TRIES = 4                   # of so many changes, for a machine that has other things to do
LIMIT = 2.5                 # times what as many POSTs as there are links take meanwhile; 0.3 to 1.6 is usual, on a busy machine too


class Watch:
    """Notes when a service first shows a text; it asks again and again in a thread."""

    def __init__(self, member, text):
        self.member, self.text = member, text
        self.at = None
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
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


@pytest.fixture
def alone(folders):
    """A registry without peers to notify."""
    with Network(folders, [REGISTRY], [], []) as net:
        yield net.r[0]


def post(member, text):
    url = "http://localhost:19999"
    body = kodotest.greeting(url, nodes=[kodotest.node(url, [kodotest.flow(1, name=text)])])
    assert member.post("/connect", body).status == 201


def baseline(member, rounds):
    """Seconds that the least takes which three links can do: three POSTs one after another, the last of them shown."""
    texts = [f"alone in round {next(rounds)}." for _ in range(LINKS)]
    watch = Watch(member, texts[-1])
    began = time.monotonic()
    for text in texts:
        post(member, text)
    return watch.wait() - began


def rounded(ms):
    return " ".join(f"{n:.1f}" for n in ms)


def assert_fast(change, alone, what):
    """change() makes one and gives how many seconds it took; in turns with what it is held against."""
    rounds = itertools.count(1)
    for _ in range(TRIES):
        both = [(change(), baseline(alone, rounds)) for _ in range(CHANGES)]
        took, least = [sorted(1000 * seconds for seconds in some) for some in zip(*both)]
        print(f"{what}, ms: {rounded(took)}\n{LINKS} POSTs, ms: {rounded(least)}")
        if took[CHANGES // 4] < LIMIT * least[CHANGES // 4]:
            return
    raise AssertionError(f"{what}, ms: {rounded(took)}, over {LIMIT} times {LINKS} POSTs: {rounded(least)}")


def test_change_at_a_node(chain, alone):
    """From when the node shows it itself: its loader is watched once a second, which is not what is measured."""
    def change():
        node = chain.n[0]
        node.change()
        here, there = [Watch(member, f"round {node.round}") for member in (node, chain.r[2])]
        return there.wait() - here.wait()
    assert_fast(change, alone, "a node's change, three links away")


def test_posted_change(chain, alone):
    """From the begin of a POST of a node of another system, which is the first of the links."""
    rounds = itertools.count(1)

    def change():
        text = f"posted in round {next(rounds)}."
        watch = Watch(chain.r[2], text)
        began = time.monotonic()
        post(chain.r[0], text)
        return watch.wait() - began
    assert_fast(change, alone, "a posted change, three links away")
