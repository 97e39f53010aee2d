"""States that are taken from another machine, and a revision that all are to pass over: make check-cluster."""
import base64
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, cluster, commits, connect, kodotest, same_digests, stop  # noqa: E402
from kodotest import connect_body, wait_until  # noqa: E402


def b64(data):
    return base64.b64encode(data).decode()


def skip(machine, revision):
    return subprocess.run([kodotest.KODO, "cluster", "skip", str(revision), "--state", machine.state_path()], capture_output=True, text=True,
                          timeout=30)


def test_who_has_applied_what_others_pass_over_takes_their_state(tmp_path):
    """One machine comes back later, and comes to that revision first: nothing is wrong with it there."""
    with cluster(tmp_path, retry=0) as c:
        etcd = c.etcd[0]
        connect(c.machines[0], "http://again.test")
        entries = etcd.call("/v3/kv/range", {"key": b64(b"k/kodo/log/"), "range_end": b64(b"k/kodo/log0")})["kvs"]
        entry = next(kv["value"] for kv in entries if b"http://again.test" in base64.b64decode(kv["value"]))
        assert c.machines[1].post("/disconnect", {"provider": "http://again.test", "url": ["http://again.test"]}).status == 200
        wait_until(lambda: not any(m.urls() for m in c.machines), 10)
        stop(c.machines[2])
        engines = [m.engine() for m in c.machines[:2]]
        for pid in engines:
            os.kill(pid, signal.SIGSTOP)
        answer = etcd.call("/v3/kv/put", {"key": b64(b"k/kodo/log/z/0123456789abcdef/f000000000000001"), "value": entry})
        revision = int(answer["header"]["revision"])
        for pid, m in zip(engines, c.machines):     # it has ended them twice
            with open(os.path.join(m.state_path(), "applying"), "wb") as f:
                f.write(struct.pack("<QQQ", revision, 1, 1))
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: f"revision {revision} of the log ended this program twice" in m.status()["stopped"], 20)
        refused = skip(c.machines[0], revision + 1)
        assert refused.returncode != 0 and "has not stopped at that revision" in refused.stderr, refused
        done = skip(c.machines[0], revision)
        assert done.returncode == 0, done
        for m in c.machines[:2]:
            wait_until(lambda: m.status()["stopped"] == "", 20, "it goes on")
        connect(c.machines[0], "http://after.test")
        late = c.machines[2]
        late.start(40)
        wait_until(lambda: "took over the state of m" in late.log(), 20, "it takes a state without it")
        wait_until(lambda: all(m.urls() == {"http://after.test"} for m in c.machines), 20)
        assert same_digests(c.machines)
        connect(late, "http://more.test")
        wait_until(lambda: all("http://more.test" in m.urls() for m in c.machines), 20)
        # nothing of it is done again at the next start
        taken = late.log().count("took over the state of m")
        stop(late)
        late.start(40)
        connect(late, "http://most.test")
        assert late.log().count("took over the state of m") == taken and same_digests(c.machines)


def test_a_state_is_taken_where_nothing_else_happens(tmp_path):
    """Of the same revision as its own: nobody has noted a higher one for up to half a minute."""
    with cluster(tmp_path, n=2, retry=0) as c:
        connect(c.machines[0], "http://only.test")
        taker = c.machines[1]
        wait_until(lambda: taker.urls() and c.leader(), 20)
        for k in (1, 2, 3):     # behind the first one both are equal
            subprocess.run([kodotest.KODO, "cluster", "snapshot", "--state", taker.state_path()], check=True, timeout=20)
            wait_until(lambda: taker.log().count("took over the state of m1") == k, 8, "at once")
            wait_until(lambda: taker.status()["is_catching_up"] == "0", 5)
        wait_until(lambda: taker.get("/health").status == 200, 10)
        assert same_digests(c.machines)


