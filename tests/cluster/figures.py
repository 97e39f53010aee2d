"""Figures of a cluster over time: python3 tests/cluster/figures.py [SECONDS=300]; KODO and KODO_RECONNECT name the programs.

Memory of etcd while SECONDS of writes go by, how a machine that was away for all of them catches up, and how long nothing is
acknowledged when a machine dies that sends, and one that leads etcd as well.
"""
import os
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, Writer, cluster, gap, same_digests, stop  # noqa: E402
from kodotest import connect_body, wait_until  # noqa: E402

WRITERS = 8


def rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) / 1024


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


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    for with_etcd in (False, True):
        found = []
        for _ in range(3):
            with tempfile.TemporaryDirectory(prefix="kodo-figures-") as folder:
                found.append(death(folder, with_etcd))
        print(f"{'the sender and the member that leads etcd die' if with_etcd else 'the sender dies'}: no write for "
              f"{', '.join(f'{g:.1f}' for g, _ in found)} s; another one sends after {', '.join(f'{t:.1f}' for _, t in found)} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="kodo-figures-") as folder:
        away(folder, seconds)


if __name__ == "__main__":
    main()
