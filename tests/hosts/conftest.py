import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import hosts  # noqa: E402
import kodotest  # noqa: E402


def pytest_sessionstart():
    if hosts.missing():
        pytest.exit(hosts.missing(), 1)


def pytest_sessionfinish():
    """What hosts.copy_installed made."""
    made = os.environ.get("KODO_INSTALLED", "")
    if made.startswith("/tmp/kodo-installed-"):
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(params=hosts.KINDS, ids=[kind.kind for kind in hosts.KINDS])
def host(request):
    """A function that starts a web server of one kind with a registry: host(options)."""
    made = []

    def start(options=None, **more):
        place = hosts.new_place()
        one = request.param(place, {"organization": "Hosted", "registry": True, "feed": True, **(options or {})}, **more)
        made.append(one)
        return one.start()
    yield start
    for one in made:
        one.stop()
        shutil.rmtree(one.place, ignore_errors=True)


@pytest.fixture
def peer():
    made = []

    def make(*args, **more):
        made.append(kodotest.Peer(*args, **more))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def service():
    """A function that starts `kodo service` in a folder of its own."""
    made = []

    def make(options, **more):
        made.append(kodotest.Service(hosts.new_place(), options, **more))
        return made[-1].start()
    yield make
    for one in made:
        one.kill()
        shutil.rmtree(one.cwd, ignore_errors=True)
