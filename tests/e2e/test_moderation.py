"""kodo deny, kodo hide, kodo allow at run time: what is shown here, what others still show, and that messages come to an end."""
import json
import os
import re
import subprocess
import urllib.parse

import pytest

import kodotest
import signing
from kodotest import wait_until
from meshtest import QUIET, REGISTRY, SECONDS, Network

# R1 connects to R0, both feed; N0 and N1 at R0, N2 at R1
SHAPE = [REGISTRY] * 2, [(1, 0)], [0, 0, 1]
LOCAL = ["address:127.0.0.0/8", "address:::1"]


def kodo(member, name, *arguments, status=0):
    done = subprocess.run([kodotest.KODO, name, *arguments, "--state", member.state_path()], capture_output=True, text=True, timeout=60,
                          env=member.env)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout if status == 0 else done.stderr


def said(member):
    """{pattern: (verdict, nodes)} of what is in force."""
    return {e["pattern"]: (e["verdict"], e["nodes"]) for e in json.loads(kodo(member, "deny", "--json"))}


class Follower:
    """What a follower of GET /changes holds."""

    def __init__(self, member):
        self.member, self.since, self.held = member, 0, {}

    def shown(self):
        while True:
            answer = self.member.get(f"/changes?since={self.since}").json()
            for change in answer["changes"]:
                self.held.pop(change["url"], None)
                if change["state"] == "seen":
                    self.held[change["url"]] = change["node"]
            self.since = answer["view"]
            if not answer["more"]:
                break
        return {(n["organization"], n["url"] + "/flows" + f["url"], f["name"]) for n in self.held.values() for f in n["flows"]}


def connect_shows(member):
    nodes = member.get("/connect").json()["nodes"]
    return {(n["organization"], n["url"] + "/flows" + f["url"], f["name"]) for n in nodes for f in n["flows"]}


def rows(*members):
    return set().union(*(m.rows() for m in members))


@pytest.fixture
def net(folders):
    with Network(folders, *SHAPE) as network:
        network.wait_converged()
        network.wait_quiet()
        yield network


def wait_shown(net, at_0, at_1):
    for registry, want in zip(net.r, (at_0, at_1)):
        wait_until(lambda: registry.shown() == want, SECONDS, f"{registry.name} {registry.url} shows what it should\n{net.story()}")


def assert_quiet(net):
    """No message goes on, nor what a digest check would begin."""
    net.wait_quiet()
    before = net.counts()
    with pytest.raises(AssertionError):
        wait_until(lambda: net.counts() != before, QUIET)


BY = {
    "url": (lambda net: [net.n[0].url], [0], [0]),
    "organization": (lambda net: ["organization:n0"], [0], [0]),
    # all that connects does so from here; R1 has N2 itself
    "address": (lambda net: LOCAL, [0, 1, 2], [0, 1]),
}


@pytest.mark.parametrize("verdict", ["deny", "hide"])
@pytest.mark.parametrize("by", BY)
def test_there_and_back(net, by, verdict):
    patterns, gone_0, gone_1 = BY[by][0](net), BY[by][1], BY[by][2] if verdict == "deny" else []
    r0, r1 = net.r

    def left(gone):
        return rows(*(n for i, n in enumerate(net.n) if i not in gone))
    follower = Follower(r0)
    assert follower.shown() == left([])
    for pattern in patterns:
        kodo(r0, verdict, pattern)
    # at once here; in every list of what is shown
    assert r0.shown() == follower.shown() == connect_shows(r0) == left(gone_0)
    assert r0.total() == len(left(gone_0))
    wait_shown(net, left(gone_0), left(gone_1))
    assert_quiet(net)
    # it changes meanwhile
    net.n[0].change()
    wait_until(lambda: net.n[0].is_idle() and any(who == net.n[0].url and "/update" in what for what, who in r0.received()), SECONDS)
    wait_shown(net, left(gone_0), left(gone_1))
    assert_quiet(net)
    # and the service starts again
    assert r0.stop() == 0
    r0.start()
    assert r0.shown() == left(gone_0)
    net.wait_quiet()
    wait_shown(net, left(gone_0), left(gone_1))
    for pattern in patterns:
        kodo(r0, "allow", pattern)
    assert r0.shown() == left([]) and Follower(r0).shown() == left([])
    wait_shown(net, left([]), left([]))
    assert_quiet(net)
    assert said(r0) == {}
    assert "error" not in kodo(r0, "check")


