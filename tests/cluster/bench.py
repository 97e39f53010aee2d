"""Figures of a cluster beside one machine, in one run: python3 tests/cluster/bench.py ; KODO and KODO_RECONNECT name the programs."""
import os
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, Machine, kodotest  # noqa: E402
from kodotest import connect_body  # noqa: E402


def percentiles(times):
    times = sorted(times)
    return tuple(round(times[int(len(times) * p)] * 1000, 1) for p in (0.5, 0.9, 0.99))


def posts(machines, tag, writers, each):
    times, refused, lock = [], [], threading.Lock()

    def run(number):
        for k in range(each):
            body = connect_body(f"http://{tag}-{number}-{k}.test", flows=5)
            began = time.monotonic()
            machine = machines[number % len(machines)]
            status = machine.post("/connect", body).status
            with lock:
                times.append(time.monotonic() - began)
                if status != 201:
                    refused.append((machine.name, status, times[-1]))

    threads = [threading.Thread(daemon=True, target=run, args=(n,)) for n in range(writers)]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not refused, refused
    return len(times) / (time.monotonic() - began), percentiles(times)


def gets(machine, n=1000):
    times = []
    for _ in range(n):
        began = time.monotonic()
        assert machine.get("/flows").status == 200
        times.append(time.monotonic() - began)
    return percentiles(times)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="kodo-bench-") as folder:
        c = Cluster(folder, retry=0)
        one = Machine(os.path.join(folder, "one"), "one", "http://one.test", [], retry=0)
        for name in ("cluster", "machine", "machine_url"):
            one.options.pop(name)
        try:
            one.start(30)
            c.start()
            for tag, machines in (("one machine", [one]), ("three machines", c.machines)) * 2:
                for writers, each in ((1, 200), (4, 100), (6, 100)):
                    rate, times = posts(machines, f"{tag.split()[0]}{writers}{time.time():.0f}", writers, each)
                    print(f"{tag}: {writers} writers: {rate:.0f} POST /connect a second, p50 p90 p99 {times} ms", flush=True)
                print(f"{tag}: GET /flows p50 p90 p99 {gets(machines[0])} ms", flush=True)
        finally:
            one.kill()
            c.end()


if __name__ == "__main__":
    assert os.path.exists(kodotest.KODO)
    main()
