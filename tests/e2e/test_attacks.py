"""Who says what in whose name, and what comes of it under `trust: known`: the table of DESIGN.md, "Who speaks", cell by cell."""
import json
import os
import subprocess
import time

import pytest

import kodotest
from kodotest import connect_body
from test_trust import PATHS, Owner, flows_of, forged, known, run, snapshot

URL = "http://attacked.example.org"
HOME, AWAY = {"REMOTE_ADDR": "192.0.2.7"}, {"REMOTE_ADDR": "192.0.2.8"}
ADDRESSES = {"from its address": HOME, "from elsewhere": AWAY}

# what a cell holds: statuses, and whether it leaves a trace
REFUSED, COUNTS, VOID, NOBODY = ("refused", (403, 421)), ("counts", (200, 201)), ("void", (200, 201)), ("nobody", (404,))

# (known as, from where): of a word that is not signed; signed with another key; damaged; sent before
TABLE = {
    ("proved", "from its address"): (REFUSED, REFUSED, REFUSED, VOID),
    ("proved", "from elsewhere"): (REFUSED, REFUSED, REFUSED, VOID),
    ("pinned", "from its address"): (REFUSED, REFUSED, REFUSED, VOID),
    ("pinned", "from elsewhere"): (REFUSED, REFUSED, REFUSED, VOID),
    # who has no key is its address, for whoever shares that
    ("by address", "from its address"): (COUNTS, COUNTS, REFUSED, COUNTS),
    ("by address", "from elsewhere"): (REFUSED, REFUSED, REFUSED, REFUSED),
    # a first word is taken, until the url shows another key
    ("unknown", "from its address"): (COUNTS, COUNTS, REFUSED, None),
    ("unknown", "from elsewhere"): (COUNTS, COUNTS, REFUSED, None),
}
KINDS = ("unsigned", "another key", "damaged", "sent before")


def kind_of(name):
    return KINDS.index(name) if name in KINDS else KINDS.index("damaged")


@pytest.fixture(scope="module")
def registry():
    with kodotest.folder() as place:
        one = kodotest.Responder(place, {"url": URL, "private": True, "trigger": "cron"})
        yield one
        one.close()


def once(registry):
    """The runner, until nothing is due."""
    subprocess.run([kodotest.RECONNECT, registry.loader, "--once"], cwd="/", env=registry.env, timeout=30, check=False, capture_output=True)


def post(registry, path, data, fields, address):
    return registry.request("POST", path, body=data, headers=fields, **address)


def introduced(registry, level, path):
    """An owner that is known so, and what it has sent to path, which was taken."""
    owner, sent = Owner(is_there=level == "proved"), []
    for to in (() if level == "unknown" else ("/connect",) if path == "/connect" else ("/connect", path, "/connect")):
        make = owner.body if level != "by address" else lambda *more: legacy_body(owner, *more)
        data = json.dumps(make(to, 3 if to == "/update" else 2)).encode()
        fields = owner.fields(to, data, URL) if level != "by address" else {}
        assert post(registry, to, data, fields, HOME).status in (200, 201, 404), to
        if level == "proved":
            once(registry)
        if to == path:
            sent.append((data, fields))
    if path == "/connect" and level in ("proved", "pinned"):
        data = json.dumps(owner.body("/update", 3)).encode()        # newer than what is replayed
        assert post(registry, "/update", data, owner.fields("/update", data, URL), HOME).status == 200
    assert known(registry).get(owner.url, "unknown") == level
    return owner, sent


def legacy_body(owner, path, flows=2):
    return {name: value for name, value in owner.body(path, flows).items() if name != "kodo"}


def cells(owner, level, path, sent):
    for name, data, fields in forged(owner, path, URL):
        if level in ("by address", "unknown") and kind_of(name) == 0:
            data = json.dumps({**legacy_body(owner, path, 4), **({"organization": "Forger"} if path != "/disconnect" else {})}).encode()
        yield name, kind_of(name), data, fields
    for data, fields in sent:
        yield "sent before", 3, data, fields


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("level, place", TABLE, ids=lambda v: v.replace(" ", "-"))
def test_cell(registry, level, place, path):
    owner, sent = introduced(registry, level, path)
    before, i = snapshot(registry), 0
    try:
        while i < len(all_cells := list(cells(owner, level, path, sent))):
            name, kind, data, fields = all_cells[i]
            word, statuses = TABLE[level, place][kind]
            if path == "/reconnect" and word in ("counts", "void"):
                statuses = (200, 404)                   # a kodo peer is asked to connect by its targets alone
            if level == "unknown" and path != "/connect" and word == "counts":
                word, statuses = NOBODY
            answer = post(registry, path, data, fields, ADDRESSES[place])
            assert answer.status in statuses, (name, word, answer)
            if word == "counts":
                if path != "/reconnect":
                    assert snapshot(registry) != before, name
                owner, sent = introduced(registry, level, path)
                before = snapshot(registry)
            assert snapshot(registry) == before, name
            i += 1
        once(registry)                                  # what was refused has the url asked, which shows the same
        assert snapshot(registry) == before
    finally:
        if level == "proved":
            owner.close()


