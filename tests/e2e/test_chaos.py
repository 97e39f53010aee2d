"""kill -9 of workers, the runner and lighttpd while clients change a registry: nothing that was acknowledged is lost.

CHAOS="ROUNDS POSTS" sets how long: "3 400" in make check, "20 2000" in make chaos.
"""
import http.client
import os
import random
import signal
import subprocess
import threading
import time

import kodotest
from kodotest import children, flow, greeting, is_alive, wait_until

ROUNDS, POSTS = map(int, os.environ.get("CHAOS", "3 400").split())
CLIENTS = 4
PROVIDERS = 12              # of each client
HANG = 15                   # seconds; a dead worker is there again after 5 at most


class Client(threading.Thread):
    """Changes providers of its own, each change again and again until it is acknowledged, and knows what must be there."""

    def __init__(self, service, number, posts):
        super().__init__(daemon=True)
        self.service, self.number, self.posts = service, number, posts
        self.rng = random.Random(f"{number} {time.time()}")
        self.known = {}                                     # provider -> node url -> flow names
        self.acknowledged = self.lost = 0
        self.slowest = 0.0
        self.enough = threading.Event()                     # set when all kinds of process were killed
        self.problem = None

    def url(self, i):
        return f"http://127.0.0.1:{20000 + self.number * 100 + i}"

    def send(self, path, body):
        """Until it is answered; the status."""
        last = time.monotonic() + 4 * HANG
        while time.monotonic() < last:
            began = time.monotonic()
            try:
                answer = self.service.post(path, body, timeout=HANG)
            except (ConnectionError, http.client.HTTPException):
                self.lost += 1
                time.sleep(0.01)
                continue
            finally:
                self.slowest = max(self.slowest, time.monotonic() - began)
            if answer.status < 500:
                return answer.status
            self.lost += 1
            time.sleep(0.01)
        raise AssertionError(f"{path} was not answered for {4 * HANG} s")

    def nodes(self, url):
        """New contents for one to three of the provider's five node urls."""
        found = {}
        for i in self.rng.sample(range(5), self.rng.randint(1, 3)):
            found[f"{url}/node{i}"] = [f"flow {self.rng.randrange(10**9)}" for _ in range(self.rng.randint(1, 5))]
        return found

    def change(self):
        url = self.url(self.rng.randrange(PROVIDERS))
        kind = self.rng.choice(["connect", "update", "update", "drop", "leave"])
        if url not in self.known:
            kind = "connect"
        if kind in ("connect", "update"):
            new = self.nodes(url)
            body = greeting(url, nodes=[{"url": node, "organization": "Chaos", "flows": [
                flow(i, name=name) for i, name in enumerate(names)]} for node, names in new.items()])
            status = self.send(f"/{kind}", body)
            assert status == (201 if kind == "connect" else 200), (kind, status)
            self.known[url] = new if kind == "connect" else {**self.known[url], **new}
            return
        gone = [url] if kind == "leave" else self.rng.sample(sorted(self.known[url]), 1) if self.known[url] else []
        # 404: the first try was done and its answer lost
        assert self.send("/disconnect", {"provider": url, "url": gone}) in ((200, 404) if kind == "leave" else (200,))
        if kind == "leave":
            del self.known[url]
        for node in gone:
            self.known.get(url, {}).pop(node, None)

    def run(self):
        try:
            while self.acknowledged < self.posts or not self.enough.is_set():
                self.change()
                self.acknowledged += 1
                time.sleep(self.rng.random() * 0.01)
        except Exception as error:                          # reported by the test, which runs in another thread
            self.problem = error