def test_before_its_owner_connects(folders):
    with Network(folders, [REGISTRY] * 2, [(1, 0)], []) as net:
        kodo(net.r[0], "deny", "organization:Late")
        net.wait_quiet()
        late = kodotest.connect_body("http://localhost:19999", organization="Late")
        late["nodes"][0]["organization"] = "Late"
        assert net.r[0].post("/connect", late).status == 201
        net.wait_quiet()
        assert net.r[0].total() == net.r[1].total() == 0
        assert net.r[1].get("/connect").json()["nodes"] == []
        # another name hits no more
        late["nodes"][0]["organization"] = "Other"
        assert net.r[0].post("/connect", late).status == 201
        wait_until(lambda: net.r[0].total() == net.r[1].total() == 1, SECONDS)
        late["nodes"][0]["organization"] = "LATE"
        assert net.r[0].post("/connect", late).status == 201
        wait_until(lambda: net.r[0].total() == net.r[1].total() == 0, SECONDS)
        kodo(net.r[0], "allow", "organization:late")
        wait_until(lambda: net.r[0].total() == net.r[1].total() == 1, SECONDS)
        net.wait_quiet()


def test_whoever_has_it_from_elsewhere_keeps_it(folders):
    with Network(folders, *SHAPE) as net:
        r0, r1 = net.r
        both = net.n[0]
        both.write_loader(connect=[r0.url, r1.url])
        wait_until(lambda: ("connect", both.url) in r1.received(), SECONDS)
        net.wait_converged()
        net.wait_quiet()
        said_by_both = [entry for entry in r1.received() if entry[1] == both.url]
        kodo(r0, "deny", both.url)
        net.wait_quiet()
        # nothing has ended for R1, so that it need not ask
        assert [entry for entry in r1.received() if entry[1] == both.url] == said_by_both
        wait_shown(net, rows(*net.n[1:]), rows(*net.n))
        both.change()
        wait_shown(net, rows(*net.n[1:]), rows(*net.n))
        assert_quiet(net)
        kodo(r0, "allow", both.url)
        wait_shown(net, rows(*net.n), rows(*net.n))
        assert_quiet(net)


def test_a_denied_registry(net):
    """All that it states, but not what is known from others too."""
    r0, r1 = net.r
    kodo(r1, "deny", r0.url)
    wait_shown(net, rows(*net.n), rows(net.n[2]))
    assert_quiet(net)
    net.n[1].write_loader(connect=[r0.url, r1.url])
    wait_shown(net, rows(*net.n), rows(net.n[1], net.n[2]))
    kodo(r1, "allow", r0.url)
    wait_shown(net, rows(*net.n), rows(*net.n))
    assert_quiet(net)


def test_a_legacy_subscriber(member, peer):
    """It is told of an end and of a new node, once each, and never of its own url."""
    r0, old = member("R", {**REGISTRY, "trust": "known"}).start(), peer(feed=True, signs=False)
    body = kodotest.connect_body("http://localhost:19999", organization="Late")
    assert r0.post("/connect", body, headers={}).status == 201
    assert r0.post("/connect", kodotest.connect_body(old.url, registry=True, feed=True), headers={}).status == 201
    wait_until(r0.is_idle, SECONDS)

    def told_by(*arguments):
        n = len(old.seen)
        kodo(r0, *arguments)
        wait_until(r0.is_idle, SECONDS)
        return [(path, sent.get("url") if path == "/disconnect" else [one["url"] for one in sent["nodes"]])
                for method, path, sent, _ in old.seen[n:] if method == "POST"]
    wait_until(lambda: any(path == "/" for _, path, _, _ in old.seen), SECONDS)
    assert told_by("deny", "http://localhost:19999") == [("/disconnect", ["http://localhost:19999"])]
    assert told_by("deny", "http://localhost:19999") == []
    assert told_by("deny", old.url) == []
    assert told_by("allow", "http://localhost:19999") == [("/update", ["http://localhost:19999"])]
    assert told_by("allow", old.url) == []
    assert r0.total() == 2


