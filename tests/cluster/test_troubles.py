"""A cluster in trouble that is nobody's death: make check-cluster."""
import contextlib
import json
import os
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, Writer, cluster, connect, digest, kodotest, same_digests, stop  # noqa: E402
from kodotest import connect_body, wait_until  # noqa: E402


def test_who_asks_for_a_revision_that_never_comes_keeps_nobody_waiting(tmp_path):
    with cluster(tmp_path, n=1) as c:
        machine = c.machines[0]
        revision = connect(machine, "http://n.test")
        ended = threading.Event()

        def ask():
            while not ended.is_set():
                answer = machine.get("/", headers={"Kodo-Min-Revision": "9999999999"}, timeout=20)
                assert answer.status in (429, 503)
        askers = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
        for a in askers:
            a.start()
        try:
            time.sleep(1)
            for path in ("/", "/health/ready") * 5:
                answer = machine.get(path, timeout=20)
                assert answer.status == 200 and answer.seconds < kodotest.CALM, (path, answer.seconds)
            asked = {"Kodo-Min-Revision": str(10 ** 12)}
            assert machine.get("/health/ready", headers=asked).status == 200, "health waits for nothing"
            connect(machine, "http://m.test", headers=asked)
        finally:
            ended.set()
        for a in askers:
            a.join(20)
        # who waits for a revision, and then for a change
        answers = []
        revision = connect(machine, "http://o.test")
        since = machine.get("/changes?limit=1000").json()["view"]
        waiting = threading.Thread(daemon=True, target=lambda: answers.append(machine.get(
            f"/changes?since={since}&wait=15", headers={"Kodo-Min-Revision": str(revision + 1)}, timeout=30)))
        waiting.start()
        time.sleep(0.3)
        connect(machine, "http://p.test")
        waiting.join(30)
        assert answers[0].status == 200 and answers[0].seconds < 5 and "http://p.test" in json.dumps(answers[0].json()), answers


def test_reads_go_on_while_the_process_of_the_log_hangs(tmp_path):
    with cluster(tmp_path, n=1) as c:
        machine = c.machines[0]
        connect(machine, "http://before.test")
        writers = [Writer(c, k) for k in range(8)]
        pid = machine.engine()
        os.kill(pid, signal.SIGSTOP)
        try:
            for w in writers:
                w.start()
            time.sleep(5)
            times = []
            for _ in range(10):
                began = time.monotonic()
                assert machine.get("/connect", timeout=30).status == 200
                times.append(time.monotonic() - began)
            print(f"\nreads beside 8 writers took {max(times):.3f} s at most")
            assert max(times) < kodotest.CALM
        finally:
            os.kill(pid, signal.SIGCONT)
            for w in writers:
                w.ended.set()
        wait_until(lambda: machine.post("/connect", connect_body("http://after.test")).status == 201, 20)


def test_writes_wait_for_a_slow_disk(tmp_path):
    """The process of the log stands still in the midst of a revision, for longer than it may else: nobody is refused for that."""
    with cluster(tmp_path, n=1, retry=0) as c:
        machine = c.machines[0]
        revision = connect(machine, "http://before.test")
        time.sleep(12)      # behind a start etcd counts as there
        pid = machine.engine()
        os.kill(pid, signal.SIGSTOP)
        with open(os.path.join(machine.state_path(), "applying"), "r+b") as f:
            f.write(struct.pack("<QQQ", revision + 1000, 0, 1))
        goes_on = threading.Timer(5, os.kill, (pid, signal.SIGCONT))
        goes_on.start()
        try:
            answer = machine.post("/connect", connect_body("http://during.test"), timeout=20)
        finally:
            goes_on.join()
        assert answer.status == 201 and answer.seconds > 4, (answer.status, answer.seconds)
        assert "tells nothing" not in machine.log()


def test_who_has_begun_to_send_goes_on_when_the_watch_begins_anew(tmp_path):
    """What it tells again of the sender before is not of this one."""
    c = Cluster(tmp_path)
    try:
        for k, machine in enumerate(c.machines):
            machine.options["cluster"] = c.etcd[k].endpoint
        c.start()
        first = wait_until(c.leader, 20, "one sends")
        rest = [m for m in c.machines if m is not first]
        time.sleep(3)
        stop(first)
        second = wait_until(lambda: next((m for m in rest if m.leads()), None), 30, "another one", pause=0.01)
        member = c.etcd[c.machines.index(second)]
        member.kill()
        member.start()
        wait_until(member.is_healthy, 20)
        wait_until(lambda: second.log().count("the watch of etcd") > 0, 20, "the watch has ended")
        for _ in range(8):
            time.sleep(1)
            assert [m for m in rest if m.leads()], "one sends"
    finally:
        c.end()


