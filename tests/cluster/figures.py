"""Figures of a cluster over time: python3 tests/cluster/figures.py [deaths=3] [away=300] [long=100000] [memory=1500], all without words;
KODO and KODO_RECONNECT name the programs.

deaths  how long nothing is acknowledged when a machine dies that sends, and one that leads etcd as well: each so often
away    how a machine catches up that was away for so many seconds of writes as fast as they go, and the memory of etcd meanwhile
long    how one catches up that was away for so many entries: by the log, and by another one's state
memory  of etcd within so many seconds of 60 writes each, with all machines there, so that the log is trimmed
"""
import os
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, Writer, cluster, connect, fill, gap, sample, same_digests, stop  # noqa: E402
from kodotest import connect_body, flow, node, wait_until  # noqa: E402

WRITERS = 8
RATE = 60         # writes a second, of memory


def rss_mib(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(f"{what}:")) / 1024


def write_for(machines, seconds, look):
    """Statements of some 1 kB; how many were acknowledged. look() is called each 5 s."""
    end, done = time.monotonic() + seconds, [0] * WRITERS

    def run(number):
        k = 0
        while time.monotonic() < end:
            k += 1
            answer = machines[number % len(machines)].post("/connect", connect_body(f"http://w{number}-{k % 500}.test", flows=5, organization=f"{k}"))
            done[number] += answer.status == 201

    threads = [threading.Thread(daemon=True, target=run, args=(n,)) for n in range(WRITERS)]
    for t in threads:
        t.start()
    while time.monotonic() < end:
        time.sleep(5)
        look()
    for t in threads:
        t.join()
    return sum(done)


def away(folder, seconds):
    with cluster(folder, retry=0) as c:
        gone = c.machines[2]
        wait_until(lambda: gone.get("/").status == 200, 10)
        stop(gone)
        memory = [[] for _ in c.etcd]

        def look():
            for m, e in zip(memory, c.etcd):
                m.append(rss_mib(e.process.pid))

        n = write_for(c.machines[:2], seconds, look)
        print(f"{n} statements in {seconds} s ({n / seconds:.0f} a second): etcd takes "
              f"{', '.join(f'{m[0]:.0f} to {max(m):.0f} MiB (last {m[-1]:.0f})' for m in memory)}; its database "
              f"{int(c.etcd[0].status()['dbSize']) / 1048576:.0f} MiB", flush=True)
        applied = int(c.machines[0].status()["revision"])
        began = time.monotonic()
        gone.start(60)
        up = time.monotonic() - began
        wait_until(lambda: int(gone.status()["revision"]) >= applied and gone.get("/health").status == 200, 600, "it has caught up", pause=0.1)
        print(f"a machine that was away for all of it answers after {up:.1f} s, and has caught up after {time.monotonic() - began:.1f} s, "
              f"{'by the state of another one' if 'took over the state' in gone.log() else 'by the log'}", flush=True)
        wait_until(lambda: same_digests(c.machines), 30, "digests equal")


def long_away(folder, entries):
    with cluster(folder, retry=0) as c:
        gone, stays = c.machines[2], c.machines[0]
        key, value = sample(stays, c.etcd[0])
        wait_until(lambda: gone.total() == 5, 10)
        stop(gone)
        began = time.monotonic()
        fill(c, key, value, entries)
        last = c.etcd[0].revision()
        filled = time.monotonic() - began
        wait_until(lambda: int(stays.status()["revision"]) >= last - 10, 900, "who stays has applied them", pause=0.1)
        print(f"{entries} entries, put in {filled:.0f} s, are applied {time.monotonic() - began - filled:.1f} s after the last one; "
              f"etcd takes {max(rss_mib(e.process.pid) for e in c.etcd):.0f} MiB", flush=True)
        for how in ("by the log", "by another one's state"):
            if how != "by the log":
                stop(gone)
                for k in range(20):
                    connect(stays, f"http://after{k}.test")
                c.etcd[0].call("/v3/kv/compaction", {"revision": str(c.etcd[0].revision())})
            began = time.monotonic()
            gone.start(900)
            wait_until(lambda: gone.total() == stays.total() and gone.get("/health").status == 200, 900, "it has caught up", pause=0.1)
            took = time.monotonic() - began
            assert ("took over the state" in gone.log()) == (how != "by the log")
            print(f"a machine that was away for {entries} entries has them {how} {took:.1f} s after its start, and serves; "
                  f"etcd takes {max(rss_mib(e.process.pid) for e in c.etcd):.0f} MiB", flush=True)
        wait_until(lambda: same_digests(c.machines), 60, "digests equal")


