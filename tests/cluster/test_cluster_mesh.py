"""A network of registries, one of which is three machines behind a balancer: make check-cluster."""
import contextlib
import itertools
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, kill_one, kodotest, same_digests, stop  # noqa: E402
from kodotest import connect_body, free_port, wait_until  # noqa: E402

STEPS = int(os.environ.get("CLUSTER_MESH", "40"))
OPTIONS = {"registry": True, "feed": True, "retry": 1, "workers": 1}


class Balancer:
    """Each connection to the next machine in turn that takes it."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.ports = iter(())
        self.n = 0
        self.taken = {}
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self.serve, daemon=True).start()

    def point_at(self, machines):
        self.ports, self.n = itertools.cycle([m.port for m in machines]), len(machines)

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.pass_on, args=(client,), daemon=True).start()

    def pass_on(self, client):
        for _ in range(self.n):
            port = next(self.ports)
            with contextlib.suppress(OSError):
                machine = socket.create_connection(("127.0.0.1", port), 5)
                machine.settimeout(None)
                self.taken[port] = self.taken.get(port, 0) + 1
                threading.Thread(target=copy, args=(machine, client), daemon=True).start()
                copy(client, machine)
                return
        client.close()

    def close(self):
        self.listener.close()


def copy(source, to):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            to.sendall(data)
    for s in (source, to):
        with contextlib.suppress(OSError):
            s.shutdown(socket.SHUT_RDWR)


def shown_by(port):
    return {n["url"]: n["organization"] for n in kodotest.http_request(port, "GET", "/connect").json()["nodes"]}


def until_taken(port, path, body):
    """As a provider does: again until it is acknowledged."""
    def is_taken():
        answer = kodotest.http_request(port, "POST", path, body=body, timeout=15)
        assert answer.status < 400 or answer.status in (404, 502, 503), answer
        return answer.status < 400 or answer.status == 404
    wait_until(is_taken, 60, f"{path} is taken: {body}", pause=0.2)


def test_a_member_of_a_network_is_three_machines(tmp_path):
    """a - b - cluster - c: random statements and withdrawals at all of them, random kills; then all show what was said last."""
    seed = os.environ.get("CLUSTER_SEED") or str(random.randrange(1 << 32))
    rng = random.Random(seed)
    balancer = Balancer()
    others = {name: kodotest.Service(str(tmp_path / name), {**OPTIONS, "organization": name, "private": True}) for name in "abc"}
    for one in others.values():
        os.makedirs(one.cwd)
    others["a"].options["connect"] = [others["b"].url]
    others["b"].options["connect"] = [balancer.url]
    c = Cluster(tmp_path / "cluster", url=balancer.url, connect=[others["c"].url], organization="cluster", **{**OPTIONS, "workers": 2})
    balancer.point_at(c.machines)
    ports = {**{name: one.port for name, one in others.items()}, "cluster": balancer.port}
    right, killed = {}, []
    try:
        for one in others.values():
            one.start()
        c.start()
        away = None
        for k in range(STEPS):
            at = rng.choice(["a", "b", "c", "cluster", "cluster", "cluster"])
            url = f"http://{at}-{rng.randrange(6)}.test"
            if url not in right or rng.random() < 0.8:
                until_taken(ports[at], "/connect", connect_body(url, nodes=[kodotest.node(url, [kodotest.flow(1)], organization=f"said {k}")]))
                right[url] = f"said {k}"
            else:
                until_taken(ports[at], "/disconnect", {"provider": url, "url": [url]})
                right.pop(url, None)
            what = rng.random()
            if what < 0.25:
                killed.append(kill_one(c, rng))
            elif what < 0.35:
                name = rng.choice("abc")
                others[name].kill()
                others[name].start(30)
                killed.append(name)
            elif what < 0.45 and away is None:
                away = rng.choice(c.machines)
                stop(away)
                killed.append(f"all of {away.name}")
            elif what < 0.6 and away is not None:
                away.start(40)
                away = None
        if away is not None:
            away.start(40)
        began, late = time.monotonic(), {}
        for name, port in {**ports, **{m.name: m.port for m in c.machines}}.items():
            wait_until(lambda: shown_by(port) == right, 90, f"{name} shows what was said last; seed {seed}, {killed}", pause=0.2)
            late[name] = round(time.monotonic() - began, 1)
        wait_until(lambda: same_digests(c.machines), 20, f"digests equal; seed {seed}")
        print(f"\n{STEPS} steps, kills {killed}, {len(right)} nodes; right after seconds {late}; "
              f"the balancer gave {sorted(balancer.taken.values())} connections; seed {seed}")
        assert len(balancer.taken) == len(c.machines) and right
    finally:
        c.end()
        for one in others.values():
            one.kill()
        balancer.close()
