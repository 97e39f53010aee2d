"""What the processes of `kodo service` may do: no more than the service, and as the user that it names."""
import contextlib
import os
import pwd
import shutil
import socket
import subprocess

import pytest

import kodotest
from kodotest import connect_body, wait_until

REGISTRY = {"organization": "R", "registry": True, "feed": True}


def test_children_may_gain_nothing(service):
    """No new privileges, no core dumps: memory holds the key."""
    one = service(REGISTRY)
    kodotest.wait_until(lambda: len(kodotest.children(one.process.pid)) == 4, 5, "two workers, the runner, the web server")
    pids = kodotest.children(one.process.pid)
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status, open(f"/proc/{pid}/limits", encoding="ascii") as limits:
            assert "\nNoNewPrivs:\t1\n" in status.read(), pid
            assert [line.split()[-3:-1] for line in limits if line.startswith("Max core")] == [["0", "0"]]


# --- another user ---

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")


@pytest.fixture
def own_service(folders):
    """A service whose programs and folder others may reach; not started."""
    made = []

    def make(options, owner="nobody"):
        place = folders()
        os.chmod(os.path.dirname(place), 0o755)
        os.chmod(place, 0o755)
        for program in (kodotest.KODO, kodotest.RECONNECT):
            shutil.copy(program, place)
        shutil.copytree(os.path.join(kodotest.SRCDIR, "www"), os.path.join(place, "www"))
        data = os.path.join(place, "data")
        os.mkdir(data, 0o755)
        shutil.chown(data, owner)
        made.append(kodotest.Service(place, {**REGISTRY, **options}, env={"KODO_WWW": os.path.join(place, "www")}))
        return made[-1]
    yield make
    for one in made:
        one.kill()


def start(one):
    kodo, kodotest.KODO = kodotest.KODO, os.path.join(one.cwd, "kodo")
    try:
        return one.start()
    finally:
        kodotest.KODO = kodo


@needs_root
def test_service_becomes_another_user(own_service):
    """Ports below 1024 are root's; all else, and all files, the user's."""
    entry = pwd.getpwnam("nobody")
    port = next(p for p in range(700, 1000) if is_free(p))
    one = own_service({"user": "nobody", "listen": f"127.0.0.1:{port}"})
    one.port = port
    start(one)
    for pid in [one.process.pid] + kodotest.children(one.process.pid):
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            lines = dict(line.rstrip("\n").split(":\t", 1) for line in f if line.startswith(("Uid", "Gid", "Groups", "CapEff", "CapPrm")))
        assert set(lines["Uid"].split()) == {str(entry.pw_uid)} and set(lines["Gid"].split()) == {str(entry.pw_gid)}, lines
        assert int(lines["CapEff"], 16) == int(lines["CapPrm"], 16) == 0 and lines["Groups"].split() in ([], [str(entry.pw_gid)])
    assert one.post("/connect", connect_body("http://127.0.0.1:9", 3)).status == 201 and one.total() == 3
    for path, folder_names, names in os.walk(os.path.join(one.cwd, "data")):
        for name in names + folder_names:
            with contextlib.suppress(FileNotFoundError):                # one for a moment, before its rename
                assert os.lstat(os.path.join(path, name)).st_uid == entry.pw_uid, name
    assert one.stop() == 0 and "stays so" not in one.screen()


def is_free(port):
    with socket.socket() as s, contextlib.suppress(OSError):
        s.bind(("127.0.0.1", port))
        return True
    return False


@needs_root
def test_root_says_that_it_stays(own_service):
    one = start(own_service({}, owner="root"))
    wait_until(lambda: "this is root, and stays so: the option `user` names somebody else" in one.screen(), 5)


@needs_root
@pytest.mark.parametrize("user, words", [("nosuchuser", "there is no user nosuchuser: make one"), (None, "runuser -u nobody"),
                                         ("daemon", "change its owner, or set cache_data")])
def test_user_that_cannot_be(own_service, user, words):
    """Nobody's folder: root makes nothing there, and another user cannot."""
    one = own_service({"user": user} if user else {})
    os.mkdir(one.state_path(), 0o700)
    shutil.chown(one.state_path(), "nobody")
    one.write_loader()
    done = subprocess.run([os.path.join(one.cwd, "kodo"), "service", one.loader], cwd=one.cwd, env=one.env, capture_output=True, text=True,
                          timeout=20, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert os.listdir(one.state_path()) == []


@needs_root
@pytest.mark.parametrize("give", [lambda path: shutil.chown(path, "nobody"), lambda path: os.chmod(path, 0o757),
                                  lambda path: shutil.chown(os.path.dirname(path), "nobody"), lambda path: os.chmod(os.path.dirname(path), 0o777)],
                         ids=["owner", "mode", "folder", "folder's mode"])
def test_root_runs_no_program_of_others(folders, give):
    place = folders()
    loader = os.path.join(place, "loader")
    with open(loader, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\ntouch {place}/was-run\necho '- url: http://localhost:1'\n")
    os.chmod(loader, 0o755)
    give(loader)
    done = subprocess.run([kodotest.KODO, "service", loader], cwd="/", capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0 and "others than root may write" in done.stderr
    assert not os.path.exists(os.path.join(place, "was-run"))
