"""kodo backup, kodo restore: whole under load, nobody else's to read, refused where it is damaged or the state in use, and believed by peers."""
import contextlib
import glob
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
import threading

import pytest

import kodotest
from kodotest import connect_body, flow, wait_until
from meshtest import NODE, REGISTRY, SECONDS
from responder import SANITIZED
from test_restored import both_show, rows_of

FAR = "http://127.0.0.1:2"          # nobody answers there


def run(*arguments, cwd=None, stdin=None, umask=-1):
    done = subprocess.run([kodotest.KODO, *arguments], cwd=cwd, capture_output=True, timeout=60, input=stdin, check=False, umask=umask)
    assert b"Sanitizer" not in done.stderr, done.stderr
    return done


def good(*arguments, **more):
    done = run(*arguments, **more)
    assert done.returncode == 0, done
    return done.stdout


def tree(folder):
    """Names and contents; LMDB's locks are not."""
    found = {}
    for path in glob.glob(os.path.join(folder, "**"), recursive=True):
        if os.path.isfile(path) and not path.endswith((".lock", "lock.mdb")):
            with open(path, "rb") as f:
                found[os.path.relpath(path, folder)] = hashlib.sha256(f.read()).hexdigest()
    return found


def flows_of(state):
    return json.loads(good("flows", "", "--state", state, "--pp", "1000", "-o", "json"))["items"]


@pytest.fixture
def small(service, place):
    """A stopped registry with flows of its own and of others, its state, and a backup of it."""
    one = service({"organization": "One", "flows": [flow(i) for i in range(3)], "retry": 0})
    one.post("/connect", connect_body(FAR, 4, organization="Ünïcode 漢字"))
    backup = os.path.join(place, "one.tar")
    good("key", "--state", one.state_path())                # made where it is first needed
    good("backup", backup, "--with-keys", "--state", one.state_path())
    one.stop()
    return one, one.state_path(), backup


def test_whole_under_load(service, place):
    """What was acknowledged before is in it, and of each moment all or nothing."""
    one = service({"organization": "One", "feed": False, "retry": 0, "workers": 2})
    stop = threading.Event()
    done = [0, 0]

    def post(which):
        while not stop.is_set():
            # two nodes a request: they must never be apart
            urls = [f"http://127.0.0.{which + 2}:{3 + k}" for k in range(2)]
            body = connect_body(urls[0], 0)
            body["nodes"] = [kodotest.node(url, [flow(i, name=f"{done[which] + 1} {i}") for i in range(20)]) for url in urls]
            assert one.post("/connect", body).status == 201
            done[which] += 1
    threads = [threading.Thread(daemon=True, target=post, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: min(done) > 20, 30, "they post")
    for n in range(8):
        before, path = list(done), os.path.join(place, f"{n}.tar")
        good("backup", path, "--state", one.state_path())
        state = os.path.join(place, f"{n}.lmdb")
        good("restore", path, "--state", state)
        out = good("check", "--state", state).decode()
        assert "error  " not in out, out
        items = flows_of(state)
        for which in range(2):
            rounds = {item["name"].split()[0] for item in items if f"127.0.0.{which + 2}:" in item["url"]}
            assert len(rounds) == 1 and int(rounds.pop()) >= before[which], (items, before)
        assert len(items) == 80
    stop.set()
    for thread in threads:
        thread.join()
    assert min(done) > 40
    shown = one.get("/flows?pp=1000&format=json").json()
    good("backup", os.path.join(place, "last.tar"), "--state", one.state_path())
    good("restore", os.path.join(place, "last.tar"), "--state", os.path.join(place, "last.lmdb"))
    assert flows_of(os.path.join(place, "last.lmdb")) == shown["items"]


def test_file(service, place):
    """Nobody else reads it, nothing is replaced unasked, and tar and sha256sum read it."""
    one = service({"organization": "One", "flows": [flow(1)]})
    path, state = os.path.join(place, "b.tar"), ["--state", one.state_path()]
    good("key", *state)                                     # made where it is first needed
    good("backup", path, *state, umask=0)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and os.listdir(place) == ["b.tar"]
    first = open(path, "rb").read()
    done = run("backup", path, *state)
    assert done.returncode == 1 and b"is there already" in done.stderr and open(path, "rb").read() == first and os.listdir(place) == ["b.tar"]
    good("backup", path, "--force", "--with-keys", *state)
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["kodo-backup", "loader/kodo.yaml", "key", "identity", "data.mdb", "SHA256SUMS"]
        assert {m.mode for m in tar} == {0o600}
        tar.extractall(place)
    subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=place, check=True, capture_output=True)
    with open(one.loader, "rb") as f, open(os.path.join(place, "loader", "kodo.yaml"), "rb") as copy:
        assert f.read() == copy.read()
    assert f"url {one.url}\n" in open(os.path.join(place, "kodo-backup"), encoding="utf-8").read()
    piped = good("backup", "-", *state)
    names = tarfile.open(fileobj=io.BytesIO(piped)).getnames()
    assert names == ["kodo-backup", "loader/kodo.yaml", "data.mdb", "SHA256SUMS"]
    good("restore", "-", "--state", os.path.join(place, "new.lmdb"), stdin=piped)
    assert sorted(os.listdir(os.path.join(place, "new.lmdb"))) == ["data.mdb", "lock.mdb", "write.lock"]
    assert run("backup", "-", *state, stdin=b"").stderr == b""
    full = run("backup", "/dev/full/x", *state)
    assert full.returncode == 1
    for arguments in ([], ["--force"], ["x", "--frce"]):
        assert run("backup", *arguments, *state).returncode == 2, arguments
    assert b"which FILE" in run("restore", *state).stderr


