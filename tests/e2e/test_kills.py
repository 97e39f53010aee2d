"""kill -9 during a backup, a restore and an upgrade: what is there afterwards opens, and is the old or the new.

$KILLS says how many in all; `make check-kills` takes 1,000.
"""
import collections
import glob
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

import kodotest
from kodotest import connect_body

KILLS = int(os.environ.get("KILLS", "40"))
NEXT = os.path.join(os.environ.get("BUILDDIR", kodotest.TREE), "tests", "upgrade", "kodo")
NODES = 30


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)


def good(*arguments):
    done = run(*arguments)
    assert done.returncode == 0, done
    return done.stdout


def total(program, state):
    return int(good(program, "counts", "--state", state).splitlines()[1].split()[1])


def is_sound(program, state):
    out = run(program, "check", "--state", state).stdout
    assert "error  " not in out, out
    return total(program, state)


class Place:
    """Two states of one service, and a backup of the second."""

    def __init__(self, one, folder):
        self.folder = folder
        for n in range(NODES):
            assert one.post("/connect", connect_body(f"http://127.0.0.1:{4000 + n}", 50)).status == 201
        one.stop()
        self.old = shutil.copytree(one.state_path(), os.path.join(folder, "old"), ignore=shutil.ignore_patterns("wake", "*.sock"))
        one.start()
        for n in range(NODES):
            assert one.post("/connect", connect_body(f"http://127.0.0.1:{5000 + n}", 50)).status == 201
        self.backup = os.path.join(folder, "new.tar")
        good(kodotest.KODO, "backup", self.backup, "--state", one.state_path())
        one.stop()
        self.n = 0

    def fresh(self):
        self.n += 1
        state = os.path.join(self.folder, f"{self.n}.lmdb")
        shutil.copytree(self.old, state)
        return state

    def clean(self):
        for path in glob.glob(os.path.join(self.folder, f"{self.n}.*")):
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def backup(place, state):
    """A file under its name is whole; the state is as it was."""
    path = os.path.join(place.folder, f"{place.n}.tar")

    def judge():
        assert is_sound(kodotest.KODO, state) == 50 * NODES
        if not os.path.exists(path):
            return "old"
        good(kodotest.KODO, "restore", path, "--state", f"{state}.copy")
        assert total(kodotest.KODO, f"{state}.copy") == 50 * NODES
        return "new"
    return [kodotest.KODO, "backup", path, "--state", state], judge


def restore(place, state):
    def judge():
        result = {50 * NODES: "old", 100 * NODES: "new"}[is_sound(kodotest.KODO, state)]
        # and the next one is not in its way
        good(kodotest.KODO, "restore", place.backup, "--state", state)
        assert total(kodotest.KODO, state) == 100 * NODES
        return result
    return [kodotest.KODO, "restore", place.backup, "--state", state], judge


def upgrade(place, state):
    def judge():
        out = run(NEXT, "check", "--state", state).stdout
        result = "old" if "in format 1201" in out else "new"
        # of the former format it is that program's yet, and then the next one's
        if result == "old":
            assert is_sound(kodotest.KODO, state) == 50 * NODES
            assert run(NEXT + "-reconnect", "--state", state, "--once").returncode == 0
        assert is_sound(NEXT, state) == 50 * NODES
        return result
    return [NEXT + "-reconnect", "--state", state, "--once"], judge


@pytest.mark.parametrize("what", [backup, restore, upgrade], ids=lambda what: what.__name__)
def test_old_or_new(service, folders, what):
    one = service({"organization": "One", "feed": False, "retry": 0, "workers": 1, "trigger": "cron"})
    place = Place(one, folders())
    command, _ = what(place, place.fresh())
    began = time.monotonic()
    good(*command)
    usual = time.monotonic() - began
    place.clean()
    lots, found, n = random.Random(1), collections.Counter(), KILLS // 3 + 1
    for _ in range(n):
        command, judge = what(place, place.fresh())
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(lots.uniform(0, usual * 1.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        found[judge()] += 1
        place.clean()
    print(f"\n{what.__name__}: {n} times, {dict(found)}, one takes {usual:.3f} s")
    assert found["old"] > 0 and found["new"] + found["old"] == n
