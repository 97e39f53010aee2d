"""kodo check of a file that ends the process that reads it, and of copies that were taken while it was written."""
import os
import signal
import subprocess
import threading

import pytest

import kodotest
from kodotest import connect_body

CRASH = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>

/* LMDB ends the process at the n-th step of a cursor, as it may in a damaged file. */
int
mdb_cursor_get(void *c, void *k, void *v, int op)
{
	static int (*real)(void *, void *, void *, int), n;

	if (real == NULL)
		real = (int (*)(void *, void *, void *, int))dlsym(RTLD_NEXT, "mdb_cursor_get");
	if (++n == atoi(getenv("CRASH_AT")))
		raise(atoi(getenv("CRASH_BY")));
	return real(c, k, v, op);
}
"""


@pytest.mark.parametrize("by", ["SIGABRT", "SIGSEGV"])
def test_reading_ends_the_process(service, place, by):
    """Of bytes that are anything LMDB may make anything."""
    one = service({"organization": "One", "feed": False, "retry": 0})
    one.post("/connect", connect_body("http://localhost:5000", 50))
    one.stop()
    source, library = os.path.join(place, "crash.c"), os.path.join(place, "crash.so")
    with open(source, "w", encoding="ascii") as f:
        f.write(CRASH)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    for at in (1, 10, 30):
        done = subprocess.run([kodotest.KODO, "check", "--state", one.state_path()], capture_output=True, text=True, check=False, timeout=30,
                              env={**os.environ, "LD_PRELOAD": library, "CRASH_AT": str(at), "CRASH_BY": str(int(getattr(signal, by)))})
        if "Sanitizer" in done.stderr or "ASan" in done.stderr:
            pytest.skip("this build takes no other library (address sanitizer)")
        last = done.stdout.splitlines()[-1]
        assert done.returncode == 1 and last.startswith("error ") and "damaged" in last and "restore a backup" in last, done


def test_torn_copy(service, place):
    """Of a state that is written to, by cp: good by luck or named damaged, and never the end of the command."""
    one = service({"organization": "One", "feed": False, "retry": 0})
    stop = threading.Event()

    def post():
        n = 0
        while not stop.is_set():
            n += 1
            urls = [f"http://localhost:{4000 + n * 7 % 50 + k}" for k in range(30)]
            nodes = [kodotest.node(url, [kodotest.flow(i, name=f"{n} {i}" + "x" * (n * 37 % 400)) for i in range(20)]) for url in urls]
            one.post("/connect", connect_body(urls[0], nodes=nodes))
    thread = threading.Thread(daemon=True, target=post)
    thread.start()
    statuses = []
    try:
        for n in range(25):
            copy = os.path.join(place, f"{n}.lmdb")
            os.mkdir(copy, 0o700)
            subprocess.run(["cp", os.path.join(one.state_path(), "data.mdb"), copy], check=True)
            done = subprocess.run([kodotest.KODO, "check", "--state", copy], capture_output=True, text=True, check=False, timeout=30)
            assert done.returncode in (0, 1) and (done.returncode == 1) == ("\nerror " in done.stdout), done
            statuses.append(done.returncode)
    finally:
        stop.set()
        thread.join()
