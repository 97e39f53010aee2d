"""Ten seconds after what once took five minutes, or for ever, all show what is right: roles, turned links, mistaken and dropped targets.

Lost states are in test_leaving, restored copies in test_restored, and all of it at random in test_histories.
"""
import os
import time

import pytest

from kodotest import wait_until
from meshtest import NODE, PROVIDER, REGISTRY
from test_leaving import assert_stays, leave, restart_as

BOUND_S = 10
CALM_S = 2                                  # and right for so long
PAUSE_S = 8
QUICK = {"retry": 2}                        # paused after two attempts, not nine


@pytest.fixture
def offering(member):
    """A function as member, of one that has flows of its own whatever its role, and is started."""
    def make(name, role, *targets, **more):
        one = member(name, role, connect=[target.url for target in targets], **more)
        one.options["flows"] = one.offer()
        return one.start()
    return make


def rows_of(*members):
    return set().union(*(one.rows() for one in members))


def assert_shows(views):
    """{member: whose flows it must show}, within the bound, and from then on."""
    def are_right():
        return all(one.shown() == rows_of(*seen) for one, seen in views.items())
    end, since = time.monotonic() + BOUND_S, None
    while since is None or time.monotonic() < since + CALM_S:
        since = (since or time.monotonic()) if are_right() else None
        assert since or time.monotonic() < end, {one.name: one.shown() for one in views}
        time.sleep(0.05)


def becomes(one, role):
    """The loader of a node is a program, see Member."""
    one.loader = os.path.join(one.cwd, "kodo.yaml" if role["registry"] else "loader")
    restart_as(one, registry=role["registry"], feed=role["feed"])


def flows_change(one):
    one.round += 1
    restart_as(one, flows=one.offer())


def test_link_that_turned_round(offering):
    a, b = offering("A", REGISTRY), offering("B", REGISTRY)
    restart_as(a, connect=[b.url])
    assert_shows({a: [a, b], b: [a, b]})
    b.kill()
    restart_as(a, connect=[])
    b.options.update(connect=[a.url], cache_reset=True)
    b.start()                                                   # the sign-off of A reaches it late
    assert_shows({a: [a, b], b: [a, b]})


@pytest.mark.parametrize("by", ["restart", "sign-off"])
def test_one_of_two_links_ends(offering, by):
    a = offering("A", REGISTRY)
    b = offering("B", REGISTRY, a)
    restart_as(a, connect=[b.url])
    assert_shows({a: [a, b], b: [a, b]})
    if by == "restart":
        restart_as(a, connect=[])
    else:
        leave(a)
    assert_shows({a: [a, b], b: [a, b]})


def test_who_does_not_feed_any_more_shows_its_own(offering):
    a = offering("A", REGISTRY)
    b = offering("B", REGISTRY, a)
    assert_shows({b: [a, b]})
    becomes(b, PROVIDER)
    flows_change(a)
    assert_shows({a: [a, b], b: [b]})


@pytest.mark.parametrize("role", [PROVIDER, NODE], ids=["provider", "node"])
def test_what_came_by_way_of_a_registry_goes_with_its_role(offering, role):
    a = offering("A", REGISTRY)
    b = offering("B", REGISTRY, a)
    offering("N", NODE, a)
    wait_until(lambda: len(b.shown()) == 6, BOUND_S, "B shows A, B and N")
    becomes(a, role)
    assert_shows({b: [b]})


@pytest.mark.parametrize("mended", [False, True], ids=["other target dropped", "mended"])
def test_node_that_is_a_target_by_mistake(offering, mended):
    other = offering("O", REGISTRY)
    r = offering("R", REGISTRY, other)
    n = offering("N", NODE, r)
    assert_shows({r: [r, n, other]})
    restart_as(r, connect=[other.url, n.url])
    assert_shows({r: [r, n, other]})
    restart_as(r, connect=[] if mended else [n.url])
    assert_shows({r: [r, n]})


def test_reset_forgets_statements_not_whom_to_ask(offering):
    r = offering("R", REGISTRY)
    n, m = offering("N", NODE, r), offering("M", NODE, r)
    assert_shows({r: [r, n, m]})
    restart_as(r, cache_reset=True)
    assert_shows({r: [r, n, m]})


def test_node_that_was_there_before_its_registry(member, offering):
    r = member("R", REGISTRY)
    n = offering("N", NODE, r, **QUICK)
    wait_until(lambda: "paused" in n.log(), BOUND_S, "N waits")
    r.start()
    assert_shows({r: [n]})


def test_registry_that_was_a_node_by_mistake(offering):
    r = offering("R", REGISTRY)
    n = offering("N", NODE, r, **QUICK)
    assert_shows({r: [r, n]})
    becomes(r, NODE)
    n.change()
    assert_stays(lambda: r.shown() == r.rows(), 3)
    becomes(r, REGISTRY)
    assert_shows({r: [r, n]})


def test_peer_that_was_away_for_long(offering):
    """Paused meanwhile: what it must learn does not wait for the end of the pause."""
    a = offering("A", REGISTRY, **QUICK)
    b = offering("B", REGISTRY, a)
    n = offering("N", NODE, a)
    assert_shows({a: [a, b, n], b: [a, b, n]})
    b.kill()
    n.change()
    wait_until(lambda: "paused" in a.log(), BOUND_S, "B is paused")
    b.start()
    wait_until(lambda: b.shown() == rows_of(a, b, n), BOUND_S, "B has connected")
    n.change()
    wait_until(lambda: b.shown() == rows_of(a, b, n), PAUSE_S / 2, "the pause is over")
