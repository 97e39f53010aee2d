"""Who may speak for a url (DESIGN.md, "Who speaks"): forged, replayed and changed messages leave no trace; owners get back what is theirs."""
import json
import os
import subprocess
import threading
import time

import pytest

import kodotest
import signing
from kodotest import connect_body, free_port, greeting, wait_until

REGISTRY = {"organization": "Registry", "private": True}


class Owner(kodotest.Peer):
    """A kodo peer that signs: it shows its key, unless it cannot be reached."""

    def __init__(self, key=None, is_there=True):
        self.key, self.sent, self.epoch = key or signing.Key(), 0, int.from_bytes(os.urandom(6), "big")
        if is_there:
            super().__init__()
        else:
            self.port = free_port()
            self.url = f"http://localhost:{self.port}"

    def welcome(self, method, path, body):
        if path == "/.well-known/kodo.json":
            return 200, {"url": self.url, "keys": [{"key": self.key.text, "alg": "ed25519", "since": "2026-01-01T00:00:00Z"}]}
        return super().welcome(method, path, body)

    def body(self, path, flows=2, **more):
        self.sent += 1
        kodo = {"life": self.epoch, "sent": self.sent}
        if path == "/disconnect":
            return {"provider": self.url, "url": [self.url], "kodo": kodo, **more}
        if path == "/reconnect":
            return greeting(self.url, kodo=kodo, **more)
        return connect_body(self.url, flows, **{"kodo": {**kodo, "versions": {self.url: int(time.time() * 1e6)}}, **more})

    def fields(self, path, data, to, **more):
        return signing.headers(self.key, "POST", to + path, self.url, data, **more)

    def post(self, registry, path, **more):
        data = json.dumps(self.body(path, **more)).encode()
        return registry.post(path, data, headers=self.fields(path, data, registry.url))


