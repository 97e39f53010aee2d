"""A peer that says by 429 or 503 when to come again is asked nothing before, for up to an hour, whoever restarts meanwhile."""
import datetime
import email.utils
import os
import signal
import time

import pytest

import kodotest
from kodotest import wait_until
from servicetest import peers, runner_of

HOUR = 3600
JITTER = 1.1
BERLIN = datetime.timezone(datetime.timedelta(hours=1))


@pytest.fixture
def busy(service, peer, clock):
    """(a peer that answers everything so, a service whose target it is, a function that sets the clock ahead)."""
    env, ahead = clock

    def make(status, asked):
        one = peer(answer=lambda *_: (status, {"detail": "later"}))
        one.headers = {"Retry-After": asked}
        return one, service({"organization": "Sender", "registry": True, "feed": True, "connect": [one.url]}, env=env), ahead
    return make


def due_in(sender, url, ahead_s=0):
    due = datetime.datetime.fromisoformat(peers(sender)[url]["due"].replace("Z", "+00:00"))
    return due.timestamp() - time.time() - ahead_s


@pytest.mark.parametrize("status, asked, least, most", [
    (429, "5", 5, 7.5), (503, "5", 5, 7.5), (503, "0", .4, 2), (503, "-5", .4, 2), (500, "5", .4, 2), (429, "soon", .4, 2),
    (503, "5 minutes", .4, 2), (429, "5,5", .4, 2), (503, "5.5", .4, 2), (429, "+5", .4, 2), (503, "", .4, 2),
    (503, "Wed, 21 Oct 2015 07:28:00 GMT", .4, 2)])
def test_short_or_none(service, peer, status, asked, least, most):
    """It is left alone until then, but never for less than our own backoff."""
    busy = peer(answer=lambda *_: (status, {"detail": "later"}))
    busy.headers = {"Retry-After": asked}
    service({"organization": "Sender", "connect": [busy.url]})
    wait_until(lambda: len(busy.calls("/connect")) > 1, 20, "the second attempt")
    first, second = (at for _, _, _, at in busy.calls("/connect")[:2])
    assert least <= second - first <= most


@pytest.mark.parametrize("status, asked, seconds", [
    (503, "30", 30), (429, "900", 900), (503, str(HOUR), HOUR), (429, "99999", HOUR), (503, str(1 << 60), HOUR),
    (503, lambda: email.utils.formatdate(time.time() + 901, usegmt=True), 900),
    (429, lambda: email.utils.format_datetime(datetime.datetime.now(BERLIN) + datetime.timedelta(seconds=901)), 900)])
def test_long(busy, status, asked, seconds):
    one, sender, _ = busy(status, asked() if callable(asked) else asked)
    wait_until(lambda: peers(sender)[one.url]["attempts"] == 1, 10, "the first attempt")
    assert seconds - 10 <= due_in(sender, one.url) <= (seconds + 1) * JITTER
    assert peers(sender)[one.url]["state"] == "paused"
    wait_until(sender.is_idle, 5, "who is paused holds nobody up")
    time.sleep(3)
    assert len(one.seen) == 1


def test_nothing_before(busy):
    """Neither what changes here nor what it says, nor another runner, nor another start of the service."""
    one, sender, ahead = busy(503, str(HOUR))
    wait_until(lambda: peers(sender)[one.url]["attempts"] == 1, 10, "the first attempt")
    for round_, at_s in enumerate((0, 290, 340, 700, 1300, HOUR - 60)):     # a runner looks again every five minutes
        ahead(at_s)
        runner = runner_of(sender)
        os.kill(runner, signal.SIGKILL)
        wait_until(lambda: runner_of(sender) != runner, 5)
        assert sender.post("/connect", kodotest.connect_body(f"http://localhost:{20000 + round_}")).status == 201
        sender.post("/update", kodotest.connect_body(one.url))
        if round_ == 2:
            sender.stop()
            sender.start()
        time.sleep(1)
        assert HOUR - at_s - 20 <= due_in(sender, one.url, at_s) <= HOUR * JITTER - at_s
        assert len(one.seen) == 1, one.seen[1:]
    ahead(int(HOUR * JITTER) + 10)
    os.kill(runner_of(sender), signal.SIGKILL)                  # its sleep knows no other clock
    wait_until(lambda: len(one.seen) > 1, 15, "it is asked after that hour")


def test_until_it_connects(busy):
    one, sender, _ = busy(503, str(HOUR))
    wait_until(lambda: peers(sender)[one.url]["attempts"] == 1, 10, "the first attempt")
    one.answer, one.headers = one.welcome, {}
    assert sender.post("/connect", kodotest.connect_body(one.url, registry=True, feed=True)).status == 201
    wait_until(lambda: len(one.calls("/connect")) == 2, 5, "it is asked at once")
    wait_until(lambda: peers(sender)[one.url]["state"] == "ok", 5)
