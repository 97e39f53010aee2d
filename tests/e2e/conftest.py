import os
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
