"""A machine that comes back to a long log: make check-cluster K=away."""
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import cluster, commits, connect, digest, fill, kodotest, sample, same_digests, stop  # noqa: E402
from kodotest import wait_until  # noqa: E402

DIGEST_EVERY = 2000             # as in cron/cluster/compare.c


def begin(machine):
    """Its start, which waits for the cluster."""
    thread = threading.Thread(target=machine.start, args=(120,), daemon=True)
    thread.start()
    return thread


def alter(machine, to):
    """What its state, at rest, has of http://differs.test."""
    path = os.path.join(machine.state_path(), "data.mdb")
    with open(path, "rb") as f:
        text = f.read()
    assert b"Org of http://differs.test" in text
    with open(path, "wb") as f:
        f.write(text.replace(b"Org of http://differs.test", to + b" of http://differs.test"))


def with_states(c, altered):
    """altered: machine -> what it has instead of the others; the first one sends. When each has told its digest."""
    wait_until(c.leader, 20, "one sends")
    connect(c.machines[0], "http://differs.test")
    for m in c.machines:
        wait_until(lambda: "http://differs.test" in m.urls(), 10)
    for m in c.machines:
        stop(m)
    for m, to in altered.items():
        alter(m, to)
    sender = next(iter(altered))
    sender.start(40)
    wait_until(sender.leads, 20, "it sends")
    for m in c.machines:
        if m is not sender:
            m.start(40)
    for _ in range(DIGEST_EVERY):       # revisions, of somebody else's
        c.etcd[0].call("/v3/kv/put", {"key": "eA==", "value": "eA=="})
    connect(c.machines[0], "http://after.test")
    wait_until(lambda: len(c.etcd[0].keys("k/kodo/digest/")) == len(c.machines), 10, "all tell their digests")
    assert sender.leads()
    return sender


def test_who_was_away_takes_many_revisions_at_once_and_finds_the_one_that_fails(tmp_path):
    with cluster(tmp_path) as c:
        gone, n, bad = c.machines[2], 2500, 1234
        key, value = sample(c.machines[0], c.etcd[0])
        wait_until(lambda: gone.total() == 5, 10)
        stop(gone)
        revision = fill(c, key, value, n, bad)
        for m in c.machines[:2]:
            wait_until(lambda: f"revision {revision} of the log cannot be applied" in m.status()["stopped"], 60, f"{m.name} names it")
        before = commits(gone)
        starts = begin(gone)
        wait_until(lambda: f"revision {revision} of the log cannot be applied" in gone.status()["stopped"], 60, "so does who was away")
        assert digest(gone)[0] == revision - 1, "what comes before it is there"
        subprocess.run([kodotest.KODO, "cluster", "skip", str(revision), "--state", c.machines[0].state_path()], check=True, timeout=20)
        starts.join()
        for m in c.machines:
            wait_until(lambda: m.total() == 5 * n, 60, f"{m.name} has all but that one")
        done = commits(gone) - before
        print(f"\n{n} revisions in {done} transactions")
        # one at a time only from the revisions with the bad one among them up to it
        assert done < 256 + (n - 256) / 5, done
        connect(gone, "http://after.test")
        wait_until(lambda: same_digests(c.machines), 30)


def test_who_was_away_with_another_state_finds_out(tmp_path):
    """Its digest is of the same revision as the sender's, however many it applies at once."""
    with cluster(tmp_path) as c:
        wait_until(c.leader, 20, "one sends")
        gone = next(m for m in c.machines if not m.leads())
        rest = [m for m in c.machines if m is not gone]
        key, value = sample(c.machines[0], c.etcd[0])
        connect(c.machines[0], "http://differs.test")
        wait_until(lambda: "http://differs.test" in gone.urls(), 10)
        stop(gone)
        alter(gone, b"Own")
        fill(c, key, value, DIGEST_EVERY + 300)
        starts = begin(gone)
        wait_until(lambda: "state is not that of" in gone.status()["stopped"], 60, "it finds out")
        assert not any(m.status()["stopped"] for m in rest)
        subprocess.run([kodotest.KODO, "cluster", "snapshot", "--state", gone.state_path()], check=True, timeout=20)
        starts.join()
        wait_until(lambda: "took over the state of m" in gone.log(), 30, "it takes another one's")
        wait_until(lambda: same_digests(c.machines), 60)


def test_nobody_sends_who_has_not_all_that_was_sent(tmp_path):
    with cluster(tmp_path) as c:
        key, value = sample(c.machines[0], c.etcd[0])
        for m in c.machines:
            wait_until(lambda: m.total() == 5, 10)
        for m in c.machines:
            stop(m)
        last = fill(c, key, value, 3000)
        wait_until(lambda: not c.etcd[0].keys("k/kodo/leader"), 30, "nobody sends")
        first = c.machines[0]
        before = first.log().count("this machine sends")
        starts = begin(first)
        wait_until(lambda: first.log().count("this machine sends") > before, 60, "it sends", pause=0.01)
        assert digest(first)[0] >= last
        starts.join()


def test_most_machines_are_right_whoever_sends(tmp_path):
    """The sender's state differs from that of the others, which are equal: it stops, and another one sends."""
    with cluster(tmp_path, retry=0) as c:
        sender = with_states(c, {c.machines[2]: b"Own"})
        rest = [m for m in c.machines if m is not sender]
        wait_until(lambda: "state is not that of" in sender.status()["stopped"], 20, "it finds out")
        assert "at 2 of the 3 machines" in sender.status()["stopped"]
        wait_until(lambda: any(m.leads() for m in rest), 4, "another one sends, before the lease would have ended")
        time.sleep(3)
        assert not any(m.status()["stopped"] for m in rest)
        for m in rest:
            connect(m, f"http://{m.name}.test")
        subprocess.run([kodotest.KODO, "cluster", "snapshot", "--state", sender.state_path()], check=True, timeout=20)
        wait_until(lambda: same_digests(c.machines) and not sender.status()["stopped"], 60, "it takes the right state")
        time.sleep(6)       # what was told of the one before counts no more
        assert not any(m.status()["stopped"] for m in c.machines)


def test_where_no_state_is_that_of_most_the_sender_s_counts(tmp_path):
    with cluster(tmp_path, retry=0) as c:
        sender = with_states(c, {c.machines[2]: b"Own", c.machines[1]: b"Odd"})
        for m in c.machines:
            if m is not sender:
                wait_until(lambda: f"state is not that of {sender.name}" in m.status()["stopped"], 20, f"{m.name} finds out")
        assert sender.status()["stopped"] == ""
        # a new process knows it, too: it takes the right state before anything else
        began_anew, waits = (m for m in c.machines if m is not sender)
        os.kill(began_anew.engine(), signal.SIGKILL)
        wait_until(lambda: f"took over the state of {sender.name}" in began_anew.log(), 20, "it takes the sender's")
        wait_until(lambda: same_digests([sender, began_anew]), 20)
        assert waits.status()["stopped"] and not began_anew.status()["stopped"]
        connect(began_anew, "http://more.test")
