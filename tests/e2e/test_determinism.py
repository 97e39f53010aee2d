"""Changes are functions of a state and an entry: see tests/determinism/check.py, which `make check-determinism` runs for longer."""
import os
import subprocess
import sys

HISTORIES = 50


def test_states_are_equal_after_every_entry():
    build = os.environ.get("BUILDDIR", ".")
    check = os.path.join(os.environ["SRCDIR"], "tests", "determinism", "check.py")
    done = subprocess.run([sys.executable, check, build, str(HISTORIES)], capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{HISTORIES} histories, "), done.stdout
    assert int(done.stdout.split()[2]) > 10 * HISTORIES, done.stdout
