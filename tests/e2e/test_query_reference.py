"""The query language against a second, independent reading of it: random rows, queries and orders, equal answers."""
import os
import random
import subprocess
import sys

import pytest

QUERIES = int(os.environ.get("KODO_QUERIES", "2000"))       # 20000 on demand


@pytest.mark.parametrize("seed", [1, random.SystemRandom().randrange(10**6)], ids=["fixed", "new"])
def test_equal_rows_in_equal_order(seed):
    folder = os.path.join(os.environ["SRCDIR"], "tests", "query")
    driver = os.path.join(os.environ["BUILDDIR"], "tests", "query", "driver")
    done = subprocess.run([sys.executable, os.path.join(folder, "reference.py"), driver, str(QUERIES), str(seed)],
                          capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}{done.stderr}"
    assert done.stdout.startswith(f"{QUERIES} queries")