def death(folder, with_etcd):
    """The machine that sends dies, of which etcd leads as well, or not: seconds without a write, and until another one sends."""
    c = Cluster(folder, retry=0)
    writers = [Writer(c, k) for k in range(3)]
    try:
        c.start()
        wait_until(c.leader, 20)
        sender = c.leader()
        leads = next(i for i, e in enumerate(c.etcd) if e.is_leader())
        dies = c.etcd[leads] if with_etcd else None
        for w in writers:
            w.start()
        time.sleep(2)
        began = time.monotonic()
        if dies is not None:
            dies.process.send_signal(signal.SIGKILL)
        stop(sender)
        wait_until(lambda: any(m.leads() for m in c.machines if m is not sender), 30)
        taken = time.monotonic() - began
        time.sleep(1)
        for w in writers:
            w.ended.set()
        for w in writers:
            w.join(30)
        return gap(writers, began), taken
    finally:
        c.end()


def deaths(folder, n):
    for with_etcd in (False, True):
        found = [death(os.path.join(folder, f"{with_etcd}{k}"), with_etcd) for k in range(n)]
        print(f"{'the sender and the member that leads etcd die' if with_etcd else 'the sender dies'}: no write for "
              f"{', '.join(f'{g:.1f}' for g, _ in found)} s; another one sends after {', '.join(f'{t:.1f}' for _, t in found)} s", flush=True)


def memory(folder, seconds):
    """Each minute: MiB that each etcd takes, of these what is no file, and its database."""
    with cluster(folder, retry=0) as c:
        began, done = time.monotonic(), [0] * WRITERS

        def run(number):
            k = 0
            while time.monotonic() < began + seconds:
                time.sleep(max(0, began + k * WRITERS / RATE - time.monotonic()))
                url, k = f"http://w{number}-{k % 1000}.test", k + 1
                flows = [flow(i, name=f"{url} flow {i}") for i in range(5)]
                body = connect_body(url, nodes=[node(url, flows, organization=f"Turn {k}")])
                done[number] += c.machines[(number + k) % 3].post("/connect", body).status == 201

        threads = [threading.Thread(target=run, args=(n,)) for n in range(WRITERS)]
        for t in threads:
            t.start()
        while any(t.is_alive() for t in threads):
            threads[0].join(60)
            print(f"{time.monotonic() - began:.0f} s, {sum(done)} writes: {[round(rss_mib(e.process.pid)) for e in c.etcd]} MiB, not of files "
                  f"{[round(rss_mib(e.process.pid, 'RssAnon')) for e in c.etcd]}, database {int(c.etcd[0].status()['dbSize']) // 1048576}, "
                  f"{len(c.etcd[0].keys('k/kodo/log/'))} entries", flush=True)
        wait_until(lambda: same_digests(c.machines), 60, "digests equal")


FIGURES = {"deaths": (deaths, 3), "away": (away, 300), "long": (long_away, 100000), "memory": (memory, 1500)}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for word in sys.argv[1:] or FIGURES:
        name, _, n = word.partition("=")
        figure, usual = FIGURES[name]
        with tempfile.TemporaryDirectory(prefix="kodo-figures-") as folder:
            figure(folder, int(n or usual))


if __name__ == "__main__":
    main()
