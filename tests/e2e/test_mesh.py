"""Networks of `kodo service` on loopback: they converge, a change costs at most two messages a link, then they are silent.

MESH=long (`make check-mesh`): each member is killed, stopped and left in turn, and silence is watched for 10 s.
"""
import time

import pytest

from kodotest import wait_until
from meshtest import LONG, PROVIDER, QUIET, REGISTRY, SECONDS, Network


def ring(*places):
    return list(zip(places, places[1:] + places[:1]))


SHAPES = {
    "chain-of-4": ([REGISTRY] * 4, [(1, 0), (2, 1), (3, 2)], None),
    "star-of-5": ([REGISTRY] * 5, [(i, 0) for i in range(1, 5)], None),
    "ring-of-3": ([REGISTRY] * 3, ring(0, 1, 2), None),
    "ring-of-5": ([REGISTRY] * 5, ring(0, 1, 2, 3, 4), None),
    "mesh-of-4": ([REGISTRY] * 4, [(i, j) for i in range(4) for j in range(4) if i != j], None),
    "two-rings": ([REGISTRY] * 5, ring(0, 1, 2) + ring(0, 3, 4), None),
    "node-provider-registry": ([REGISTRY, PROVIDER], [(1, 0)], [1]),
}


def places(members):
    """Each in turn, or only one in the middle."""
    return members if LONG else [members[len(members) // 2]]


@pytest.fixture(params=SHAPES)
def network(request, folders):
    with Network(folders, *SHAPES[request.param]) as net:
        net.wait_converged()
        net.wait_quiet()
        yield net


def change_and_count(net, node):
    before = net.counts()
    node.change()
    net.wait_converged()
    net.wait_quiet()
    more = net.counts() - before
    over = {link: n for link, n in more.items() if n > (2 if link in net.links else 1)}
    assert more and not over, f"{net.told(more)}\n{net.story()}"


def test_network(network):
    for node in places(network.n):
        change_and_count(network, node)
    network.assert_silent()

    for member in places(network.r) + places(network.n):
        member.kill()
        member.start()
        network.wait_converged()
    # those that were down while something changed
    for member in places(network.r):
        member.kill()
        other = next(n for n in network.n if member.url not in n.options["connect"] or len(network.n) == 1)
        other.change()
        time.sleep(0.5)
        member.start()
        network.wait_converged()
    for member in places(network.r):
        with member.stopped():
            network.n[0].change()
            time.sleep(10 if LONG else 2)
        network.wait_converged()
    for node in places(network.n):
        network.left.add(node)
        assert node.request("DELETE", "/connect").status == 204
        network.wait_converged()
    network.wait_quiet()
    network.assert_silent(QUIET if LONG else 1)


def test_registry_to_provider(folders):
    """A feeding registry connects to a provider, which takes in what it is told and passes it on to nobody."""
    with Network(folders, [REGISTRY, PROVIDER], [(0, 1)]) as net:
        registry, provider = net.r
        everything = net.n[0].rows() | net.n[1].rows()
        net.wait_quiet()
        assert provider.shown() == everything
        assert registry.shown() == net.n[0].rows()

        net.n[0].change()
        wait_until(lambda: net.n[0].rows() <= provider.shown(), SECONDS)
        net.wait_quiet()
        before = net.counts()
        net.n[1].change()
        wait_until(lambda: net.n[1].rows() <= provider.shown(), SECONDS)
        net.wait_quiet()
        assert net.counts() - before == {frozenset((net.n[1].url, provider.url)): 1}, net.story()
        assert registry.shown() == net.n[0].rows()
        for member in (provider, registry):
            member.kill()
            member.start()
            wait_until(lambda: provider.shown() == net.expected(), SECONDS)
        net.left.add(net.n[0])
        assert net.n[0].request("DELETE", "/connect").status == 204
        wait_until(lambda: provider.shown() == net.expected(), SECONDS)
        assert registry.shown() == set()
