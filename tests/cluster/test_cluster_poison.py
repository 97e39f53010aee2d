"""An entry that ends the process of the log wherever it is applied: make check-cluster."""
import os
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, connect, kodotest, same_digests, stop  # noqa: E402
from kodotest import connect_body, wait_until  # noqa: E402
from responder import SANITIZED  # noqa: E402

# where a record of that url is stored, the process ends; a line in the folder of the machine says so
ENDS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
struct val { size_t size; const void *data; };
int mdb_cursor_put(void *c, struct val *k, struct val *v, unsigned flags)
{
	static int (*real)(void *, struct val *, struct val *, unsigned);
	static const char text[] = "http://poison.test";
	int fd;

	if (strcmp(program_invocation_short_name, "kodo-reconnect") == 0 && !(flags & 0x10000) &&
	    (memmem(k->data, k->size, text, sizeof(text) - 1) || memmem(v->data, v->size, text, sizeof(text) - 1))) {
		fd = open(getenv("ENDS"), O_WRONLY | O_CREAT | O_APPEND, 0600);
		if (fd < 0 || write(fd, "ended\n", 6) != 6)
			abort();
		_exit(139);
	}
	if (real == NULL)
		real = (int (*)(void *, struct val *, struct val *, unsigned))dlsym(RTLD_NEXT, "mdb_cursor_put");
	return real(c, k, v, flags);
}
"""


def ends(m):
    path = m.env["ENDS"]
    return open(path, encoding="ascii").read().count("ended") if os.path.exists(path) else 0


@pytest.mark.skipif(SANITIZED, reason="ASAN has to be the first library")
def test_an_entry_that_ends_the_program_is_left_alone(tmp_path):
    """By itself it ends two processes, and three where the first one had others with it in the same transaction."""
    library = str(tmp_path / "ends.so")
    (tmp_path / "ends.c").write_text(ENDS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, str(tmp_path / "ends.c")], check=True)
    c = Cluster(str(tmp_path), retry=0)
    for m in c.machines:
        m.env.update(LD_PRELOAD=library, ENDS=os.path.join(m.cwd, "ends"))
    try:
        c.start()
        first, second, late = c.machines
        connect(first, "http://before.test")
        wait_until(lambda: "http://before.test" in late.urls(), 10)
        stop(late)
        for k in range(20):
            connect(second, f"http://n{k}.test")
        assert first.post("/connect", connect_body("http://poison.test", flows=1), timeout=30).status == 503
        for m in (first, second):
            wait_until(lambda: "ended this program twice" in m.status()["stopped"], 30, f"{m.name} leaves it alone")
            assert ends(m) == 2 and len(m.urls()) == 21 and m.get("/health").status == 503
            assert m.post("/connect", connect_body("http://refused.test", flows=1)).status == 503
        starts = threading.Thread(daemon=True, target=late.start, args=(90,))
        starts.start()
        wait_until(lambda: "ended this program twice" in late.status()["stopped"], 60, "so does who had others with it")
        assert ends(late) == 3
        revision = first.status()["stopped"].split()[1]
        assert late.status()["stopped"].split()[1] == revision
        found = subprocess.run([kodotest.KODO, "check", "--state", first.state_path()], capture_output=True, text=True, timeout=60).stdout
        assert f"cluster skip {revision}" in found and "no majority" not in found, found
        subprocess.run([kodotest.KODO, "cluster", "skip", revision, "--state", second.state_path()], check=True, timeout=30)
        for m in c.machines:
            wait_until(lambda: m.status()["stopped"] == "", 30, f"{m.name} passes over it")
        starts.join()
        connect(late, "http://after.test")
        for m in c.machines:
            wait_until(lambda: len(m.urls()) == 22 and "http://after.test" in m.urls(), 20, f"{m.name} goes on")
        assert same_digests(c.machines) and [ends(m) for m in c.machines] == [2, 2, 3]
    finally:
        c.end()