def test_file_is_forgotten(service, place):
    """A loader is not taken for FILE, nor replaced."""
    one = service({"organization": "One"})
    before = open(one.loader, "rb").read()
    done = run("backup", "--force", one.loader)
    assert done.returncode == 2 and b"which FILE" in done.stderr and open(one.loader, "rb").read() == before


def test_empty_keys(service, place):
    """They are left out, so that the backup can be restored; a link is not followed."""
    one = service({"organization": "One"})
    path, state = os.path.join(place, "b.tar"), ["--state", one.state_path()]
    one.stop()
    open(os.path.join(one.state_path(), "key"), "wb").close()
    good("backup", path, "--with-keys", *state)
    assert "key" not in tarfile.open(path).getnames()
    good("restore", path, "--state", os.path.join(place, "new.lmdb"))
    os.unlink(os.path.join(one.state_path(), "key"))
    os.symlink("/etc/hostname", os.path.join(one.state_path(), "key"))
    assert run("backup", path, "--force", "--with-keys", *state).returncode == 1


NO_READ = """
#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>
static long some(int fd, void *p, size_t n, long at)
{
	if (n < 65536)
		return syscall(SYS_pread64, fd, p, n, at);
	errno = EIO;
	return -1;
}
ssize_t pread(int fd, void *p, size_t n, off_t at) { return some(fd, p, n, at); }
ssize_t pread64(int fd, void *p, size_t n, off_t at) { return some(fd, p, n, at); }
"""


@pytest.mark.skipif(SANITIZED, reason="ASAN has to be the first library")
def test_cannot_be_read_back(small, place):
    """On its way to standard output it lies in a file: a disk that fails then is no end of it."""
    _, state, _ = small
    with open(os.path.join(place, "shim.c"), "w", encoding="ascii") as f:
        f.write(NO_READ)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{place}/shim.so", f"{place}/shim.c"], check=True)
    done = subprocess.run([kodotest.KODO, "backup", "-", "--state", state], capture_output=True, check=False,
                          env={**os.environ, "LD_PRELOAD": f"{place}/shim.so"})
    assert done.returncode == 1 and b"cannot be read back" in done.stderr, done.stderr


def test_in_use(service, place):
    one = service({"organization": "One", "flows": [flow(1)]})
    path = os.path.join(place, "b.tar")
    good("backup", path, "--state", one.state_path())
    done = run("restore", path, "--state", one.state_path())
    assert done.returncode == 1 and b"in use by `kodo service`" in done.stderr and b"end it first" in done.stderr
    assert one.get("/").status == 200
    one.stop()
    # a responder without a service
    reader = subprocess.Popen([kodotest.KODO, "flows", "", "--state", one.state_path(), "--watch=1"], stdout=subprocess.PIPE, text=True)
    try:
        reader.stdout.readline()
        done = run("restore", path, "--state", one.state_path())
        assert done.returncode == 1 and f"process {reader.pid} (kodo)".encode() in done.stderr, done
    finally:
        kodotest.end(reader)
    assert not glob.glob(one.state_path() + ".*")
    good("restore", path, "--state", one.state_path())
    one.start()
    assert one.total() == 1


