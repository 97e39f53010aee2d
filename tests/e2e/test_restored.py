"""A registry whose state is an older copy: nothing of what it said since is taken away, at it or at its peers, while owners are offline."""
import os
import shutil

import pytest

from kodotest import wait_until
from meshtest import NODE, PROVIDER, REGISTRY, SECONDS
from test_leaving import assert_stays

LINKS = {"copy connects": (True, False), "peer connects": (False, True), "both connect": (True, True)}


def state_of(one):
    return os.path.join(one.cwd, "data")


def copy_state(source, to):
    shutil.copytree(source, to, ignore=shutil.ignore_patterns("wake"))      # a named pipe


def restore(one, copy):
    one.stop()
    shutil.rmtree(state_of(one))
    copy_state(copy, state_of(one))
    one.start()


def linked_pair(member, link):
    """A registry that is to be restored, and its peer."""
    is_copy_connecting, is_peer_connecting = LINKS[link]
    old, peer = member("R", REGISTRY), member("P", REGISTRY)
    old.options["connect"] = [peer.url] if is_copy_connecting else []
    peer.options["connect"] = [old.url] if is_peer_connecting else []
    return old, peer


@pytest.mark.parametrize("link", LINKS)
def test_owners_that_are_offline(member, folders, link):
    old, peer = linked_pair(member, link)
    nodes = [member(name, NODE, connect=[old.url]) for name in ("same", "changed", "new")]
    for one in (peer, old, *nodes[:2]):
        one.start()
    both_show(old, peer, nodes[:2])
    old.stop()
    copy = os.path.join(folders(), "copy")
    copy_state(state_of(old), copy)
    old.start()
    nodes[1].change()
    nodes[2].start()
    both_show(old, peer, nodes)
    for node in nodes:
        node.kill()
    restore(old, copy)
    both_show(old, peer, nodes)
    assert_stays(lambda: peer.shown() == rows_of(nodes) == old.shown(), 3)
    # a word of an owner still counts: the one that the copy did not know leaves
    nodes[2].start_connected()
    nodes[2].request("DELETE", "/connect")
    both_show(old, peer, nodes[:2])


@pytest.mark.parametrize("link", LINKS)
def test_owners_with_a_key_that_others_have_heard_since(member, folders, link):
    """What the copy has of them is not what they said last: one has changed, one has gone, both at the peer, too, and are offline."""
    old, peer = linked_pair(member, link)
    changed, gone = nodes = [member(name, NODE, connect=[old.url, peer.url]) for name in ("changed", "gone")]
    linked, news = member("linked", NODE, connect=[old.url]), member("news", NODE, connect=[peer.url])
    for one in (peer, old, linked, *nodes):
        one.start()
    both_show(old, peer, [linked, *nodes])      # so the copy knows the peer
    old.stop()
    copy = os.path.join(folders(), "copy")
    copy_state(state_of(old), copy)
    old.start()
    changed.change()
    gone.request("DELETE", "/connect")
    both_show(old, peer, [linked, changed])
    for node in nodes:
        node.kill()
    restore(old, copy)
    news.start()        # of which the peer tells: it is found out to be a copy
    both_show(old, peer, [linked, changed, news])
    assert_stays(lambda: peer.shown() == rows_of([linked, changed, news]) == old.shown(), 3)
    # a word of an owner counts alone again
    changed.change()
    changed.start_connected()
    both_show(old, peer, [linked, changed, news])


def rows_of(nodes):
    return set().union(*(node.rows() for node in nodes))


def both_show(one, other, nodes):
    for registry in (one, other):
        wait_until(lambda: registry.shown() == rows_of(nodes), SECONDS, f"{registry.name} shows {[n.name for n in nodes]}")


def test_provider_is_restored(member, folders):
    """It is given back what it does not get to see of others."""
    old, peer = member("R", PROVIDER), member("P", REGISTRY)
    old.options["connect"] = [peer.url]
    nodes = [member(name, NODE, connect=[old.url]) for name in ("same", "new")]
    for one in (peer, old, nodes[0]):
        one.start()
    both_show(old, peer, nodes[:1])
    old.stop()
    copy = os.path.join(folders(), "copy")
    copy_state(state_of(old), copy)
    old.start()
    nodes[1].start()
    both_show(old, peer, nodes)
    for node in nodes:
        node.kill()
    restore(old, copy)
    both_show(old, peer, nodes)
    assert_stays(lambda: peer.shown() == rows_of(nodes) == old.shown(), 3)