def test_a_slow_copy_holds_nothing_up(tmp_path):
    """Another machine gives its state at a crawl: orders are answered, writes refused at once, and it stays a member."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken = []

    def crawl():
        with contextlib.suppress(OSError):
            while True:
                s, _ = listener.accept()
                taken.append(s)
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                while True:
                    s.sendall(bytes(2000))
                    time.sleep(0.3)

    threading.Thread(target=crawl, daemon=True).start()
    c = Cluster(tmp_path, n=2, retry=0)
    try:
        c.machines[0].options["machine_url"] = "http://127.0.0.1:%d" % listener.getsockname()[1]
        c.start()
        connect(c.machines[0], "http://only.test")
        taker = c.machines[1]
        wait_until(lambda: taker.urls() and c.leader(), 20)
        subprocess.run([kodotest.KODO, "cluster", "snapshot", "--state", taker.state_path()], check=True, timeout=20)
        wait_until(lambda: taken, 10, "it is asked")
        began = time.monotonic()
        while time.monotonic() - began < 12:
            asked = time.monotonic()
            assert taker.post("/connect", connect_body("http://w.test"), timeout=20).status == 503
            assert time.monotonic() - asked < 1, "it is refused at once"
            time.sleep(0.5)
        assert next(m for m in c.machines[0].status()["members"] if m["name"] == "m2")["is_live"] == "1"
        connect(c.machines[0], "http://more.test")
    finally:
        listener.close()
        for s in taken:
            s.close()
        c.end()


def test_what_comes_at_once_is_stored_at_once(tmp_path):
    """A machine that was away applies many revisions in one transaction, and one that ended the process alone."""
    with cluster(tmp_path, n=2, retry=0) as c:
        connect(c.machines[0], "http://first.test")
        late = c.machines[1]
        wait_until(late.urls, 10)
        stop(late)
        before = commits(late)
        for k in range(150):
            connect(c.machines[0], f"http://p{k}.test")
        late.start(40)
        wait_until(lambda: len(late.urls()) == 151, 20)
        print(f"\n150 entries in {commits(late) - before} commits, with those of a start")
        assert commits(late) - before < 50
        assert same_digests(c.machines)
        # the same behind a crash within the first one of them: each may be the one
        stop(late)
        revision = connect(c.machines[0], "http://q.test")
        for k in range(50):
            connect(c.machines[0], f"http://q{k}.test")
        before = commits(late)
        with open(os.path.join(late.state_path(), "applying"), "wb") as f:
            f.write(struct.pack("<QQQ", revision + 40, 0, 1))
        late.start(40)
        wait_until(lambda: len(late.urls()) == 202, 20)
        assert commits(late) - before > 38 and same_digests(c.machines)


def test_what_comes_while_one_is_applied_is_stored_at_once(tmp_path):
    """Each revision by a message of its own, to a process that is busy."""
    with cluster(tmp_path, n=2, retry=0) as c:
        first, busy = c.machines
        connect(first, "http://first.test")
        wait_until(lambda: len(busy.urls()) == 1, 10)
        os.kill(busy.engine(), signal.SIGSTOP)
        before = commits(busy)
        for k in range(60):
            connect(first, f"http://p{k}.test")
        os.kill(busy.engine(), signal.SIGCONT)
        wait_until(lambda: len(busy.urls()) == 61, 10)
        print(f"\n60 entries in {commits(busy) - before} commits")
        assert commits(busy) - before < 20
        assert same_digests(c.machines)


def test_two_installs_of_one_build_have_one_etag(tmp_path):
    c = Cluster(tmp_path, n=2, retry=0)
    try:
        second = c.machines[1]
        for program in (kodotest.KODO, kodotest.RECONNECT):
            shutil.copyfile(program, os.path.join(tmp_path, os.path.basename(program)))
            os.chmod(os.path.join(tmp_path, os.path.basename(program)), 0o755)
        second.program = os.path.join(tmp_path, os.path.basename(kodotest.KODO))
        c.start()
        connect(c.machines[0], "http://only.test")
        wait_until(second.urls, 10)
        for path in ("/flows", "/connect", "/counts"):
            tags = {m.get(path).headers["etag"] for m in c.machines}
            assert len(tags) == 1, (path, tags)
    finally:
        c.end()


def test_two_machines_of_one_name_say_so(tmp_path):
    c = Cluster(tmp_path, n=2, retry=0)
    try:
        c.machines[1].options["machine"] = "m1"
        c.start()
        said = "another machine of the cluster is called m1, too"
        wait_until(lambda: any(said in m.status()["stopped"] for m in c.machines), 20, "one of them, whose name it then is no more")
        # it goes on to say that, and of etcd what is so
        stopped = next(m for m in c.machines if said in m.status()["stopped"])
        c.etcd[1].kill()
        wait_until(lambda: stopped.status()["has_quorum"] == "0", 20, "a majority is gone")
        c.etcd[1].start()
        wait_until(lambda: stopped.status()["has_quorum"] == "1", 20, "it is there again")
        time.sleep(6)
        assert stopped.status()["has_quorum"] == "1" and said in stopped.status()["stopped"]
        # both start again, one with its own name; what the former process has told does not count
        for m in c.machines:
            stop(m)
        c.machines[1].options["machine"] = "m2"
        c.start()
        connect(c.machines[1], "http://only.test")
        for k in range(2):
            os.kill(c.machines[0].engine(), signal.SIGKILL)
            time.sleep(5)
        assert not any(m.status()["stopped"] for m in c.machines)
        connect(c.machines[0], "http://more.test")
    finally:
        c.end()


def test_who_folds_texts_otherwise_is_told_of(tmp_path):
    with cluster(tmp_path, n=1, retry=0) as c:
        machine = c.machines[0]
        wait_until(lambda: machine.status()["members"], 10)
        own = machine.status()["members"][0]["folding"]
        assert "Unicode" in own and "folds texts" not in machine.check()
        for name, folding in (("m8", own), ("m9", "1.0 (Unicode 4.0.0)"), ("m7", "")):
            record = "member=\n" + "".join(f"{k}={v}\n" for k, v in {**machine.status()["members"][0], "name": name, "folding": folding}.items())
            c.etcd[0].call("/v3/kv/put", {"key": b64(f"k/kodo/member/{name}".encode()), "value": b64(record.encode())})
        wait_until(lambda: len(machine.status()["members"]) == 4, 10)
        said = [line for line in machine.check().splitlines() if "folds texts" in line]
        assert len(said) == 1 and "m9 folds texts by utf8proc 1.0 (Unicode 4.0.0), and this machine by " + own in said[0], said
