"""The tarball of `make shared-host`, as its README says."""
import os
import re
import shutil
import subprocess
import tarfile

import pytest

import hosts
import kodotest
from kodotest import connect_body, wait_until


@pytest.fixture
def shared():
    made = []

    def make(kind=hosts.SharedHost):
        made.append(kind(hosts.new_place(), {"registry": True, "feed": True}))
        return made[-1].start()
    yield make
    for one in made:
        one.stop()
        shutil.rmtree(one.place, ignore_errors=True)


def test_newer_tarball_keeps_what_is_the_users(shared):
    one = shared()
    assert one.post("/connect", connect_body("http://localhost:9", 3)).status == 201
    with open(one.loader, encoding="utf-8") as f:
        options = f.read()
    key = one.key()
    one.unpack()
    with open(one.loader, encoding="utf-8") as f:
        assert f.read() == options
    assert one.key() == key and one.get("/flows").json()["total"] == 3
    # the web server reads its part; loader and state are nobody else's
    modes = {name: os.stat(os.path.join(one.home, name)).st_mode & 0o777 for name in
             ("public_html/kodo", "public_html/kodo/.htaccess", "public_html/kodo/kodo.fcgi", "kodo/kodo.yaml.sample", "kodo/data")}
    assert list(modes.values()) == [0o755, 0o644, 0o755, 0o600, 0o700], modes


def test_sample_becomes_the_options(shared):
    """Step 2: copied, its address written, and the service answers as a node."""
    one = shared()
    done = one.as_user("/bin/sh", "-ec", f"cd {one.home}; umask 022; cp kodo/kodo.yaml.sample kodo/kodo.yaml; "
                       f"sed -i 's,^- url: .*,- url: {one.url},; s,^- connect: .*,- connect: [],' kodo/kodo.yaml")
    assert done.returncode == 0 and os.stat(one.loader).st_mode & 0o777 == 0o600, done.stderr
    wait_until(lambda: one.get("/").json()["registry"] is False, 20, "it follows the new options")
    assert one.get("/flows?q=Hello").json()["filtered"] == 1


def test_a_name_of_its_own(shared):
    """With the administrator's line, programs run as the user."""
    one = shared(hosts.SharedHostName)
    assert one.get("/").json()["url"] == one.url
    assert os.stat(one.state_path()).st_uid == os.stat(one.home).st_uid
    assert one.probe().returncode == 0


def test_folder_that_is_closed_to_the_web_server(shared):
    one = shared()
    os.chmod(os.path.join(one.home, "public_html", "kodo"), 0o700)
    done = one.probe()
    assert done.returncode == 1 and "the web server itself refuses it (403)" in done.stdout, done


def test_files_name_only_what_is_there(tmp_path):
    """Paths and manuals in the texts of the tarball: they are in it, or made beside it."""
    made = {"kodo/kodo.yaml", "kodo/kodo.log", "kodo/data/kodo.log", "kodo/data/cache.lmdb/key"}
    with tarfile.open(hosts.tarball(str(tmp_path))) as tar:
        names = {name.rstrip("/") for name in tar.getnames()}
        texts = {name: tar.extractfile(name).read().decode() for name in
                 ("kodo/README", "kodo/kodo.yaml.sample", "kodo/options.txt", "public_html/kodo/.htaccess")}
    for name, text in texts.items():
        assert re.findall(r"\w+\(\d\)", text) == [], name
        for path in re.findall(r"(?<![\w/~.])(?:kodo|public_html)/[\w./-]*\w", text):
            assert path in names | made, (name, path)
