"""Rings of legacy and kodo peers: what the legacy peers echo for ever, kodo peers do not.

The stand-in behaves as the original system in PROTOCOL.md: no versions, no content type, every update passed on to every feeding
peer but the sender, removals forgotten, answers 200, 201 or 204. Only its number of messages has an end, so that a test has one.
"""
import http.client
import itertools
import json
import queue
import threading
import time

import pytest

import kodotest
import signing
from kodotest import wait_until
from meshtest import REGISTRY, SECONDS, Network
from servicetest import peers

ECHOES = 5000               # messages that a stand-in sends in one test at most


class Legacy(kodotest.Peer):
    """A feeding registry as the original system: a dict of providers, each a dict of nodes by url."""

    def __init__(self, connect=(), own=(), feed=True):
        super().__init__(answer=self.serve, feed=feed)
        self.connect = list(connect)
        self.own = list(own)
        self.providers = {}
        self.lock = threading.Lock()
        self.statuses = itertools.cycle([200, 201, 204])
        self.outbox = queue.Queue()
        self.sent, self.answers = [], []
        threading.Thread(target=self.send_all, daemon=True).start()

    def nodes(self):
        """The own node, then those of the providers: whose came first is seen."""
        seen = {}
        if self.own:
            seen[self.url] = kodotest.node(self.url, self.own)
        for provider in self.providers.values():
            for url, node in provider["nodes"].items():
                seen.setdefault(url, node)
        return list(seen.values())

    def body(self, nodes):
        return kodotest.greeting(self.url, organization="Original", registry=self.feed, feed=self.feed, nodes=nodes)

    def offers(self):
        return {(f"Org of {self.url}", self.url + "/flows" + f["url"], f["name"]) for f in self.own}

    def rows(self):
        with self.lock:
            return {(n["organization"], n["url"] + "/flows" + f["url"], f["name"]) for n in self.nodes() for f in n["flows"]}

    def start(self):
        for target in self.connect:
            self.outbox.put((target, "/connect", None))
        return self

    def echo(self, sender, path, make):
        for url, provider in self.providers.items():
            if url != sender and provider["feed"]:
                self.outbox.put((url, path, make))

    def serve(self, method, path, body):
        with self.lock:
            if method == "GET":
                return 200, {**self.body([]), "providers": [], "connection": {}, "registers": dict.fromkeys(self.providers, "2026-01-01T00:00:00Z")}
            if path == "/connect":
                self.take_all(body)
                self.echo(body["url"], "/update", self.body(body["nodes"]))
                return 201, self.body(self.nodes()) if body["feed"] else self.body([])
            if path == "/reconnect":
                self.outbox.put((body["url"], "/connect", None))
            elif path == "/update":
                if body["url"] not in self.providers:
                    return 404, {"status_code": 404, "detail": f"Provider {body['url']} not found in the registry."}
                self.providers[body["url"]]["nodes"].update({n["url"]: n for n in body["nodes"]})
                self.echo(body["url"], "/update", self.body(body["nodes"]))
            elif path == "/disconnect":
                provider = self.providers.get(body["provider"])
                if provider is None:
                    return 404, {"status_code": 404, "detail": "not found"}
                urls = body["url"]
                if body["provider"] in urls:
                    urls = list(provider["nodes"])
                    del self.providers[body["provider"]]
                else:
                    for url in urls:
                        provider["nodes"].pop(url, None)
                self.echo(body["provider"], "/disconnect", {"provider": self.url, "url": urls})
            status = next(self.statuses)
            return status, None if status == 204 else self.body([])

    def take_all(self, body):
        self.providers[body["url"]] = {"feed": body["feed"], "nodes": {n["url"]: n for n in body["nodes"]}}

    def send_all(self):
        """One after the other, as the single loop of the original system; a connect is made of what is known when it is sent."""
        while len(self.sent) < ECHOES:
            url, path, body = self.outbox.get()
            with self.lock:
                text = json.dumps(self.body(self.nodes()) if body is None else body)
            port = int(url.rpartition(":")[2])
            self.sent.append((url, path))
            time.sleep(0.002)
            try:
                connection = http.client.HTTPConnection("localhost", port, timeout=10)
                fields = signing.post_headers(url + path, text.encode()) if self.signs else {}
                connection.request("POST", path, text.encode(), fields)         # http.client gives no content type of its own
                answer = connection.getresponse()
                data = answer.read()
                self.answers.append((path, answer.status))
                if path == "/connect" and answer.status == 201 and self.feed:
                    body = json.loads(data)
                    with self.lock:
                        self.take_all(body)
                        self.echo(url, "/update", self.body(body["nodes"]))
            except OSError:
                time.sleep(0.1)
                self.outbox.put((url, path, body))