@pytest.mark.skipif(os.geteuid() != 0, reason="a container of its own needs root")
def test_a_service_is_process_1_of_a_container(tmp_path):
    c = Cluster(tmp_path, n=1)
    try:
        machine = c.machines[0]
        machine.program = os.path.join(tmp_path, "contained")
        with open(machine.program, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\nexec unshare --pid --fork --mount-proc --kill-child=KILL {kodotest.KODO} "$@"\n')
        os.chmod(machine.program, 0o755)
        machine.engine = lambda: machine.process.pid     # what its lock names is a number of the container
        machine.start(30)
        connect(machine, "http://n.test")
        assert machine.urls() == {"http://n.test"}
    finally:
        c.end()


def test_plain_cgi_waits_for_the_log(tmp_path):
    """A process for each request; the runner that stays has the process of the log. Without one nothing is taken, at once."""
    with cluster(tmp_path, n=2, retry=0) as c:
        other, machine = c.machines
        machine.stop()
        runner = subprocess.Popen([kodotest.RECONNECT, "--stay", machine.loader], cwd=machine.cwd, env=machine.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def post(url):
            body = kodotest.body_bytes(connect_body(url, flows=1))
            env = kodotest.cgi_env("POST", "/connect", {"Host": "registry.test"}, body, CONTENT_TYPE="application/json", KODO_LOADER=machine.loader)
            return subprocess.run([kodotest.KODO], input=body, capture_output=True, cwd=machine.cwd, env={**machine.env, **env}, timeout=30).stdout

        try:
            answer = wait_until(lambda: next((a for a in [post("http://cgi.test")] if a.startswith(b"Status: 201")), None), 20, "it is taken")
            assert b"\r\nKodo-Revision: " in answer
            wait_until(lambda: other.urls() == {"http://cgi.test"}, 5)
        finally:
            runner.terminate()
            runner.wait()
        began = time.monotonic()
        answer = post("http://late.test")
        assert answer.startswith(b"Status: 503") and b"\r\nRetry-After: 1\r\n" in answer and time.monotonic() - began < 5, answer
        assert other.urls() == {"http://cgi.test"}


def test_any_machine_takes_what_its_admin_denies(tmp_path):
    with cluster(tmp_path) as c:
        connect(c.machines[0], "http://n.test")
        wait_until(c.leader, 20, "one sends")
        for k, machine in enumerate(c.machines):
            wait_until(lambda: "http://n.test" in machine.urls(), 10)
            for command in ("deny", "allow"):
                done = subprocess.run([kodotest.KODO, command, f"http://d{k}.test", "--state", machine.state_path()],
                                      capture_output=True, text=True, timeout=30)
                assert done.returncode == 0, (machine.name, machine.leads(), done)
        wait_until(lambda: same_digests(c.machines), 20)


def test_a_quiet_cluster_has_digests(tmp_path):
    """Each machine notes every 30 s how far it is: the first entry behind 2,000 revisions may come long after that."""
    with cluster(tmp_path) as c:
        connect(c.machines[0], "http://before.test")
        for _ in range(2000):
            c.etcd[0].call("/v3/kv/put", {"key": "eA==", "value": "eA=="})
        reached = c.etcd[0].revision()
        wait_until(lambda: all(digest(m)[0] >= reached for m in c.machines), 60, "all have noted it", pause=0.5)
        revision = connect(c.machines[1], "http://after.test")
        # of the first entry behind the boundary, which may be one that the sender made
        found = wait_until(lambda: [text.split() for text in c.etcd[0].values("k/kodo/digest/")], 10, "there is a digest")
        assert {int(at) // 2000 for at, *_ in found} == {revision // 2000}
        time.sleep(3)
        assert not any(m.status()["stopped"] for m in c.machines)


def test_a_snapshot_is_taken_while_writes_go_on(tmp_path):
    with cluster(tmp_path) as c:
        connect(c.machines[0], "http://before.test")
        taker = c.machines[2]
        writers = [Writer(c, k) for k in range(2)]
        for w in writers:
            w.start()
        wait_until(lambda: all(w.acknowledged for w in writers), 10)
        subprocess.run([kodotest.KODO, "cluster", "snapshot", "--state", taker.state_path()], check=True, timeout=20)
        began = time.monotonic()
        wait_until(lambda: "took over the state of m" in taker.log(), 12, "it ends")
        wait_until(lambda: taker.get("/health").status == 200, 10, "it serves again")
        print(f"\na snapshot under writes took {time.monotonic() - began:.1f} s")
        for w in writers:
            w.ended.set()
        for w in writers:
            w.join(30)
        acknowledged = {url for w in writers for url in w.acknowledged}
        for m in c.machines:
            wait_until(lambda: acknowledged <= m.urls(), 20, f"{m.name} has all that was acknowledged")
        wait_until(lambda: same_digests(c.machines), 20)


class Gate(socketserver.BaseRequestHandler):
    """Between a machine and its etcd: once armed, the answer to the next entry, and all after it, waits until it is opened."""
    etcd, armed, is_open, spoils = None, threading.Event(), threading.Event(), threading.Event()
    is_spoilt = False

    def handle(self):
        up = socket.socket(socket.AF_UNIX)
        up.connect(self.etcd)
        threading.Thread(target=self.pass_back, args=(up,), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                if self.armed.is_set() and b"/v3/kv/txn" in data and b"request_txn" in data:
                    self.armed.clear()
                    self.is_open.clear()
                if self.spoils.is_set() and b"/v3/kv/txn" in data and b"request_txn" in data:
                    self.spoils.clear()
                    self.is_spoilt = True
                up.sendall(data)
        up.close()

    def pass_back(self, up):
        with contextlib.suppress(OSError):
            while data := up.recv(65536):
                self.is_open.wait()
                if self.is_spoilt:
                    data, self.is_spoilt = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"header\"", False
                self.request.sendall(data)
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)


class Gates(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def gated(tmp_path, **options):
    """A cluster of one machine, not yet started, that reaches etcd through a gate."""
    c = Cluster(tmp_path, n=1, **options)
    path = os.path.join(tmp_path, "gate")
    Gate.etcd = c.etcd[0].socket
    Gate.is_open.set()
    gates = Gates(path, Gate)
    threading.Thread(target=gates.serve_forever, daemon=True).start()
    c.machines[0].options["cluster"] = "unix://" + path
    try:
        yield c
    finally:
        Gate.is_open.set()
        Gate.spoils.clear()
        c.end()
        gates.shutdown()


def test_an_order_that_may_be_in_the_log_is_not_given_twice(tmp_path):
    """kodo allow undoes a denial; a second one would be an exception from nothing."""
    said = []

    def kodo(*words):
        said.append(subprocess.run([kodotest.KODO, *words, "--state", c.machines[0].state_path()], capture_output=True, text=True, timeout=60))
        return said[-1].stdout

    with gated(tmp_path) as c:
        c.start()
        kodo("deny", "url:http://a.test")
        kodo("deny", "url:http://b.test")
        assert "http://a.test" in kodo("deny")

        def logged():
            return len(c.etcd[0].keys("k/kodo/log/"))

        def is_quiet():
            n = logged()
            time.sleep(1.5)
            return n == logged()

        wait_until(is_quiet, 30, "what follows from the denials is done: else that would be held")
        before = logged()
        Gate.armed.set()
        caller = threading.Thread(daemon=True, target=kodo, args=("allow", "url:http://a.test"))
        caller.start()
        wait_until(lambda: not Gate.is_open.is_set(), 10, "it is under way")
        # etcd gives up what is under way of who hangs up
        wait_until(lambda: logged() > before, 10, "it is in the log")
        os.kill(c.machines[0].engine(), signal.SIGKILL)
        Gate.is_open.set()
        caller.join(30)
        wait_until(lambda: "http://b.test" in kodo("deny") and "http://a.test" not in said[-1].stdout, 20, "it is undone")
        time.sleep(3)
        assert "http://a.test" not in kodo("deny"), said[-1]


def test_an_entry_whose_answer_cannot_be_read_is_no_other_s(tmp_path):
    """Its number is taken: the next entry must not go by it."""
    with gated(tmp_path, retry=0) as c:
        machine = c.machines[0]
        c.start()
        connect(machine, "http://before.test")
        for k in range(5):
            Gate.spoils.set()
            connect(machine, f"http://spoilt{k}.test", timeout=20)
            assert not Gate.spoils.is_set(), "it was spoilt"
            connect(machine, f"http://next{k}.test", timeout=20)
        assert len(machine.urls()) == 11