def test_what_was_there_stays(small):
    one, state, backup = small
    before = tree(state)
    keys = {name: before[name] for name in ("key", "identity")}
    subprocess.run([kodotest.KODO, "key", "admin", "rotate", "--state", state], check=True, capture_output=True)
    new_key = tree(state)["key"]
    out = good("restore", backup, "--state", state).decode()
    aside, = glob.glob(state + ".before-restore.*")
    assert f"what was there is in {aside}\n" in out and tree(aside)["data.mdb"] == before["data.mdb"]
    # keys in use stay; in a folder without any those of the backup hold
    assert tree(state)["key"] == new_key != keys["key"] and tree(state)["identity"] == keys["identity"]
    shutil.rmtree(state)
    good("restore", backup, "--state", state)
    assert {name: tree(state)[name] for name in keys} == keys
    assert stat.S_IMODE(os.stat(state).st_mode) == 0o700 and {stat.S_IMODE(os.stat(os.path.join(state, n)).st_mode) for n in ("data.mdb", "key")} == {0o600}
    one.start()
    assert one.total() == 7


SHIM = """
#include <errno.h>
int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	errno = EINVAL;
	return -1;
}
"""


@pytest.mark.skipif(SANITIZED, reason="ASAN has to be the first library")
def test_no_exchange(small, place):
    """File systems that cannot exchange folders: the former goes aside first."""
    _, state, backup = small
    with open(os.path.join(place, "shim.c"), "w", encoding="ascii") as f:
        f.write(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{place}/shim.so", f"{place}/shim.c"], check=True)
    before = tree(state)
    for where in (state, os.path.join(place, "new.lmdb")):
        done = subprocess.run([kodotest.KODO, "restore", backup, "--state", where], capture_output=True, text=True, check=False,
                              env={**os.environ, "LD_PRELOAD": f"{place}/shim.so"})
        assert done.returncode == 0 and len(flows_of(where)) == 7, done
    aside, = glob.glob(state + ".before-restore.*")
    assert tree(aside) == before and not glob.glob(state + ".restore.*")


def test_no_state(small, place):
    """A folder of something else stays where it is, and as it is."""
    _, _, backup = small
    other = os.path.join(place, "other")
    os.mkdir(other)
    with open(os.path.join(other, "passwd"), "w", encoding="ascii") as f:
        f.write("x")
    for where in (other, place):
        before = sorted(glob.glob(os.path.join(place, "**"), recursive=True))
        done = run("restore", backup, "--state", where)
        assert done.returncode == 1 and b"not the state of a service" in done.stderr, done
        assert sorted(glob.glob(os.path.join(place, "**"), recursive=True)) == before
    empty = os.path.join(place, "empty")
    os.mkdir(empty)
    good("restore", backup, "--state", empty + "/")
    assert len(flows_of(empty)) == 7 and not os.path.exists(os.path.join(empty, ".restore"))


@pytest.mark.skipif(os.geteuid() != 0, reason="for root alone")
def test_owners(small, place):
    """The group of a shared folder stays; root makes nothing in the folder of another user."""
    _, state, backup = small
    os.chown(state, -1, 54321)
    os.chmod(state, 0o2770)
    good("restore", backup, "--state", state)
    at = os.stat(state)
    assert at.st_gid == 54321 and stat.S_IMODE(at.st_mode) == 0o2770
    assert os.stat(os.path.join(state, "data.mdb")).st_gid == 54321
    theirs = os.path.join(place, "theirs")
    os.mkdir(theirs)
    os.chown(theirs, 54321, -1)
    done = run("restore", backup, "--state", os.path.join(theirs, "deep", "new.lmdb"))
    assert done.returncode == 1 and b"belongs to" in done.stderr and os.listdir(theirs) == [], done


def test_damaged_files(small, place):
    """A byte in each kind of place, each length, other files: refused with the reason, and nothing is left behind."""
    _, state, backup = small
    whole = open(backup, "rb").read()
    before, bad = tree(state), os.path.join(place, "bad.tar")
    refused = []

    def refuse(content, *words):
        with open(bad, "wb") as f:
            f.write(content)
        done = run("restore", bad, "--state", state)
        assert done.returncode == 1 and b"nothing was restored" in done.stderr, done
        assert not words or any(word in done.stderr for word in words), done
        refused.append(done)
    places = [*range(0, 1024, 37), *range(1024, len(whole) - 1024, len(whole) // 60), *range(len(whole) - 1024, len(whole), 97)]
    for at in places:
        refuse(whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1:])
    for n in [*range(0, 2048, 300), *range(2048, len(whole), len(whole) // 30), len(whole) - 512, len(whole) - 1]:
        refuse(whole[:n], b"cut off", b"damaged")
    refuse(whole + b"\0", b"damaged")
    refuse(b"", b"cut off")
    refuse(os.urandom(20000), b"another program")
    refuse(open(kodotest.KODO, "rb").read()[:100000], b"another program")
    with tarfile.open(bad, "w") as tar:
        tar.add(os.path.join(state, "data.mdb"), "data.mdb")
    refuse(open(bad, "rb").read(), b"another program")
    assert tree(state) == before and not glob.glob(state + ".*")
    assert len(refused) > 120


def with_manifest(backup, change, path):
    """A backup that says something else of itself."""
    with tarfile.open(backup) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar}
        time_s, = {int(m.mtime) for m in tar}
    files["kodo-backup"] = change(files["kodo-backup"])
    files["SHA256SUMS"] = "".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in files.items()
                                  if name != "SHA256SUMS").encode()
    with open(path, "wb") as out:
        for name, text in files.items():
            head = bytearray(512)

            def put(at, field):
                head[at:at + len(field)] = field.encode()
            for at, field in ((0, name), (100, "0000600"), (108, "0000000"), (116, "0000000"), (124, f"{len(text):011o}"),
                              (136, f"{time_s:011o}"), (148, " " * 8), (156, "0"), (257, "ustar"), (263, "00")):
                put(at, field)
            put(148, f"{sum(head):06o}\0 ")
            out.write(bytes(head) + text + bytes(-len(text) % 512))
        out.write(bytes(1024))


def test_newer(small, place):
    _, state, backup = small
    path = os.path.join(place, "newer.tar")
    with_manifest(backup, lambda text: text, path)
    assert open(path, "rb").read() == open(backup, "rb").read()
    for old, new in ((b"kodo backup 1\n", b"kodo backup 2\n"), (b"\nformat ", b"\nformat 9")):
        with_manifest(backup, lambda text: text.replace(old, new).replace(b"\nversion ", b"\nversion 9."), path)
        done = run("restore", path, "--state", state)
        assert done.returncode == 1 and b"made by kodo 9." in done.stderr and b"install that version" in done.stderr, done


@pytest.mark.parametrize("has_spoken", [False, True], ids=["at once", "has spoken since"])
def test_registry_is_believed(member, folders, has_spoken):
    """Peers give back what it has forgotten, also where it has sent more since than they had heard of it."""
    old, peer = member("R", REGISTRY), member("P", REGISTRY, connect=[])
    old.options["connect"] = [peer.url]
    nodes = [member(name, NODE, connect=[old.url]) for name in ("same", "changed", "new")]
    for one in (peer, old, *nodes[:2]):
        one.start()
    both_show(old, peer, nodes[:2])
    backup = os.path.join(folders(), "backup.tar")
    good("backup", backup, "--state", old.state_path())
    nodes[1].change()
    nodes[2].start()
    both_show(old, peer, nodes)
    wait_until(lambda: old.is_idle() and peer.is_idle(), SECONDS, "idle")
    for node in nodes:
        node.kill()
    old.stop()
    if has_spoken:
        peer.stop()
    good("restore", backup, "--state", old.state_path())
    old.start()
    if has_spoken:
        for n in range(60):
            body = connect_body("http://127.0.0.1:2", 1)
            body["nodes"][0]["flows"][0]["name"] = f"spoken {n}"
            assert old.post("/connect", body).status == 201
        assert old.post("/disconnect", {"provider": "http://127.0.0.1:2", "url": ["http://127.0.0.1:2"]}).status == 200
        peer.start()
    both_show(old, peer, nodes)
    # a word of an owner still counts
    nodes[2].start_connected()
    nodes[2].request("DELETE", "/connect")
    both_show(old, peer, nodes[:2])
    assert rows_of(nodes[:2]) == old.shown()


def test_disk_is_full(service, place):
    """Nothing is left behind, and the reason is said."""
    one = service({"organization": "One", "flows": [flow(1)]})
    path = os.path.join(place, "b.tar")
    done = subprocess.run(f'ulimit -f 20; exec "{kodotest.KODO}" backup {path} --state {one.state_path()}', shell=True, capture_output=True,
                          timeout=30, check=False, executable="/bin/bash")
    assert done.returncode == 1 and b"limit of file sizes" in done.stderr, done
    assert os.listdir(place) == []
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    assert one.get("/").status == 200