class Mixed(Network):
    """A ring of legacy and kodo peers, "o" and "k", each connected to the next; kodo peers with a node each, legacy peers with flows."""

    def __init__(self, folders, places):
        kodo = [i for i, kind in enumerate(places) if kind == "k"]
        super().__init__(folders, [REGISTRY] * len(kodo), [])
        self.legacy = []
        around = []
        for kind in places:
            if kind == "o":
                self.legacy.append(Legacy(own=[kodotest.flow(len(self.legacy), name=f"old {len(self.legacy)}")]))
            around.append(self.legacy[-1] if kind == "o" else self.r[len(around) - len(self.legacy)])
        for one, other in zip(around, around[1:] + around[:1]):
            if isinstance(one, Legacy):
                one.connect.append(other.url)
            else:
                one.options["connect"] = [other.url]

    def __enter__(self):
        super().__enter__()
        # a legacy peer loses what it receives while its own connect is on the way, so one after the other
        for peer in self.legacy:
            self.wait_quiet()
            peer.start()
        return self

    def __exit__(self, *args):
        super().__exit__(*args)
        for peer in self.legacy:
            peer.close()

    def expected(self):
        return super().expected().union(*(o.offers() for o in self.legacy))

    def sent_by_kodo(self):
        """By registries: a message to a kodo peer stands in its log, one to a legacy peer in its list."""
        kodo = {r.url for r in self.r}
        n = sum(sender in kodo for r in self.r for _, sender in r.received())
        return n + sum(method == "POST" for o in self.legacy for method, _, _, _ in o.seen) - self.sent_between()

    def sent_between(self):
        urls = {o.url for o in self.legacy}
        return sum(url in urls for o in self.legacy for url, _ in o.sent)

    def wait_echoes_end(self):
        """Until the stand-ins have nothing more to say, or have said all that they may."""
        def count():
            return sum(len(o.sent) for o in self.legacy), self.sent_by_kodo()
        before, since = count(), time.monotonic()
        while time.monotonic() - since < 1:
            time.sleep(0.1)
            now = count()
            if now != before:
                before, since = now, time.monotonic()


def change_and_leave(net, bound):
    """A change and a leave at the first node: converged, and no more than that many messages of kodo peers for each."""
    def change():
        net.n[0].change()

    def leave():
        net.left.add(net.n[0])
        assert net.n[0].request("DELETE", "/connect").status == 204

    for act in (change, leave):
        before = net.sent_by_kodo()
        act()
        net.wait_converged()
        net.wait_echoes_end()
        net.wait_converged(seconds=1)
        assert net.sent_by_kodo() - before <= bound, (act, net.sent_by_kodo() - before, net.story())


@pytest.mark.parametrize("places", ["kko", "koko", "kkoo", "kkkko"])
def test_ring(folders, places):
    with Mixed(folders, places) as net:
        net.wait_converged()
        net.wait_echoes_end()
        net.wait_converged(seconds=1)
        change_and_leave(net, 3 * len(places))


class Storm(Mixed):
    """Three legacy peers in a ring of their own, which echoes without end, and a kodo peer at two of them, with another behind."""

    def __init__(self, folders):
        super().__init__(folders, "kk")
        self.legacy = [Legacy(own=[kodotest.flow(i, name=f"old {i}")]) for i in range(3)]
        for one, other in zip(self.legacy, self.legacy[1:] + self.legacy[:1]):
            one.connect.append(other.url)
        self.r[0].options["connect"] = [self.legacy[0].url, self.legacy[1].url]
        self.r[1].options["connect"] = [self.r[0].url]

    def __enter__(self):
        for peer in self.legacy:
            peer.start()
        return Network.__enter__(self)

    def wait_echoes_end(self):
        """They do not end, so count again after a while."""
        before = self.echoes()
        time.sleep(1)
        assert self.echoes() > before + 20, "the stand-ins make no storm"

    def echoes(self):
        return sum(len(o.sent) for o in self.legacy)

    def wait_converged(self, expected=None, seconds=SECONDS):
        """Relayed statements may be lost among legacy peers; what nodes of kodo offer may not."""
        def of_ours():
            return [{row for row in r.shown() if not row[0].startswith("Org of")} for r in self.r]
        rows = Network.expected(self)
        try:
            wait_until(lambda: of_ours() == [rows] * len(self.r), seconds)
        except AssertionError:
            raise AssertionError(f"{rows}, but shown {of_ours()}\n{self.story()}") from None


