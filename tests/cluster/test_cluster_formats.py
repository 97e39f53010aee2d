"""Machines of a cluster with programs of different formats, of the state and of the log: make check-cluster."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Writer, cluster, connect, kodotest, leb128, propose, same_digests  # noqa: E402
from kodotest import wait_until  # noqa: E402

# reads entries of the next format, writes those of the present one, and keeps the state in the next format
NEXT = os.path.join(os.environ.get("BUILDDIR", kodotest.TREE), "tests", "upgrade", "kodo")
NEXT_ENTRY, SKIP = 2, 29
NEWER = "is of a newer kodo: install it here"


def upgrade(m):
    m.stop()
    m.program = NEXT
    m.env["KODO_RECONNECT"] = NEXT + "-reconnect"
    m.start(30)


def digests_published(c):
    """Of the states, as the sender tells them each 2,000 revisions: names of their keys."""
    for _ in range(2000):       # revisions, of somebody else's
        c.etcd[0].call("/v3/kv/put", {"key": "eA==", "value": "eA=="})
    connect(c.machines[2], f"http://d{time.time()}.test")
    found = wait_until(lambda: c.etcd[0].keys("k/kodo/digest/"), 10, "a digest is told")
    time.sleep(1)               # all have heard of it
    return found


def test_machines_are_upgraded_one_after_the_other(tmp_path):
    """Under writers; then what only the next build can write stops a machine that was left behind, until it is upgraded, too."""
    with cluster(tmp_path) as c:
        writers = [Writer(c, k) for k in range(3)]
        for w in writers:
            w.start()
        time.sleep(1)
        for m in c.machines[:2]:
            before = len(writers[0].acknowledged)
            upgrade(m)
            wait_until(lambda: len(writers[0].acknowledged) > before + 5, 20, f"writes go on beside {m.name}")
        for w in writers:
            w.ended.set()
        for w in writers:
            w.join(30)
        acknowledged = {url for w in writers for url in w.acknowledged}
        for m in c.machines:
            wait_until(lambda: acknowledged <= m.urls(), 20, f"{m.name} has all that was acknowledged")

        # states in two formats are not compared, those in one are
        assert digests_published(c) and all(m.status()["stopped"] == "" for m in c.machines)

        # of mixed builds each is right so far; now one says what the third does not know
        new, old = c.machines[0], c.machines[2]
        # a revision that is far ahead: one that was applied would have to be undone
        entry = b"".join(leb128(n) for n in (NEXT_ENTRY, SKIP, int(time.time() * 1000000), 0, 10 ** 9))
        err, revision = propose(new, entry, 0)
        assert err == 0 and revision > 0
        wait_until(lambda: NEWER in old.status()["stopped"], 10, "it stops")
        assert f"revision {revision} of the log" in old.status()["stopped"] and NEWER in old.log()
        assert old.post("/connect", kodotest.connect_body("http://refused.test")).status == 503
        assert old.get("/health").status == 503 and acknowledged <= old.urls(), "reads go on"
        connect(new, "http://after.test")
        wait_until(lambda: "http://after.test" in c.machines[1].urls(), 10)
        assert "http://after.test" not in old.urls(), "it passes over nothing"
        assert all(m.status()["stopped"] == "" for m in c.machines[:2])

        upgrade(old)
        wait_until(lambda: "http://after.test" in old.urls(), 20, "it goes on from there")
        connect(old, "http://last.test")
        wait_until(lambda: "http://last.test" in new.urls(), 10)
        assert acknowledged <= old.urls()
        wait_until(lambda: same_digests(c.machines), 20)
        print(f"\n{len(acknowledged)} acknowledged, {sum(w.refused for w in writers)} refused while two of three were upgraded")
