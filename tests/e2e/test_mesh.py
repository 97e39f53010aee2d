"""Networks of `kodo service` on loopback: they converge, a change costs at most two messages a link, then they are silent.

MESH=long (`make check-mesh`): each member is killed, stopped and left in turn, and silence is watched for 10 s.
"""
import time

import pytest

from meshtest import LONG, PROVIDER, QUIET, REGISTRY, Network

LATER = QUIET if LONG else 1


def ring(*places):
    return list(zip(places, places[1:] + places[:1]))


# kinds, who connects to whom, and which nodes each must show: all, but a provider is notified of nothing and passes on upwards only
SHAPES = {
    "chain-of-4": ([REGISTRY] * 4, [(1, 0), (2, 1), (3, 2)]),
    "star-of-5": ([REGISTRY] * 5, [(i, 0) for i in range(1, 5)]),
    "ring-of-3": ([REGISTRY] * 3, ring(0, 1, 2)),
    "ring-of-5": ([REGISTRY] * 5, ring(0, 1, 2, 3, 4)),
    "mesh-of-4": ([REGISTRY] * 4, [(i, j) for i in range(4) for j in range(4) if i != j]),
    "two-rings": ([REGISTRY] * 5, ring(0, 1, 2) + ring(0, 3, 4)),
    "node-provider-registry": ([REGISTRY, PROVIDER], [(1, 0)], [{0, 1}, {1}]),
    "registry-to-provider": ([REGISTRY, PROVIDER], [(0, 1)], [{0}, {0, 1}]),
    "ring-of-3-signed": ([{**REGISTRY, "trust": "signed"}] * 3, ring(0, 1, 2)),
    "node-provider-registry-signed": ([{**REGISTRY, "trust": "signed"}, {**PROVIDER, "trust": "signed"}], [(1, 0)], [{0, 1}, {1}]),
}


def places(members):
    """Each in turn, or only one in the middle."""
    return members if LONG else [members[len(members) // 2]]


@pytest.fixture(params=SHAPES)
def network(request, folders):
    kinds, links, *sees = SHAPES[request.param]
    with Network(folders, kinds, links, sees=sees[0] if sees else None) as net:
        net.wait_converged()
        net.wait_quiet()
        yield net


def assert_settled(net):
    net.wait_converged()
    net.wait_quiet()


def limits(net, node):
    """How many messages a change of the node may cost on each link: two between registries that both show it, else none."""
    most = {frozenset((node.url, node.options["connect"][0])): 1}
    urls = {r.url for r in net.r if net.is_seen_at(node, r)}
    most.update((link, 2) for link in net.links if link <= urls)
    return most


def change_and_count(net, node):
    before = net.counts()
    node.change()
    net.wait_converged()
    net.wait_quiet()
    more, most = net.counts() - before, limits(net, node)
    over = {link: n for link, n in more.items() if n > most.get(link, 0)}
    assert more and not over, f"{net.counted(more)}\n{net.story()}"


def test_network(network):
    for node in places(network.n):
        change_and_count(network, node)
    network.assert_silent()

    for member in places(network.r) + places(network.n):
        member.kill()
        member.start()
        assert_settled(network)
    network.assert_silent(LATER)
    # those that were down while something changed
    for member in places(network.r):
        member.kill()
        other = next(n for n in network.n if member.url not in n.options["connect"])
        other.change()
        time.sleep(0.5)
        member.start()
        assert_settled(network)
    network.assert_silent(LATER)
    for i, member in enumerate(places(network.r)):
        with member.stopped():
            network.n[i].change()
            time.sleep(10 if LONG else 2)
        assert_settled(network)
    network.assert_silent(LATER)
    for node in places(network.n):
        network.left.add(node)
        assert node.request("DELETE", "/connect").status == 204
        assert_settled(network)
    network.assert_silent(LATER)
