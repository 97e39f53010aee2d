"""Random histories of real services (tests/histories): after the healing all is right within the bound on time.

MESH=long (`make check-mesh`): 30 of them; `make histories` tries 600.
"""
import datetime
import os
import sys
import types

import pytest

import kodotest
from meshtest import LONG

sys.path.insert(0, os.path.join(kodotest.SRCDIR, "tests", "histories"))

import history  # noqa: E402
import network  # noqa: E402
import run  # noqa: E402

CLOCK = os.path.join(os.environ.get("BUILDDIR", kodotest.TREE), "tests", "histories", "clock.so")
SEEDS, JOBS = (range(1, 31), 4) if LONG else ([2], 1)

# roles, who connects to whom, whose flows each must show
VIEWS = {
    "node-hybrid-registry": (["node", "hybrid", "registry"], [(0, 1), (1, 2)], [{0}, {0, 1}, {0, 1, 2}]),
    "registry-to-hybrid": (["registry", "hybrid"], [(0, 1)], [{0}, {0, 1}]),
    "two-that-feed": (["registry", "registry"], [(0, 1)], [{0, 1}, {0, 1}]),
    "to-a-node": (["registry", "node"], [(0, 1)], [{0}, {1}]),
    "at-a-registry-between": (["node", "registry", "registry"], [(0, 1), (1, 2)], [{0}, {0, 1, 2}, {0, 1, 2}]),
    "beside-a-hybrid": (["node", "hybrid", "node"], [(0, 1), (2, 1)], [{0}, {0, 1, 2}, {2}]),
}


def members(roles, links):
    made = [history.Member(i, role) for i, role in enumerate(roles)]
    for i, j in links:
        made[i].targets |= {made[j].port}
    return made


@pytest.mark.parametrize("roles,links,views", VIEWS.values(), ids=VIEWS.keys())
def test_model(roles, links, views):
    made = members(roles, links)
    assert [{m.number for m in history.sources(made, m)} for m in made] == views


def test_model_of_left_and_taken_over():
    made = members(["registry", "node", "node"], [(1, 0), (2, 0)])
    made[1].has_left = True
    assert history.sources(made, made[0]) == {made[0], made[2]}
    made[1].has_left, made[0].port, made[2].port = False, 7, 0      # both have their target at 0, which is no registry now
    assert history.sources(made, made[0]) == {made[0]}


def test_seed_decides_everything():
    assert history.History(7).story() == history.History(7).story() != history.History(8).story()


def test_no_sign_off_is_lost():
    """A state that is deleted, or restored, knew of nothing that nobody else remembers; and all runs in the end."""
    for seed in range(2000):
        h = history.History(seed)
        ever = {}
        for step in h.all_steps():
            if step.what == "loader":
                s = step.settings
                now = {(s.port, target) for target in s.targets}
                if ever.pop((step.number, "wiped"), False):
                    assert ever[step.number] <= now, seed
                ever[step.number] = ever.get(step.number, set()) | now
            elif step.what == "wipe":
                ever[step.number, "wiped"] = True
        ports = [m.port for m in h.members]
        assert len(set(ports)) == len(ports)
        for m in h.members:
            assert m.is_down == (m.number not in h.acts[-1].up), seed
            assert not m.is_stopped and m.targets <= set(ports) - {m.port}, seed


def result(seconds, has_lost=False, fault=None):
    return types.SimpleNamespace(seed=1, seconds=seconds, has_lost=has_lost, fault=fault, kinds=(), story="")


@pytest.mark.parametrize("results,is_good", [
    ([result(9.9)] * 600, True),
    ([result(1)] * 599 + [result(11)], True),
    ([result(1)] * 598 + [result(11)] * 2, False),
    ([result(1)] * 599 + [result(31)], False),
    ([result(1)] * 599 + [result(100, fault="never right")], False),
    ([result(1)] * 599 + [result(61, has_lost=True)], True),
    ([result(1)] * 599 + [result(90, has_lost=True)], False),
])
def test_what_is_good_enough(results, is_good):
    assert (run.summary(results)[1] == []) == is_good


def test_driver_finds_what_is_wrong(place, monkeypatch):
    """A flow that is not there, and one that is there and should not be."""
    monkeypatch.setattr(network, "LIMIT_S", 2)
    h = history.History(2)
    number, port, flows = next(source for source in h.acts[0].view[0] if source[0] == 1)
    h.acts[0].view[0].remove((number, port, flows))
    h.acts[0].view[0].add((number, port, flows + 1))
    with network.Network(h, place, CLOCK) as net:
        net.perform(h.acts[0])
        with pytest.raises(network.Late):
            net.measure(h.acts[0])
        assert "lacks s1" in net.tell() and "shows too much: s1" in net.tell()


def test_clock_is_set_while_it_runs(place):
    h = history.History(2)
    with network.Network(h, place, CLOCK) as net:
        net.perform(h.acts[0])
        for days in 60, 0:
            net.services[0].do_clock(days * history.DAY)
            now = datetime.datetime.fromisoformat(net.services[0].get("/").json()["now"].rstrip("Z"))
            assert abs((now - datetime.datetime.utcnow()).total_seconds() - days * history.DAY) < 60, now


def test_histories(place):
    results = run.run_all(SEEDS, JOBS, lambda seed: network.run(seed, CLOCK))
    run.write_worst(os.path.join(place, "worst"), results)
    lines, faults = run.summary(results)
    print("\n".join(lines))
    assert not faults, "\n".join(faults) + "\n" + open(os.path.join(place, "worst"), encoding="utf-8").read()