def test_storm(folders):
    with Storm(folders) as net:
        net.wait_converged()
        net.wait_echoes_end()
        change_and_leave(net, 20)
        assert net.sent_by_kodo() <= 50, (net.echoes(), net.story())


class Ours(kodotest.Service):
    """A kodo service without any option but what makes it a part of the walk-through."""

    def offers(self):
        return {(None, self.url + "/flows" + f["url"], f["name"]) for f in self.options.get("flows", ())}

    def rows(self):
        return {(row["organization"], row["url"], row["name"]) for row in self.get("/flows?pp=100").json()["items"]}

    def change(self, flows):
        self.stop()
        self.options["flows"] = flows
        self.start()

    def leave(self):
        assert self.request("DELETE", "/connect").status == 204

    close = kodotest.Service.kill


class Original(Legacy):
    def change(self, flows):
        with self.lock:
            self.own = flows
        self.start()

    def leave(self):
        for target in self.connect:
            self.outbox.put((target, "/disconnect", {"provider": self.url, "url": [self.url]}))


def part(folders, kind, name, options):
    flows = [kodotest.flow(1, name=name)]
    if kind == "o":
        return Original(options.get("connect", ()), flows, options.get("feed", True)).start()
    return Ours(folders(), {**options, "flows": flows}).start()


@pytest.mark.parametrize("kinds", ["".join(kinds) for kinds in itertools.product("ko", repeat=3)])
def test_walk_through_mixed(folders, kinds):
    """Registry, node and provider, each the original or ours, without a word of configuration: all is shown, changes and leaves."""
    registry = part(folders, kinds[0], "of the registry", {})
    parts = []
    try:
        parts.append(part(folders, kinds[1], "of the node", {"connect": [registry.url], "registry": False, "feed": False}))
        parts.append(part(folders, kinds[2], "of the provider", {"connect": [registry.url], "feed": False}))
        wait_until(lambda: registry.rows() == registry.offers().union(*(one.offers() for one in parts)), SECONDS, "all is shown")
        for one in parts:
            one.change([kodotest.flow(1, name="changed"), kodotest.flow(2, name="new")])
            wait_until(lambda: registry.rows() == registry.offers().union(*(one.offers() for one in parts)), SECONDS, "the change is shown")
        for one in list(parts):
            one.leave()
            wait_until(lambda: not registry.rows() & one.offers(), SECONDS, "it is gone")
    finally:
        for one in [registry, *parts]:
            one.close()


@pytest.mark.parametrize("signs", [True, False])
def test_where_all_must_sign(folders, signs):
    """`trust: signed`: who signs is a peer, however old its protocol; of who does not nothing is shown, whoever asks first."""
    old, node = (Legacy(own=[kodotest.flow(i, name=f"old {i}")]) for i in range(2))
    old.signs = node.signs = signs
    own = [kodotest.flow(2, name="own")]
    registry = Ours(folders(), {"organization": "R", "trust": "signed", "connect": [old.url], "flows": own}).start()
    shown = {("R", f"{registry.url}/flows/flow-2", "own")}
    try:
        if signs:
            wait_until(lambda: registry.rows() == shown | old.offers(), SECONDS, "its answer is believed")
        else:
            wait_until(lambda: "not signed" in (peers(registry)[old.url]["error"] or ""), SECONDS, "why it is refused")
        for peer in (old, node):
            peer.connect.append(registry.url)
            peer.start()
            wait_until(lambda: peer.answers, SECONDS, "it has asked")
            assert peer.answers[0] == ("/connect", 201 if signs else 403)
        if signs:
            wait_until(lambda: registry.rows() == shown | old.offers() | node.offers(), SECONDS, "all is shown")
        else:
            assert registry.rows() == shown and list(peers(registry)) == [old.url] and not node.calls()
    finally:
        for one in (registry, node, old):
            one.close()
