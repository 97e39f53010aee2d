"""Requests of all kinds share the workers fairly: none waits ten times as long as most (make mixed: 100 clients at 100,000 flows)."""
import asyncio
import os
import sys

import kodotest
import pytest

sys.path.insert(0, os.path.join(kodotest.SRCDIR, "tests", "bench"))

import bench  # noqa: E402
import mixed  # noqa: E402

FLOWS, CLIENTS, SECONDS = 20000, 100, 6


@pytest.fixture(scope="module")
def one():
    """A service with all those flows, which no test takes away."""
    with kodotest.folder() as place:
        service = kodotest.Service(place, {"organization": "R", "registry": True, "feed": True, "page_max": 10000000,
                                           "screen_level": "WARNING", "log_file_level": "WARNING"}).start()
        bench.fill(service.port, FLOWS)
        yield service
        service.kill()


def test_mixed_load(one):
    """Plain pages, words, regular expressions and updates: of each kind, and of all, the 99th percentile is under ten medians."""
    found = mixed.figures(asyncio.run(mixed.load(one.port, CLIENTS, SECONDS, mixed.SHARES)))
    assert set(found) == {*mixed.SHARES, "all"}
    for name, (n, refused, median, p99) in found.items():
        assert n > 20 and refused == 0 and p99 < 10 * median, (name, found)


@pytest.mark.parametrize("kinds", [{"regex": 1, "words": 1}, {"list": 1, "posted": 1}])
def test_pages_beside_scans(one, kinds):
    """95 clients that scan and 5 that want a page: a page waits for the scans at hand, not for all that were asked for before."""
    async def both():
        return await asyncio.gather(mixed.load(one.port, 95, SECONDS, kinds), mixed.load(one.port, 5, SECONDS, {"page": 1}))
    scans, pages = (mixed.figures(taken)["all"] for taken in asyncio.run(both()))
    assert scans[0] > 20 and pages[0] > 20 and scans[1] == pages[1] == 0
    assert pages[2] * 5 < scans[2] and pages[3] < scans[2] and scans[3] < 10 * scans[2], (scans, pages)
