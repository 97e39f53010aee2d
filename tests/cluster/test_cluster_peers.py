"""What peers hear of a cluster whose sender is killed and stopped, and a member whose disk is full: make check-cluster."""
import contextlib
import glob
import os
import random
import signal
import sys
import threading
import time


sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, Writer, same_digests  # noqa: E402
from kodotest import Peer, children, wait_until  # noqa: E402

ROUNDS = int(os.environ.get("CLUSTER_SENDERS", "6"))


def machine_at(machines, port):
    """Whose process has a connection from that port: its name, None if nobody has it any more."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        inodes = {line.split()[9] for line in f if line.split()[1].endswith(f":{port:04X}")}
    for m in machines:
        with contextlib.suppress(OSError):
            pid = m.runner()
            for fd in glob.glob(f"/proc/{pid}/fd/*"):
                with contextlib.suppress(OSError):
                    if os.readlink(fd)[8:-1] in inodes:
                        return m.name
    return None


class Listener:
    """A registry that notes which machine said what, and when."""

    def __init__(self):
        self.machines, self.lock = [], threading.Lock()
        self.heard = []             # (time, machine, versions)
        self.peer = Peer(answer=self.answer)

    def answer(self, method, path, body):
        name = machine_at(self.machines, self.peer.asking.client[1])
        with self.lock:
            self.heard.append((time.monotonic(), name, path, body))
        status, me = self.peer.welcome(method, path, body)
        return status, {**me, "kodo": {"versions": {}, "gone": {}, "entries": True, "protocol": 1}}

    def terms(self):
        """Who spoke, one after the other, each as long as nobody else did."""
        names = [name for _, name, _, _ in self.heard if name is not None]
        return [name for k, name in enumerate(names) if k == 0 or names[k - 1] != name]


def kodo_of(body):
    return (body or {}).get("kodo", {})


def steps_back(heard):
    """Versions of a node that are below what was said of it before."""
    newest, found = {}, []
    for at, name, path, body in heard:
        for url, version in {**kodo_of(body).get("versions", {}), **kodo_of(body).get("gone", {})}.items():
            if version < newest.get(url, 0):
                found.append((at, name, path, url, version, newest[url]))
            newest[url] = max(version, newest.get(url, 0))
    sent = [(kodo_of(body).get("life"), kodo_of(body).get("sent", 0)) for _, _, _, body in heard]
    return found + [pair for pair in zip(sent, sent[1:]) if pair[0] >= pair[1]]


def senders(c):
    """Who may send now, by what each wrote of its lease; a stopped one's ends."""
    now_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    return [m for m in c.machines if m.leads() and int(m.status()["send_until_us"]) > now_us]


def signal_all(pids, sig):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)


def test_no_peer_hears_two_senders(tmp_path):
    """The sender's processes are killed, or stopped for longer than its lease, under writers."""
    rng = random.Random(os.environ.get("CLUSTER_SEED"))
    listener = Listener()
    c = Cluster(tmp_path, connect=[listener.peer.url], retry=1)
    listener.machines = c.machines
    writers = [Writer(c, k) for k in range(2)]
    led, at_once = [], []
    watched = threading.Event()

    def watch():
        while not watched.wait(0.02):
            with contextlib.suppress(OSError, ValueError, KeyError):
                now = [m.name for m in senders(c)]
                if len(now) > 1:
                    at_once.append(now)
                elif now and led[-1:] != now:
                    led.extend(now)

    watcher = threading.Thread(target=watch, daemon=True)
    try:
        c.start()
        wait_until(lambda: listener.heard, 20, "the peer is greeted")
        watcher.start()
        for w in writers:
            w.start()
        for k in range(ROUNDS):
            time.sleep(1 + rng.random())
            first = wait_until(lambda: senders(c), 30, "one sends")[0]
            # its runner goes on when it is the log's process that stands still, or the other way round
            pids = {0: lambda: [first.engine(), first.runner()], 1: lambda: [first.engine()], 2: lambda: [first.runner()]}[k // 2 % 3]()
            signal_all(pids, (signal.SIGSTOP, signal.SIGKILL)[k % 2])
            if k % 2 == 0:
                time.sleep(13)
                signal_all(pids, signal.SIGCONT)
        wait_until(lambda: senders(c), 30, "one sends")
        time.sleep(2)
        for w in writers:
            w.ended.set()
        for w in writers:
            w.join(30)
        acknowledged = {url for w in writers for url in w.acknowledged}
        assert len(acknowledged) > ROUNDS

        def told():
            return {url for _, _, _, body in list(listener.heard) for url in kodo_of(body).get("versions", {})}

        wait_until(lambda: acknowledged <= told(), 60, "the peer is told of all")
        print(f"\n{len(listener.heard)} messages, {len(acknowledged)} acknowledged, led by {led}, heard {listener.terms()}, "
              f"{sum(name is None for _, name, _, _ in listener.heard)} from who was killed since")
        assert len(led) > 1 and at_once == []
        assert steps_back(listener.heard) == []
        # whoever has begun to speak speaks alone until it is another's turn
        turns = iter(led)
        assert all(any(name == turn for turn in turns) for name in listener.terms()), (led, listener.terms())
        wait_until(lambda: same_digests(c.machines), 20)
    finally:
        watched.set()
        for w in writers:
            w.ended.set()
        c.end()
        listener.peer.close()
