"""The recorded exchanges of the original system (tests/wire)."""
import os
import re
import socket
import subprocess

import pytest

import kodotest
from kodotest import wait_until

REPLAY = os.path.join(kodotest.SRCDIR, "tests", "wire", "replay")
PORTS = (3366, 3367, 3368, 3380, 3381, 3382)


def are_free():
    for port in PORTS:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", port))
    return True


@pytest.mark.parametrize("arguments", [(), ("--signed",)], ids=["known", "signed"])
def test_recorded_exchanges_hold(arguments):
    wait_until(are_free, 60, f"ports {PORTS} are free")
    env = {name: value for name, value in os.environ.items() if not name.startswith("KODO")}
    done = subprocess.run([REPLAY, kodotest.KODO, *arguments], capture_output=True, text=True, timeout=300, env=env, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    counts = re.search(r"^(\d+) of (\d+) exchanges hold$", done.stdout, re.M)
    assert counts and counts[1] == counts[2] and int(counts[2]) > 300, output[-4000:]
