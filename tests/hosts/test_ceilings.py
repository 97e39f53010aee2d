"""Clients that read or write slowly, or not at all: what they may take of each kind of web server, and how others fare meanwhile."""
import contextlib
import os
import time

import pytest

import hosts
import kodotest
import slowtest

MIB = 1 << 20
SPOOL_MIB = 32
PAGE_MIB = 8


def watch(one):
    def pids():
        return [one.process.pid] + kodotest.children(one.process.pid) + one.program_pids()
    return slowtest.Watch(pids, [os.path.join(one.place, "upload"), one.run])


@pytest.fixture
def full(host):
    one = host({"spool_max_mib": SPOOL_MIB})
    slowtest.fill(one, PAGE_MIB)
    assert len(one.get("/connect").body) > (PAGE_MIB - 1) * MIB
    return one


def test_slow_readers_of_long_answers(full):
    """They fill neither the disk nor all processes: most are told to come again."""
    with watch(full) as disk, slowtest.readers(full.port, full.base + "/connect", 24) as slow:
        median, highest, statuses = slowtest.others(full.port, 8, full.base + "/")
        assert statuses == {200} and median < kodotest.CALM and highest < 10, (median, highest, full.words())
        assert slow.statuses().get("503", 0) >= 16, slow.statuses()
    assert disk.highest < (SPOOL_MIB + PAGE_MIB) * MIB
    # what they held is free again
    kodotest.wait_until(lambda: full.get("/connect").status == 200, 40)


def test_slow_readers_of_pages(full):
    """Pages below 1 MiB are served to all, and hold no process under mod_fcgid. lighttpd has a part of each in a file of its own, too."""
    page = len(full.get("/flows?pp=100").body)
    assert page < MIB
    with watch(full) as disk, slowtest.readers(full.port, full.base + "/flows?pp=100", 24) as slow:
        median, highest, statuses = slowtest.others(full.port, 8, full.base + "/")
        assert statuses == {200} and median < kodotest.CALM and highest < 10, (median, highest, full.words())
        assert set(slow.statuses()) == {"200"}
    # while less than 64 KiB wait there it reads up to 256 KiB at once (stream-response-body = 2; MAX_READ_LIMIT of its base.h)
    assert disk.highest < 24 * (page + (64 + 256) * 1024)


def test_who_is_too_slow_is_cut_off():
    """By kodo itself, after a minute and a second for each 32 KiB: else a few keep the room for hours. It is here as it takes so long."""
    with kodotest.folder() as place:
        kodo = kodotest.Responder(place, {"flows": [kodotest.flow(n, description="x" * 8000) for n in range(60)], "spool_max_mib": 1})
        try:
            with kodotest.FastCGI(kodo.path) as slow:
                slow.send(kodotest.cgi_env("GET", "/connect"))
                assert kodo.get("/connect").status == 503
                began, got = time.monotonic(), 0
                with contextlib.suppress(ConnectionError):
                    while time.monotonic() - began < 100 and (piece := slow.socket.recv(512)):
                        got += len(piece)
                        time.sleep(0.3)
                        if kodo.get("/connect").status == 200:
                            break
                assert 60 < time.monotonic() - began < 90 and 60_000 < got < 200_000, got
        finally:
            kodo.close()


def test_uploads_that_stop_short(host):
    """Cut off after ten seconds; meanwhile others are served."""
    one = host()
    began = time.monotonic()
    with slowtest.uploads(one.port, one.base + "/connect", 40, 10 * MIB) as slow:
        median, highest, statuses = slowtest.others(one.port, 5, one.base + "/")
        assert statuses == {200} and median < kodotest.CALM and highest < 10, (median, highest, one.words())
        if one.kind != hosts.SharedHost.kind:
            kodotest.wait_until(lambda: slow.n_open() == 0, 30, "all are cut off")
            assert time.monotonic() - began < 30
