"""Figures of a cluster beside one machine, in one run: python3 tests/cluster/bench.py ; KODO and KODO_RECONNECT name the programs.

The flows of each node have names of their own. All of it runs on this machine: the client, whose share is told, has its requests ready
before the clock runs, and reads no more of an answer than its status.
"""
import os
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, Machine, children, kodotest  # noqa: E402
from kodotest import body_bytes, flow, greeting, node  # noqa: E402


def percentiles(times):
    times = sorted(times)
    return tuple(round(times[int(len(times) * p)] * 1000, 1) for p in (0.5, 0.9, 0.99))


def request(url):
    flows = [flow(k, name=f"Flow {k} of {url}", description=f"what {url} does as number {k}") for k in range(5)]
    body = body_bytes(greeting(url, nodes=[node(url, flows)]))
    return b"POST /connect HTTP/1.0\r\nHost: registry.test\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def send(machine, text):
    """The status."""
    with socket.create_connection(("127.0.0.1", machine.port), timeout=30) as s:
        s.sendall(text)
        answer = b""
        while part := s.recv(65536):
            answer += part
    return int(answer[9:12])


def processor_s(pids):
    """Of processes that go on; in /proc/PID/stat, behind the name, fields 14 and 15."""
    used = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            used += sum(int(n) for n in f.read().rpartition(")")[2].split()[11:13])
    return used / os.sysconf("SC_CLK_TCK")


def posts(machines, tag, writers, each):
    work = [[request(f"http://{tag}-{number}-{k}.test") for k in range(each)] for number in range(writers)]
    times, refused, lock = [], [], threading.Lock()

    def run(number):
        machine = machines[number % len(machines)]
        for text in work[number]:
            began = time.monotonic()
            status = send(machine, text)
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
            members = [member.process.pid for member in c.etcd]
            for tag, machines in (("one machine", [one]), ("three machines", c.machines)) * 2:
                for writers, each in ((1, 200), (4, 100), (6, 100)):
                    kodos = [pid for m in machines for pid in [m.process.pid] + children(m.process.pid)]
                    if machines is c.machines:
                        kodos += [m.engine() for m in machines if m.engine() not in kodos]
                    used = [processor_s(pids) for pids in (kodos, members, [os.getpid()])]
                    rate, times = posts(machines, f"{tag.split()[0]}{writers}{time.time():.0f}", writers, each)
                    cost = [(processor_s(pids) - s) * 1000 / (writers * each)
                            for pids, s in zip((kodos, members, [os.getpid()]), used)]
                    print(f"{tag}: {writers} writers: {rate:.0f} POST /connect a second, p50 p90 p99 {times} ms; processor time "
                          f"kodo {cost[0]:.1f}, etcd {cost[1]:.1f}, client {cost[2]:.1f} ms each", flush=True)
                print(f"{tag}: GET /flows p50 p90 p99 {gets(machines[0])} ms", flush=True)
        finally:
            one.kill()
            c.end()


if __name__ == "__main__":
    assert os.path.exists(kodotest.KODO)
    main()
