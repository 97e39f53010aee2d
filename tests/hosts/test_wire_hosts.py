"""The recorded exchanges of the original system under each web server."""
import os
import re
import subprocess
import sys

import pytest

import hosts
import kodotest
from kodotest import wait_until

sys.path.insert(0, os.path.join(kodotest.SRCDIR, "tests", "e2e"))
from test_wire import PORTS, REPLAY, are_free  # noqa: E402

# what a server answers by itself, before kodo is asked
OWN = {
    "apache": r"r_foo_method|r_http_trace|.*null_byte|.*bad_utf8",
    "lighttpd": r"r_foo_method|r_http_trace|.*null_byte",
    "nginx": r"r_foo_method|r_http_trace|.*null_byte",
}


@pytest.mark.parametrize("kind", [k.kind for k in hosts.KINDS if k is not hosts.SharedHost])
def test_recorded_exchanges_hold(kind, tmp_path):
    wait_until(are_free, 60, f"ports {PORTS} are free")
    # one installation for all six
    hosts.copy_installed(str(tmp_path))
    env = {**os.environ, "KODO_HOST": kind, "KODO_KEEP": "yes"}
    serve = os.path.join(os.path.dirname(os.path.abspath(__file__)), "serve")
    done = subprocess.run([REPLAY, serve], capture_output=True, text=True, timeout=300, env=env, check=False)
    output = done.stdout + done.stderr
    counts = re.search(r"^(\d+) of (\d+) exchanges hold$", done.stdout, re.M)
    assert counts and int(counts[2]) > 300, output[-4000:]
    failed = re.findall(r"^(\w+): [A-Z]+ /.*\n    (.*)$", done.stdout, re.M)
    assert len(failed) == int(counts[2]) - int(counts[1]), output[-4000:]
    own = re.compile(OWN[kind.split("-")[0]])
    assert not [(name, why) for name, why in failed if not own.fullmatch(name)], output[-4000:]