def test_what_is_shown_of_peers(net):
    r0 = net.r[0]
    kodo(r0, "deny", net.n[0].url)
    html = {"accept": "text/html"}
    for text in (r0.get("/map").text(), r0.get("/map", headers=html).text(), r0.get("/", headers=html).text(), r0.get("/status", headers=html).text()):
        assert net.n[0].url not in text
    assert net.n[1].url in r0.get("/map").text()
    assert f"denied by url:{net.n[0].url}" in kodo(r0, "peers")
    assert kodo(r0, "explain", net.n[0].url).startswith(f"{net.n[0].url}: denied by url:{net.n[0].url}\n")
    kodo(r0, "hide", "organization:N1")
    assert kodo(r0, "explain", net.n[1].url).startswith(f"{net.n[1].url}: hidden by organization:N1\n")
    assert "nodes denied: 1, hidden: 1, by entries: 2" in kodo(r0, "check")
    # the file is a copy of the state, and has all
    assert net.n[0].url in kodo(r0, "export")


def test_list_and_exceptions(net):
    r0, (n0, n1, n2) = net.r[0], net.n
    assert kodo(r0, "deny") == "nothing is denied or hidden\n"
    assert kodo(r0, "allow", n0.url) == f"url:{n0.url}: nothing was denied or hidden by it\n"
    assert said(r0) == {}
    assert kodo(r0, "deny", "organization:N*", "-n") == "organization:N*: would decide; nodes: 3, flows: 6\n"
    assert said(r0) == {} and r0.total() == 6
    assert kodo(r0, "deny", "organization:N*") == "organization:N*: denied; nodes: 3, flows: 6\n"
    assert r0.total() == 0
    assert kodo(r0, "allow", "organization:N1") == "organization:N1: an exception from what hits more; nodes: 1, flows: 2\n"
    assert r0.shown() == n1.rows()
    kodo(r0, "hide", n1.url + "/")
    assert r0.total() == 0
    assert said(r0) == {"organization:N*": ("denied", 2), "organization:N1": ("shown", 0), f"url:{n1.url}": ("hidden", 1)}
    assert re.search(r"^denied +20\d\d-.* 2 +4 +organization:N\*$", kodo(r0, "deny"), re.M)
    # said again: since the first time
    since = json.loads(kodo(r0, "deny", "--json"))[0]["since"]
    kodo(r0, "deny", "organization:n*")
    assert json.loads(kodo(r0, "deny", "--json"))[0]["since"] == since
    assert kodo(r0, "allow", n1.url) == f"url:{n1.url}: nothing is said of it any more\n"
    assert r0.shown() == n1.rows()
    kodo(r0, "allow", "--forget", "organization:N1")
    kodo(r0, "deny", "--forget", "organization:N*")
    assert said(r0) == {}
    wait_shown(net, rows(n0, n1, n2), rows(n0, n1, n2))
    net.wait_quiet()


def test_by_another_address_than_of_the_last_connect(service):
    """What a peer stated before it spoke from a denied address goes too, soon; what others state stays."""
    one = service({**REGISTRY, "proxies": ["127.0.0.1", "::1"]})
    owner, other = "http://localhost:19999", "http://localhost:19998"
    keys = {owner: signing.Key(), other: signing.Key()}

    def post(path, address, body):
        data, url = json.dumps(body).encode(), body["url"]
        answer = one.post(path, data, headers={"X-Forwarded-For": address, **signing.headers(keys[url], "POST", one.url + path, url, data)})
        assert answer.status in (200, 201), answer
    nodes = [kodotest.node(f"{owner}/{i}", [kodotest.flow(1)]) for i in range(500)]
    post("/connect", "192.0.2.1", kodotest.connect_body(owner, nodes=nodes))
    post("/connect", "192.0.2.1", kodotest.connect_body(other))
    kodo(one, "deny", "address:198.51.100.0/24")
    assert one.total() == 501
    post("/update", "198.51.100.7", kodotest.connect_body(owner, nodes=nodes[:1]))
    wait_until(lambda: one.total() == 1, SECONDS, "all of it has gone")
    assert said(one) == {"address:198.51.100.0/24": ("denied", 500)}
    # from elsewhere it is still the one that spoke from there
    post("/connect", "192.0.2.2", kodotest.connect_body(owner, nodes=nodes))
    assert one.total() == 1
    kodo(one, "allow", "address:198.51.100.0/24")
    assert one.total() == 501
    assert "error" not in kodo(one, "check")


# --- over HTTP ---

def key_of(member):
    return kodo(member, "key", "admin").strip()


def moderate(service, verb, pattern, status=200, headers=None, **more):
    answer = service.request("POST", "/moderation?" + urllib.parse.urlencode({"do": verb, "pattern": pattern, **more}), headers=headers)
    assert answer.status == status, answer
    return answer.json()


