import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import kodotest  # noqa: E402
import meshtest  # noqa: E402


@pytest.fixture
def place():
    """A folder with a short path, gone afterwards."""
    with kodotest.folder() as path:
        yield path


@pytest.fixture
def folders():
    """A function that gives a new folder with a short path at each call."""
    with kodotest.folder() as path:
        made = []

        def make():
            made.append(os.path.join(path, str(len(made))))
            os.mkdir(made[-1])
            return made[-1]
        yield make


def closing(kind, folders):
    made = []

    def make(*args, **more):
        made.append(kind(folders(), *args, **more))
        return made[-1]
    return make, made


@pytest.fixture(params=[kodotest.Responder, kodotest.PlainCGI], ids=["fcgi", "cgi"])
def hosted(request, folders):
    """A function that starts kodo as a web server does, by FastCGI and by CGI: hosted(options, ...)."""
    make, made = closing(request.param, folders)
    yield make
    for one in made:
        one.close()


@pytest.fixture
def responder(folders):
    """The same for FastCGI only: responder(options, workers=2, ...)."""
    make, made = closing(kodotest.Responder, folders)
    yield make
    for one in made:
        one.close()


@pytest.fixture
def service(folders):
    """A function that starts `kodo service`: service(options, ...)."""
    make, made = closing(kodotest.Service, folders)
    yield lambda *args, **more: make(*args, **more).start()
    for one in made:
        one.kill()


@pytest.fixture
def member(folders):
    """A function that makes a member of no network, not started: member(name, options)."""
    made = []

    def make(name, options, **more):
        made.append(meshtest.Member(folders(), name, {**options, **more}))
        return made[-1]
    yield make
    for one in made:
        one.kill()


@pytest.fixture
def peer():
    """A function that starts a kodotest.Peer."""
    made = []

    def make(*args, **more):
        made.append(kodotest.Peer(*args, **more))
        return made[-1]
    yield make
    for one in made:
        one.close()


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* The time of day runs ahead by as many seconds as stand in the file $CLOCK. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	static volatile int *ahead;

	if (real == NULL) {
		int fd = open(getenv("CLOCK"), O_RDONLY | O_CLOEXEC);
		void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);

		if (p != MAP_FAILED)
			ahead = p;
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	}
	if (real(id, ts) != 0)
		return -1;
	if (id == CLOCK_REALTIME && ahead != NULL)
		ts->tv_sec += *ahead;
	return 0;
}
"""


@pytest.fixture
def clock(place):
    """(environment, a function that sets a clock ahead) for programs under a clock that is not the machine's."""
    source, library, seconds = (os.path.join(place, name) for name in ("clock.c", "clock.so", "seconds"))
    with open(source, "w") as f:
        f.write(CLOCK)
    with open(seconds, "wb") as f:
        f.write(bytes(4))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    env = {"LD_PRELOAD": library, "CLOCK": seconds}
    if subprocess.run([kodotest.KODO, "version"], env={**os.environ, **env}, capture_output=True).returncode != 0:
        pytest.skip("this build takes no other clock (address sanitizer)")

    def ahead(n):
        with open(seconds, "r+b") as f:
            f.write(n.to_bytes(4, "little"))
    return env, ahead