def victims(service):
    """Living processes of the service by what they are."""
    found = {"worker": [], "runner": [], "lighttpd": []}
    for pid in children(service.process.pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                name = os.path.basename(f.read().split(b"\0")[0]).decode()
        except OSError:
            continue
        kind = {"kodo": "worker", "kodo-reconnect": "runner", "lighttpd": "lighttpd"}.get(name)
        if kind:
            found[kind].append(pid)
    return found


def kill_until(service, clients, rng):
    """Kill one process after the other until all clients are done; how many of each kind.

    Slowly enough that most have lived for two seconds: who dies younger is left dead for up to 5 s, and then nothing is tried.
    """
    killed = {"worker": 0, "runner": 0, "lighttpd": 0}
    while any(client.is_alive() for client in clients):
        found = victims(service)
        there = [kind for kind, pids in found.items() if pids]
        if there:
            kind = min(there, key=lambda kind: killed[kind] * (1 if kind == "worker" else 2) + rng.random())
            pids = found[kind] if rng.random() < 0.2 else [rng.choice(found[kind])]
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                killed[kind] += 1
        if all(killed.values()):
            for client in clients:
                client.enough.set()
        time.sleep(0.1 + rng.random() * 1.2)
        assert service.process.poll() is None, service.screen()[-4000:]
    return killed


def shown(service):
    """provider -> node url -> flow names, as in GET /map and GET /connect."""
    providers = {p["url"]: {n["url"]: [f["name"] for f in n["flows"]] for n in p["nodes"]} for p in service.get("/map").json()["providers"]}
    nodes = {n["url"]: [f["name"] for f in n["flows"]] for n in service.get("/connect").json()["nodes"]}
    merged = {url: names for known in providers.values() for url, names in known.items()}
    assert nodes == merged
    return providers


def notified(peer):
    """node url -> flow names, as a feeding provider was notified by /update and /disconnect."""
    known = {}
    for _, path, body, _ in list(peer.seen):
        if path in ("/update", "/connect"):
            known.update({n["url"]: [f["name"] for f in n["flows"]] for n in body["nodes"]})
        elif path == "/disconnect":
            for url in body["url"]:
                known.pop(url, None)
    return known


def check_state(service):
    done = subprocess.run([kodotest.KODO, "check", "--state", service.state_path()], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0 and "error" not in done.stdout.split(), done.stdout + done.stderr
    assert "ok      nodes: " in done.stdout, done.stdout
    assert "Sanitizer" not in service.screen() and "runtime error" not in service.screen()


def chaos(service, numbers, rng):
    clients = [Client(service, number, POSTS // CLIENTS) for number in numbers]
    for client in clients:
        client.start()
    killed = kill_until(service, clients, rng)
    for client in clients:
        client.join()
        assert client.problem is None, f"client {client.number}: {client.problem!r}; {service.screen()[-3000:]}"
        assert client.slowest < HANG
    assert sum(client.acknowledged for client in clients) >= POSTS // CLIENTS * CLIENTS
    return clients, killed


def test_kill_anything_at_any_time(service, peer):
    rng = random.Random()
    listener = peer(feed=True)
    registry = service({"registry": True, "feed": True, "organization": "Chaos"})
    assert registry.post("/connect", greeting(listener.url, registry=True, feed=True, nodes=[])).status == 201
    known = {listener.url: {}}
    for number in range(ROUNDS):
        clients, killed = chaos(registry, range(number * CLIENTS, number * CLIENTS + CLIENTS), rng)
        print(f"round {number}: killed {killed}, requests lost {sum(c.lost for c in clients)}, "
              f"slowest {max(c.slowest for c in clients):.2f} s")
        assert all(killed.values()), killed
        for client in clients:
            known.update(client.known)
        # what was running when the last kill came may still be on its way back
        wait_until(lambda: len(victims(registry)["worker"]) == 2 and registry.get("/").status == 200, HANG, "all workers are back")
        assert shown(registry) == known
        check_state(registry)
    everything = {url: names for nodes in known.values() for url, names in nodes.items()}
    wait_until(lambda: notified(listener) == everything, 30, "the peer was notified of all changes", 0.2)
    assert registry.stop() == 0
    assert shown(registry.start()) == known                 # and after a restart
    pids = children(registry.process.pid)
    assert registry.stop() == 0
    wait_until(lambda: not any(map(is_alive, pids)), 5, "nothing is left")
    check_state(registry)