def test_over_http(net):
    """The same use case as of the commands, and the same words."""
    r0, n0, n1 = net.r[0], *net.n[:2]
    key = {"authorization": f"Bearer {key_of(r0)}"}
    assert r0.get("/moderation").json() == {"entries": [], "unfinished": False}
    dry = moderate(r0, "deny", n0.url, dry=1, headers=key)
    assert (dry["outcome"], dry["nodes"], dry["flows"]) == ("dry", 1, 2) and said(r0) == {}
    done = moderate(r0, "deny", n0.url, headers=key)
    assert done == {"pattern": f"url:{n0.url}", "verdict": "denied", "since": done["since"], "nodes": 1, "flows": 2, "outcome": "set", "unfinished": False}
    assert r0.shown() == rows(*net.n[1:])
    wait_shown(net, rows(*net.n[1:]), rows(*net.n[1:]))
    # as the notebook does DELETE /connect: from the machine itself, to a service that nothing stands before
    assert moderate(r0, "hide", "organization:N*")["outcome"] == "set"
    assert moderate(r0, "hide", "organization:n*")["outcome"] == "nothing"
    assert moderate(r0, "allow", "organization:N1")["outcome"] == "excepted"
    assert r0.shown() == n1.rows()
    assert r0.get("/moderation").json() == {"entries": json.loads(kodo(r0, "deny", "--json")), "unfinished": False}
    assert r0.get(f"/moderation?key={key_of(r0)}").json()["entries"]
    undone = moderate(r0, "allow", "organization:N1", forget=1)
    assert (undone["outcome"], undone["verdict"], undone["nodes"]) == ("undone", "shown", 1)
    assert moderate(r0, "allow", "organization:N*")["outcome"] == moderate(r0, "allow", n0.url)["outcome"] == "undone"
    assert said(r0) == {}
    wait_shown(net, rows(*net.n), rows(*net.n))
    assert_quiet(net)


def test_as_readme_has_it(net_once):
    """In a shell, with the key; web servers differ in what they take of a POST that has no body."""
    with open(os.path.join(kodotest.SRCDIR, "README.md"), encoding="utf-8") as f:
        line = re.search("`(curl -X POST -G [^`]*)`", f.read()).group(1)
    line = line.replace("https://registry.example.org", net_once.url).replace("KEY", key_of(net_once))
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["outcome"] == "set", done
    assert said(net_once) == {"url:https://spam.example": ("denied", 0)}
    assert moderate(net_once, "allow", "https://spam.example")["outcome"] == "undone"


@pytest.mark.parametrize("target, word", [
    ("", "deny, hide or allow"), ("?do=ban&pattern=http://a", "deny, hide or allow"), ("?do=deny", "no pattern"), ("?do=deny&pattern=x", "no pattern"),
    ("?do=deny&pattern=url:ftp://a", "no http or https url"), ("?do=deny&pattern=address:1.2.3", "no address"), ("?do=deny&pattern=http://a&dry=x", "Validation"),
])
def test_wrong_over_http(net_once, target, word):
    answer = net_once.request("POST", "/moderation" + target)
    assert answer.status == 400 and word in answer.json()["detail"], answer
    assert said(net_once) == {}


def test_not_for_others_over_http(net_once):
    one = net_once
    for method, target in (("GET", "/moderation"), ("POST", "/moderation?do=deny&pattern=http://a")):
        for headers in ({"X-Forwarded-For": "192.0.2.1"}, {"authorization": "Bearer " + "0" * 32}):
            assert one.request(method, target, headers=headers).status == 403, (method, headers)
        assert one.request(method, target + ("&" if "?" in target else "?") + "key=x").status == 403
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        key = {"authorization": f"Bearer {key_of(one)}"}
        assert one.request("POST", "/moderation?do=deny&pattern=http://a", headers={**headers, **key}).status == 403
    assert said(one) == {}


@pytest.mark.parametrize("pattern, word", [
    ("nonsense", "no pattern"), ("url:ftp://a", "no http or https url"), ("http://", "no http or https url"), ("organization:", "which organization"),
    ("organization:a*b", "begin or the end"), ("address:1.2.3", "no address"), ("address:1.2.3.4/33", "no address"), ("address:", "no address"),
])
def test_bad_patterns(net_once, pattern, word):
    for name in ("deny", "hide", "allow"):
        assert word in kodo(net_once, name, pattern, status=1)


@pytest.fixture(scope="module")
def net_once():
    with kodotest.folder() as path:
        one = kodotest.Service(path, REGISTRY).start()
        yield one
        one.kill()
