"""Rings of five registries, of which some run a former program: they converge as if all were of one, and after an upgrade in the middle.

$FORMER is the folder in which `make check-former` has built it from the history.
"""
import os

import pytest

import kodotest
from meshtest import REGISTRY, SECONDS, Network

FORMER = os.environ.get("FORMER", os.path.join(os.environ.get("BUILDDIR", "."), "former.tmp"))
PROGRAM = os.path.join(FORMER, "b", "fcgi-app", "kodo")
RING = [(i, (i + 1) % 5) for i in range(5)]

pytestmark = pytest.mark.skipif(not os.path.exists(PROGRAM), reason="there is no former program: make check-former builds it from git's history")


def of_former(members):
    for member in members:
        member.program = PROGRAM
        member.env["KODO_WWW"] = os.path.join(FORMER, "www")


def ring(folders, places):
    """Registries at these places, and their nodes, are of the former program."""
    network = Network(folders, [REGISTRY] * 5, RING)
    of_former([network.r[i] for i in places] + [network.n[i] for i in places])
    return network


def exercise(network):
    network.wait_converged()
    for node in network.n:
        node.change()
    network.wait_converged()
    left = network.n[0]
    assert left.request("DELETE", "/connect").status == 204
    network.left.add(left)
    network.wait_converged()
    network.wait_idle()
    network.wait_quiet()


@pytest.mark.parametrize("places", [(0,), (1, 3), (0, 2, 4), (0, 1, 2, 3)], ids=str)
def test_ring(folders, places):
    with ring(folders, places) as network:
        running = [os.readlink(f"/proc/{registry.process.pid}/exe") == os.path.realpath(PROGRAM) for registry in network.r]
        assert running == [i in places for i in range(5)]
        exercise(network)


def test_upgraded_one_by_one(folders):
    """All of the former program at first; each is ended and started as the present one, with its state."""
    with ring(folders, range(5)) as network:
        network.wait_converged()
        for registry, node in zip(network.r, network.n):
            assert registry.stop() == 0
            registry.program = kodotest.KODO
            registry.env["KODO_WWW"] = kodotest.WWW
            registry.start(SECONDS)
            node.change()
            network.wait_converged()
        exercise(network)