def run(service, *arguments, status=0):
    done = subprocess.run([kodotest.KODO, *arguments, "--state", service.state_path()], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == status, done
    return done.stdout


def known(service):
    return {row["url"]: row["trust"] for row in json.loads(run(service, "peers", "--json"))}


def snapshot(service):
    """All that is shown, and who is known."""
    body = service.get("/connect").json()
    peers = [(row["url"], row["trust"], row["key"], row["nodes"], row["flows"]) for row in json.loads(run(service, "peers", "--json"))]
    return body["nodes"], sorted(peers)


@pytest.fixture(scope="module")
def registry():
    with kodotest.folder() as place:
        one = kodotest.Service(place, REGISTRY).start()
        yield one
        one.kill()


PATHS = ("/connect", "/update", "/disconnect", "/reconnect")


def forged(owner, path, to):
    """(name, body, fields) of everything that somebody else could send in the owner's name."""
    other = signing.Key()
    data = json.dumps(owner.body(path, organization="Forger") if path != "/disconnect" else owner.body(path)).encode()
    good = owner.fields(path, data, to)
    changed = data.replace(b"localhost", b"127.0.0.1", 1) if b"Forger" not in data else data.replace(b"Forger", b"FORGER")
    yield "unsigned", data, {}
    yield "another key", data, signing.headers(other, "POST", to + path, owner.url, data)
    yield "another key under the owner's name", data, {**signing.headers(other, "POST", to + path, owner.url, data),
                                                       "Signature-Input": good["Signature-Input"]}
    yield "another body", changed, good
    yield "another body with its digest", changed, {**good, "Content-Digest": signing.digest(changed)}
    yield "for another registry", data, owner.fields(path, data, "http://registry.example.org")
    yield "for another path", data, signing.headers(owner.key, "POST", to + "/flows", owner.url, data)
    yield "re-addressed", data, {**owner.fields(path, data, "http://registry.example.org"), "Kodo-To": to + path}
    yield "another method", data, signing.headers(owner.key, "GET", to + path, owner.url, data)
    yield "re-dated", data, {**good, "Signature-Input": good["Signature-Input"].replace("1763000000", "1795000000")}
    yield "cut signature", data, {**good, "Signature": good["Signature"][:-9] + ":"}
    yield "no signature", data, {k: v for k, v in good.items() if k != "Signature"}
    yield "no digest", data, {k: v for k, v in good.items() if k != "Content-Digest"}
    yield "digest not covered", data, owner.fields(path, data, to, components=["@method", "kodo-to", "kodo-from"])
    yield "receiver not covered", data, owner.fields(path, data, to, components=["@method", "kodo-from", "content-digest"])
    yield "signed as another url", data, signing.headers(owner.key, "POST", to + path, "http://localhost:1", data)
    yield "another algorithm", data, {**good, "Signature-Input": good["Signature-Input"].replace("ed25519", "hmac-sha256")}
    yield "no fields of ours", data, {**good, "Signature-Input": "sig=()", "Signature": "sig=::"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("is_there", (True, False), ids=("proved", "pinned"))
def test_forged(registry, is_there, path):
    owner = Owner(is_there=is_there)
    try:
        assert owner.post(registry, "/connect").status == 201
        level = "proved" if is_there else "pinned"
        wait_until(lambda: known(registry)[owner.url] == level, 10, level)
        before = snapshot(registry)
        for name, data, fields in forged(owner, path, registry.url):
            answer = registry.post(path, data, headers=fields)
            assert answer.status in (403, 421), (name, answer)
            assert len(answer.json()["detail"]) > 20, name
            assert snapshot(registry) == before, name
        wait_until(registry.is_idle, 20, "idle")
        assert snapshot(registry) == before
        # of its own targets alone a kodo peer is asked to connect
        assert owner.post(registry, path).status in ((404,) if path == "/reconnect" else (200, 201))
    finally:
        if is_there:
            owner.close()
        run(registry, "trust", owner.url, "none")


def test_replayed(registry):
    """What was sent before is void: the digest covers its sequence."""
    owner = Owner(is_there=False)
    old = json.dumps(owner.body("/connect", 1)).encode()
    fields = owner.fields("/connect", old, registry.url)
    assert registry.post("/connect", old, headers=fields).status == 201
    leave = json.dumps(owner.body("/disconnect")).encode()
    assert registry.post("/disconnect", leave, headers=owner.fields("/disconnect", leave, registry.url)).status == 200
    assert owner.post(registry, "/connect", flows=3).status == 201
    before = snapshot(registry)
    assert any(node["url"] == owner.url and len(node["flows"]) == 3 for node in before[0])
    for path, data, head in (("/connect", old, fields), ("/disconnect", leave, owner.fields("/disconnect", leave, registry.url))):
        assert registry.post(path, data, headers=head).status < 500
        assert snapshot(registry) == before, path


def test_squatted(registry):
    """Whoever took a url before its owner was there loses it, and all that was said."""
    port = free_port()
    squatter = Owner(is_there=False)
    squatter.port, squatter.url = port, f"http://localhost:{port}"
    assert squatter.post(registry, "/connect").status == 201
    owner = Owner()
    owner.close()
    owner = type("Late", (Owner,), {})()
    try:
        squatter.url = owner.url
        assert squatter.post(registry, "/connect", flows=5).status == 201
        answer = owner.post(registry, "/connect", flows=1)
        if answer.status == 403:            # the runner asks the url meanwhile
            wait_until(lambda: owner.post(registry, "/connect", flows=1).status == 201, 10, "the owner is taken in")
        wait_until(lambda: known(registry)[owner.url] == "proved", 10, "proved")
        nodes = [node for node in registry.get("/connect").json()["nodes"] if node["url"] == owner.url]
        assert [len(node["flows"]) for node in nodes] == [1]
        assert squatter.post(registry, "/connect").status == 403
    finally:
        owner.close()


def test_lost_state_and_rotated_key(registry):
    owner = Owner()
    try:
        assert owner.post(registry, "/connect").status == 201
        wait_until(lambda: known(registry)[owner.url] == "proved", 10, "proved")
        # a rotation is followed at once, reached or not
        old, owner.key = owner.key, signing.Key()
        data = json.dumps(owner.body("/connect", 3)).encode()
        fields = owner.fields("/connect", data, registry.url)
        assert registry.post("/connect", data, headers={**fields, "Kodo-Former": signing.Key().rotation(owner.key)}).status == 403
        assert registry.post("/connect", data, headers={**fields, "Kodo-Former": old.rotation(owner.key)}).status == 201
        assert registry.post("/connect", data, headers=signing.headers(old, "POST", registry.url + "/connect", owner.url, data)).status == 403
        wait_until(lambda: known(registry)[owner.url] == "proved", 10, "proved")
    finally:
        owner.close()
    # lost: no signature of the old key; whoever cannot be reached needs the admin
    owner.key = signing.Key()
    assert owner.post(registry, "/connect").status == 403
    assert "kodo trust" in owner.post(registry, "/connect").json()["detail"]
    run(registry, "trust", owner.url, owner.key.text)
    assert owner.post(registry, "/connect").status == 201
    assert known(registry)[owner.url] == "proved"
    assert run(registry, "trust", owner.url, "x" * 43, status=2) == ""
    run(registry, "trust", owner.url, "none")
    assert owner.post(registry, "/connect").status == 201


def test_lost_state_is_proved(registry):
    """The key of a service that can be reached is found to be another one, whatever was known."""
    owner = Owner()
    try:
        assert owner.post(registry, "/connect").status == 201
        wait_until(lambda: known(registry)[owner.url] == "proved", 10, "proved")
        owner.key, owner.epoch, owner.sent = signing.Key(), owner.epoch + 1, 0
        assert owner.post(registry, "/connect", flows=4).status == 403
        wait_until(lambda: owner.post(registry, "/connect", flows=4).status == 201, 10, "its new key is believed")
    finally:
        owner.close()


def test_answers_are_signed(registry):
    owner = Owner(is_there=False)
    text = run(registry, "key").split()[0]
    assert registry.get("/.well-known/kodo.json").json()["keys"][0]["key"] == text
    for method, path, body in (("POST", "/connect", owner.body("/connect")), ("GET", "/", None), ("GET", "/connect", None), ("GET", "/none", None)):
        data = b"" if body is None else json.dumps(body).encode()
        fields = signing.headers(owner.key, method, registry.url + path, owner.url, data)
        answer = registry.request(method, path, body=None if body is None else data, headers=fields)
        key = signing.answer_key(answer.status, answer.headers, answer.body, fields)
        assert key is not None and signing.b64url(key) == text, path
    assert "signature" not in registry.get("/").headers
    # a refusal is signed, too
    answer = registry.post("/connect", b"{", headers={"Signature": "kodo=:AAAA:"})
    assert answer.status == 400 and "signature" in answer.headers


def test_rotate(registry):
    before = run(registry, "key")
    assert run(registry, "key") == before
    after = run(registry, "key", "rotate")
    assert after.split()[0] != before.split()[0] and run(registry, "key").split()[0] == after.split()[0]
    assert registry.get("/.well-known/kodo.json").json()["keys"][0]["key"] == after.split()[0]
    admin = run(registry, "key", "admin").strip()
    assert registry.get(f"/check?key={admin}").status == 200
    new = run(registry, "key", "admin", "rotate").strip()
    assert registry.get(f"/check?key={admin}").status == 403 and registry.get(f"/check?key={new}").status == 200


def test_check_names_the_own_key():
    with kodotest.folder() as place:
        one = kodotest.Service(place, REGISTRY).start()
        try:
            text = run(one, "key").split()[0]
            assert f"own key: {text}" in run(one, "check")
            with open(os.path.join(one.state_path(), "identity"), "w", encoding="ascii") as f:
                f.write("damaged\n")
            done = subprocess.run([kodotest.KODO, "check", "--state", one.state_path()], capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 1 and "identity is damaged" in done.stdout
            # nothing is signed, and all goes on
            answer = one.get("/", headers={"Signature": "kodo=:AAAA:"})
            assert answer.status == 200 and "signature" not in answer.headers
            assert one.get("/.well-known/kodo.json").status == 500
        finally:
            one.kill()


# --- legacy peers, by their address ---

@pytest.fixture
def responder():
    with kodotest.folder() as place:
        one = kodotest.Responder(place, {"url": "http://registry.example.org", "private": True, "trigger": "cron"})
        yield one
        one.close()


def test_legacy_by_address(responder):
    url = "http://legacy.example.net:3370"
    first, other = {"REMOTE_ADDR": "192.0.2.7"}, {"REMOTE_ADDR": "192.0.2.8"}
    key = signing.Key()
    assert responder.request("POST", "/connect", body=connect_body(url), **first).status == 201
    before = responder.get("/connect").json()["nodes"]
    for path, body in (("/connect", connect_body(url, 0)), ("/update", connect_body(url, 5)), ("/disconnect", {"provider": url, "url": [url]}),
                       ("/reconnect", greeting(url))):
        answer = responder.request("POST", path, body=body, **other)
        assert answer.status == 403 and "192.0.2.8" in answer.json()["detail"], path
        data = json.dumps(body).encode()
        answer = responder.request("POST", path, body=data, headers=signing.headers(key, "POST", "http://registry.example.org" + path, url, data),
                                   **other)
        assert answer.status == 403, path
        assert responder.get("/connect").json()["nodes"] == before
    assert responder.request("POST", "/update", body=connect_body(url, 5), **first).status == 200
    # it has become a kodo peer, which signs
    data = json.dumps(connect_body(url, 3)).encode()
    fields = signing.headers(key, "POST", "http://registry.example.org/connect", url, data)
    assert responder.request("POST", "/connect", body=data, headers=fields, **first).status == 201
    assert responder.request("POST", "/connect", body=data, headers=fields, **other).status == 201
    assert responder.request("POST", "/connect", body=data, **first).status == 403


@pytest.mark.parametrize("trust", ("open", "signed", "listed"))
def test_other_modes(trust):
    with kodotest.folder() as place:
        one = kodotest.Service(place, {**REGISTRY, "trust": trust}).start()
        try:
            owner, other = Owner(is_there=False), signing.Key()
            unsigned = one.post("/connect", connect_body("http://localhost:1"))
            assert unsigned.status == (201 if trust == "open" else 403)
            assert owner.post(one, "/connect").status == (403 if trust == "listed" else 201)
            run(one, "trust", owner.url, owner.key.text)
            assert owner.post(one, "/connect").status == 201
            owner.key = other
            assert owner.post(one, "/connect").status == (201 if trust == "open" else 403)
        finally:
            one.kill()


def test_key_in_accept():
    """Whose key the options give must sign from the first word on, under `trust: known` too, however its url is spelled."""
    with kodotest.folder() as place:
        owner, other = Owner(is_there=False), Owner(is_there=False)
        one = kodotest.Service(place, {**REGISTRY, "accept": [f"{owner.url}#{owner.key.text}", other.url]}).start()
        try:
            for url in (owner.url, owner.url.replace("localhost", "localhost."), owner.url + "//%2e"):
                answer = one.post("/connect", connect_body(url))
                assert answer.status == 403 and "must sign" in answer.json()["detail"], answer
            assert one.get("/connect").json()["nodes"] == [] and known(one) == {}
            assert one.post("/connect", connect_body(other.url)).status == 201
            assert owner.post(one, "/connect").status == 201
            assert one.post("/update", connect_body(owner.url)).status == 403
        finally:
            one.kill()


def test_two_services_sign(registry):
    """Real services are proved on both sides; the target's own answers count for that."""
    with kodotest.folder() as place:
        one = kodotest.Service(place, {"connect": [registry.url], "flows": [kodotest.flow(1)], "registry": False, "feed": False}).start()
        try:
            wait_until(lambda: known(registry).get(one.url) == "proved" and known(one).get(registry.url) == "proved", 15, "both proved")
            assert "proved: " in run(registry, "check") and ", proved at " in run(registry, "explain", one.url)
        finally:
            one.kill()


def test_target_is_taken_over():
    """Whoever sits at the place of a target that is known by its key is no target: nothing of its answers counts."""
    with kodotest.folder() as up, kodotest.folder() as place:
        target = kodotest.Service(up, {"organization": "Target"}).start()
        one = kodotest.Service(place, {"connect": [target.url]}).start()
        false = None
        try:
            assert target.post("/connect", connect_body("http://localhost:1")).status == 201
            wait_until(lambda: one.total() == 1, 15, "its flows are here")
            wait_until(lambda: known(one)[target.url] == "proved", 15, "proved")
            target.kill()
            false = kodotest.Peer(port=target.port, answer=lambda method, path, body: (
                201 if path == "/connect" else 200, {**greeting(f"http://localhost:{target.port}", registry=True, feed=True), "nodes": []}))
            run(one, "connect", target.url, status=1)
            assert len(false.calls("/connect")) > 0
            assert one.total() == 1
            wait_until(lambda: "is not signed with the key" in run(one, "peers"), 10, "the reason is named")
        finally:
            one.kill()
            target.kill()
            if false is not None:
                false.close()


# --- what was found by attacking it ---

def flows_of(service, url):
    return [len(node["flows"]) for node in service.get("/connect").json()["nodes"] if node["url"] == url]


def test_forged_word_after_a_rotation(registry):
    """It has the url asked, which shows another key, that the known one has signed for: nothing is withdrawn."""
    with kodotest.folder() as place:
        one = kodotest.Service(place, {"connect": [registry.url], "flows": [kodotest.flow(1)], "registry": False, "feed": False}).start()
        try:
            wait_until(lambda: known(registry).get(one.url) == "proved", 15, "proved")
            run(one, "key", "rotate")
            assert registry.post("/connect", connect_body(one.url, 0)).status == 403
            end = time.monotonic() + 3
            while time.monotonic() < end:
                assert flows_of(registry, one.url) == [1]
                time.sleep(0.1)
            assert known(registry)[one.url] == "proved"
        finally:
            one.kill()


def test_unsigned_greeting_takes_nothing_away(registry):
    """A proxy may have one in store. Its document of keys tells, though the key is a new one that was never shown."""
    owner = Owner()                                         # whose greeting is not signed
    try:
        assert owner.post(registry, "/connect").status == 201
        wait_until(lambda: known(registry)[owner.url] == "proved", 10, "proved")
        old, owner.key = owner.key, signing.Key()
        data = json.dumps(owner.body("/connect", 3)).encode()
        assert registry.post("/connect", data, headers={**owner.fields("/connect", data, registry.url),
                                                        "Kodo-Former": old.rotation(owner.key)}).status == 201
        end = time.monotonic() + 12                         # a forged word has it asked again after 10 s
        while time.monotonic() < end:
            assert registry.post("/update", connect_body(owner.url)).status == 403
            assert flows_of(registry, owner.url) == [3]
            time.sleep(0.2)
        assert known(registry)[owner.url] == "proved"
    finally:
        owner.close()


@pytest.mark.parametrize("document", ((404, {}), (403, {}), (200, {"url": "http://elsewhere.example", "keys": []}), (200, "<html>")),
                         ids=("none", "forbidden", "another's", "a page"))
def test_legacy_url_that_was_squatted(registry, document):
    """It has no document of keys, and a greeting that is not signed: whoever signed in its name is not who is there."""
    legacy = kodotest.Peer()
    legacy.answer = lambda method, path, body: document if path == "/.well-known/kodo.json" else legacy.welcome(method, path, body)
    squatter = Owner(is_there=False)
    squatter.url = legacy.url
    try:
        assert squatter.post(registry, "/connect", flows=5).status == 201
        wait_until(lambda: registry.post("/connect", connect_body(legacy.url, 1)).status == 201, 30, "the legacy peer is believed")
        assert flows_of(registry, legacy.url) == [1] and known(registry)[legacy.url] == "by address"
    finally:
        legacy.close()


def test_rotation_while_the_url_is_asked(registry):
    """What the url showed before it had another key is out of date when it comes: nothing is withdrawn, and it is asked again."""
    owner, asked, go = Owner(), threading.Event(), threading.Event()
    try:
        assert owner.post(registry, "/connect").status == 201
        wait_until(lambda: known(registry)[owner.url] == "proved", 10, "proved")
        old = owner.welcome("GET", "/.well-known/kodo.json", None)

        def hold(method, path, body):
            if method == "GET" and path in ("/", "/home"):      # its greeting would not be signed
                return 404, {}
            if path != "/.well-known/kodo.json" or asked.is_set():
                return owner.welcome(method, path, body)
            asked.set()
            go.wait(10)
            return old
        owner.answer = hold
        assert registry.post("/update", connect_body(owner.url)).status == 403
        assert asked.wait(10)
        former, owner.key = owner.key, signing.Key()
        data = json.dumps(owner.body("/connect", 3)).encode()
        assert registry.post("/connect", data, headers={**owner.fields("/connect", data, registry.url),
                                                        "Kodo-Former": former.rotation(owner.key)}).status == 201
        go.set()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert flows_of(registry, owner.url) == [3]
            time.sleep(0.05)
        assert owner.post(registry, "/connect", flows=1).status == 201
    finally:
        go.set()
        owner.close()


def test_given_key_holds_whatever_the_url_shows():
    with kodotest.folder() as place:
        owner = Owner()
        given = signing.Key()
        shown, owner.key = owner.key, given
        owner.answer = lambda method, path, body: (200, {"url": owner.url, "keys": [{"key": shown.text, "alg": "ed25519"}]})
        one = kodotest.Service(place, {**REGISTRY, "accept": [f"{owner.url}#{given.text}"]}).start()
        try:
            assert owner.post(one, "/connect").status == 201
            assert one.post("/connect", connect_body(owner.url, 0)).status == 403
            time.sleep(2)
            assert flows_of(one, owner.url) == [2]
            owner.key = shown
            assert owner.post(one, "/connect").status == 403
        finally:
            one.kill()
            owner.close()


def client_of(service, headers):
    """As whom a service sees who sends these, by what it says to a peer that is known from elsewhere."""
    url = f"http://localhost:{free_port()}"
    assert service.post("/connect", connect_body(url), headers={"X-Forwarded-For": "198.51.100.1"}).status == 201
    answer = service.post("/update", connect_body(url), headers=headers)
    assert answer.status == 403
    return answer.json()["detail"]


def test_legacy_peer_that_moved():
    """From another address it is refused, until its url turns out to lead there."""
    with kodotest.folder() as place:
        one = kodotest.Service(place, {**REGISTRY, "proxies": ["127.0.0.1", "::1"]}).start()
        peer = kodotest.Peer()
        try:
            assert one.post("/connect", connect_body(peer.url), headers={"X-Forwarded-For": "192.0.2.7"}).status == 201
            assert one.post("/update", connect_body(peer.url), headers={"X-Forwarded-For": "192.0.2.8"}).status == 403
            wait_until(lambda: one.post("/update", connect_body(peer.url, 3)).status == 200, 15, "it is believed from where its url leads to")
            assert one.post("/update", connect_body(peer.url), headers={"X-Forwarded-For": "192.0.2.8"}).status == 403
            # two spellings are one variable for a web server: what its client wrote must not stand for what the proxy did
            for forged in ({"X_Forwarded_For": "192.0.2.7", "X-Forwarded-For": "192.0.2.8"}, {"X-Forwarded-For": "192.0.2.8", "X_Forwarded_For": "192.0.2.7"}):
                assert "192.0.2.7" not in client_of(one, forged)
        finally:
            one.kill()
            peer.close()


def test_nobody_has_authority_over_an_owner_with_a_key(registry):
    owner, other = Owner(), f"http://localhost:{free_port()}"
    try:
        assert owner.post(registry, "/connect").status == 201
        evil = [kodotest.node(owner.url, [kodotest.flow(n) for n in range(9)])]
        assert registry.post("/connect", connect_body(other, nodes=evil)).status == 201
        assert flows_of(registry, owner.url) == [2]
        assert registry.post("/disconnect", {"provider": other, "url": [owner.url]}).status == 200
        assert flows_of(registry, owner.url) == [2]
    finally:
        owner.close()


def test_strangers_give_nothing_back(registry):
    """Nobody restores our state by saying that it was, nor speaks for others so."""
    owner, stranger = Owner(is_there=False), f"http://localhost:{free_port()}"
    assert owner.post(registry, "/connect").status == 201
    life = registry.post("/connect", connect_body(stranger, kodo={"life": 7, "sent": 1})).json()["kodo"]["life"]
    evil = [kodotest.node(owner.url, [kodotest.flow(n) for n in range(9)])]
    version = int(time.time() * 1e6) + 10**9
    for sent in (2, 3):
        body = connect_body(stranger, nodes=evil, kodo={"life": 7, "sent": sent, "heard_life": life, "heard": 2**40, "back": {owner.url: version}})
        answer = registry.post("/connect", body)
        assert answer.status == 201 and answer.json()["kodo"]["life"] == life
        assert flows_of(registry, owner.url) == [2]


class Feeding(Owner):
    """A kodo peer that signs, feeds, and states nodes of others."""

    def state(self, registry, path, nodes=(), **kodo):
        self.sent += 1
        body = greeting(self.url, registry=True, feed=True, nodes=list(nodes), kodo={"life": self.epoch, "sent": self.sent, **kodo})
        data = json.dumps(body).encode()
        answer = registry.post(path, data, headers=self.fields(path, data, registry.url))
        assert answer.status in (200, 201), answer


# no version; the highest one; as high as a clock allows
VERSIONS = {"10^18": lambda: 10**18, "2^53-1": lambda: 2**53 - 1, "29 days ahead": lambda: int((time.time() + 29 * 86400) * 1e6)}


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())
@pytest.mark.parametrize("attack", ("states", "removes"))
def test_a_peer_that_feeds_does_not_speak_for_a_connected_owner(registry, attack, version):
    owner, evil, version = Owner(), Feeding(is_there=False), version()
    try:
        assert owner.post(registry, "/connect").status == 201
        evil.state(registry, "/connect")
        before = registry.get("/connect").json()["nodes"]
        if attack == "states":
            evil.state(registry, "/update", [kodotest.node(owner.url, [kodotest.flow(n) for n in range(9)])], versions={owner.url: version})
        else:
            evil.state(registry, "/update", gone={owner.url: version})
        assert registry.get("/connect").json()["nodes"] == before
        if version < 2**53 - 1:
            wait_until(lambda: owner.calls("/reconnect"), 10, "the owner is asked")
            assert "the owner is connected here, and has a key" in run(registry, "explain", owner.url)
        run(registry, "check", status=0)
        # the owner's next word is over it, and travels
        with kodotest.folder() as place:
            other = kodotest.Service(place, {"connect": registry.url, **REGISTRY}).start()
            try:
                if version < 2**53 - 1 and attack == "states":
                    evil.state(other, "/connect", [kodotest.node(owner.url, [kodotest.flow(n) for n in range(9)])], versions={owner.url: version})
                    wait_until(lambda: flows_of(other, owner.url) == [9], 20, "who does not know the owner believes it")
                assert owner.post(registry, "/connect", flows=3).status == 201
                wait_until(lambda: flows_of(other, owner.url) == [3], 20, "the owner's, everywhere")
                assert flows_of(registry, owner.url) == [3]
            finally:
                other.kill()
        assert owner.post(registry, "/disconnect").status == 200
        assert flows_of(registry, owner.url) == []
    finally:
        owner.close()