@pytest.mark.parametrize("level", ("proved", "pinned", "by address", "unknown"))
def test_delete_is_for_the_admin(registry, level):
    """Nobody takes a registry off its targets: no address will do behind a web server, and no signature, but the admin's key."""
    owner, _ = introduced(registry, level, "/connect")
    before = snapshot(registry)
    try:
        for address in (HOME, AWAY, {"REMOTE_ADDR": "127.0.0.1"}, {"REMOTE_ADDR": "::1"}):
            for headers in ({}, owner.fields("/connect", b"", URL), {"Authorization": "Bearer " + "x" * 43}, {"Host": "localhost"}):
                for target in ("/connect", "/connect?key=" + "x" * 43, f"/connect?url={owner.url}"):
                    answer = registry.request("DELETE", target, headers=headers, **address)
                    assert answer.status == 403, (address, headers, target, answer)
        assert snapshot(registry) == before
        assert registry.request("DELETE", "/connect", headers={"Authorization": f"Bearer {registry.key()}"}, **AWAY).status == 204
    finally:
        if level == "proved":
            owner.close()


# --- one url, more than one state ---

def speak(registry, owner, flows, address=HOME):
    data = json.dumps(owner.body("/connect", flows)).encode()
    return post(registry, "/connect", data, owner.fields("/connect", data, URL), address).status


def twin_of(owner, key=None):
    twin = Owner(key=key, is_there=False)
    twin.url, twin.port = owner.url, owner.port
    return twin


@pytest.mark.parametrize("level", ("proved", "pinned"))
def test_two_machines_with_a_key_each(registry, level):
    """The one that is known stays, however often the other speaks."""
    owner, _ = introduced(registry, level, "/connect")
    try:
        other = twin_of(owner)
        for _ in range(3):
            assert speak(registry, other, 5, AWAY) == 403
            once(registry)
            assert speak(registry, owner, 2) == 201
            assert flows_of(registry, owner.url) == [2]
        assert known(registry)[owner.url] == level
    finally:
        if level == "proved":
            owner.close()


def test_two_machines_with_one_key(registry):
    """A copy of the state: both may speak, and whoever looks is told that there are two."""
    owner, _ = introduced(registry, "pinned", "/connect")
    other = twin_of(owner, owner.key)
    for _ in range(4):
        assert speak(registry, other, 5, AWAY) == 201 and flows_of(registry, owner.url) == [5]
        assert speak(registry, owner, 2) == 201 and flows_of(registry, owner.url) == [2]
    assert owner.url in next(line for line in run_check(registry).splitlines() if "two services" in line.lower())


def run_check(registry):
    return subprocess.run([kodotest.KODO, "check", "--state", registry.state_path()], capture_output=True, text=True, timeout=30, check=False).stdout


def test_restored_state(registry):
    """An older copy says what it has already said: that is void, until it knows by the answer that it is one, and takes a new epoch."""
    owner, _ = introduced(registry, "pinned", "/connect")
    assert speak(registry, owner, 4) == 201
    copy = twin_of(owner, owner.key)
    copy.epoch, copy.sent = owner.epoch, 0
    before = snapshot(registry)
    assert speak(registry, copy, 1) == 201
    assert snapshot(registry) == before
    former, copy.epoch, copy.sent = copy.epoch, copy.epoch + 1, 100
    body = copy.body("/connect", 1)
    body["kodo"]["former_life"] = former
    data = json.dumps(body).encode()
    assert post(registry, "/connect", data, copy.fields("/connect", data, URL), HOME).status == 201
    assert flows_of(registry, owner.url) == [1]         # its own node is its to say
    forger = twin_of(owner)
    forger.epoch, forger.sent = copy.epoch, 200         # nobody is restored by another key
    assert speak(registry, forger, 7) == 403
    assert flows_of(registry, owner.url) == [1]
