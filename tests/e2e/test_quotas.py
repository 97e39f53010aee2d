"""Quotas: how many providers an address may make, how much a peer may hold, and what is left when the map is nearly full."""
import json

import pytest

import signing
from kodotest import connect_body, flow, node, wait_until

ABUSER, OTHER = "8.8.8.8", "8.8.4.4"
# one peer speaks from many addresses here
OPTIONS = {"trust": "open", "private": True, "trigger": "cron", "rate_client": 0, "rate_peer": 0}


def peer(n):
    return f"http://localhost:{10000 + n}"


def connect(kodo, n, address=ABUSER, **more):
    return kodo.post("/connect", connect_body(peer(n), **more), REMOTE_ADDR=address)


def leave(kodo, n, address=ABUSER):
    return kodo.post("/disconnect", {"provider": peer(n), "url": [peer(n)]}, REMOTE_ADDR=address)


def providers(kodo):
    return sorted(one["url"] for one in kodo.get("/map").json()["providers"])


def findings(kodo, part):
    answer = json.loads(kodo.get(f"/check?key={kodo.key()}").body)
    return [(one["finding"], one["text"]) for one in answer["findings"] if part in one["text"]]


def check_refused(answer, status, detail):
    assert answer.status == status and answer.json() == {"status_code": status, "detail": detail}, answer


def test_providers_of_an_address(hosted):
    kodo = hosted({**OPTIONS, "quota_providers": 3})
    assert [connect(kodo, n).status for n in range(3)] == [201] * 3
    detail = "Too many providers from 8.8.8.8: at most 3 (quota_providers)"
    check_refused(connect(kodo, 3), 403, detail)
    check_refused(connect(kodo, 3, "::ffff:8.8.8.8"), 403, detail)
    assert providers(kodo) == [peer(n) for n in range(3)]                   # without a trace
    assert kodo.get("/counts").json()["total"] == 3
    # those that are there go on, others come from elsewhere, and one that leaves makes room
    assert connect(kodo, 1, flows=4).status == 201
    assert kodo.post("/update", connect_body(peer(1), 2), REMOTE_ADDR=ABUSER).status == 200
    assert connect(kodo, 4, OTHER).status == connect(kodo, 5, "10.0.0.1").status == connect(kodo, 6, None).status == 201
    assert findings(kodo, "providers of one address") == [
        ("warning", "quota: providers of one address: 3 by 8.8.8.8 of 3; if it is no attack, raise quota_providers")]
    assert leave(kodo, 1, OTHER).status == 200
    assert connect(kodo, 3).status == 201 and connect(kodo, 1).status == 403
    assert kodo.log().count(f"connect from {peer(3)} refused: {detail}") == 2


def test_providers_of_a_network(hosted):
    kodo = hosted({**OPTIONS, "quota_providers": 2})
    assert connect(kodo, 0, "2606:4700::1").status == connect(kodo, 1, "2606:4700::f:1").status == 201
    check_refused(connect(kodo, 2, "2606:4700::2"), 403, "Too many providers from 2606:4700::2: at most 2 (quota_providers)")
    assert connect(kodo, 2, "2606:4700:0:1::2").status == 201


def test_strangers(hosted):
    """Peers that nobody vouches for, of all addresses."""
    kodo = hosted({**OPTIONS, "quota_strangers": 5})
    assert [connect(kodo, n, f"8.8.8.{n}").status for n in range(5)] == [201] * 5
    detail = "Too many peers that nobody vouches for: at most 5 (quota_strangers)"
    check_refused(connect(kodo, 5, OTHER), 507, detail)
    check_refused(connect(kodo, 5, "127.0.0.1"), 507, detail)
    assert connect(kodo, 2, OTHER).status == 201 and len(providers(kodo)) == 5
    assert [kind for kind, _ in findings(kodo, "peers that nobody vouches for: 5 of 5")] == ["warning"]
    assert leave(kodo, 0).status == 200
    assert connect(kodo, 5, OTHER).status == 201


def test_strangers_that_come_and_go(hosted):
    """What is remembered of who has left takes no place, whoever signed or had versions."""
    kodo = hosted({**OPTIONS, "trust": "known", "quota_strangers": 3})
    own = kodo.get("/").json()["url"]

    def post(n, path, body):
        data, key = json.dumps({**body, "kodo": {"life": n + 1, "sent": 1 + (path != "/connect")}}).encode(), keys.setdefault(n, signing.Key())
        fields = signing.headers(key, "POST", own + path, peer(n), data) if n % 2 else {}
        return kodo.post(path, data, headers=fields, REMOTE_ADDR=f"8.8.8.{n}").status

    keys = {}
    for n in range(12):
        assert post(n, "/connect", connect_body(peer(n))) == 201
        assert post(n, "/disconnect", {"provider": peer(n), "url": [peer(n)]}) == 200
    assert findings(kodo, "peers that nobody vouches for") == [("ok", "quota: peers that nobody vouches for: 0 of 3")]
    assert [post(n, "/connect", connect_body(peer(n))) for n in range(20, 24)] == [201] * 3 + [507]
    assert [kind for kind, _ in findings(kodo, "peers that nobody vouches for: 3 of 3")] == ["warning"]


@pytest.mark.parametrize("options", [{}, {"quota_providers": 0, "quota_strangers": 0}])
def test_without_quotas(hosted, options):
    kodo = hosted({**OPTIONS, **options})
    assert {connect(kodo, n).status for n in range(30)} == {201}
    assert {kind for kind, _ in findings(kodo, "quota: ")} == {"ok"} and not findings(kodo, "tallies")


# --- what a peer holds ---

def nodes(*flows, first=0):
    """A node with that many flows each."""
    return {"nodes": [node(f"http://n{first + i}.example.com:80", [flow(k) for k in range(n)]) for i, n in enumerate(flows)]}


def shown(kodo):
    return {one["url"]: len(one["flows"]) for one in kodo.get("/connect").json()["nodes"]}


def url(i):
    return f"http://n{i}.example.com:80"


def check_left_out(answer, *lines):
    assert answer.status in (200, 201) and answer.json()["message"] == list(lines), answer


@pytest.mark.parametrize("option, quota, first, reason", [
    ("quota_nodes", 3, (1, 1, 1, 1), "the peer has more nodes than quota_nodes allows"),
    ("quota_flows", 10, (4, 3, 3, 1), "the peer has more flows than quota_flows allows")])
def test_what_a_peer_may_hold(hosted, option, quota, first, reason):
    kodo = hosted({**OPTIONS, option: quota})
    over = f"left out {url(3)}: {reason}"
    check_left_out(connect(kodo, 0, **nodes(*first)), over)
    assert shown(kodo) == {url(i): n for i, n in enumerate(first[:3])}
    update = lambda body: kodo.post("/update", connect_body(peer(0), **body))       # noqa: E731
    check_left_out(update(nodes(1, first=3)), over)
    check_left_out(update(nodes(*first[:3])))                                # again: nothing more
    check_left_out(connect(kodo, 1, **nodes(1, 1, first=20)))                # another peer
    assert [kind for kind, text in findings(kodo, f"{option}") if f"by {peer(0)} of {quota};" in text] == ["warning"]
    # a list takes the place of what was held; a removal makes room
    check_left_out(connect(kodo, 0, **nodes(*first[:3], first=10)))
    assert url(0) not in shown(kodo) and url(12) in shown(kodo)
    assert kodo.post("/disconnect", {"provider": peer(0), "url": [url(10)]}).status == 200
    check_left_out(update(nodes(1, first=3)))
    assert not findings(kodo, "tallies")


def test_bytes_of_a_peer(hosted):
    kodo = hosted({**OPTIONS, "quota_mib": 1})
    big = {"nodes": [node(url(i), [flow(k, description="x" * 8000) for k in range(20)]) for i in range(5)]}
    answer = connect(kodo, 0, **big)
    lines = answer.json()["message"]
    assert 1 <= len(lines) <= 4 and all(line.endswith(": the peer has more bytes than quota_mib allows") for line in lines)
    assert len(shown(kodo)) == 5 - len(lines) and kodo.log().count(f"left out {len(lines)} nodes from {peer(0)}: ") == 1


def test_a_target_has_no_quota(responder, service):
    """The operator has named it."""
    target = service({"registry": True, "feed": True})
    for n in range(3):
        assert target.post("/connect", connect_body(peer(n))).status == 201
    mine = service({"registry": True, "feed": True, "connect": target.url, "quota_nodes": 1, "quota_flows": 1})
    wait_until(lambda: mine.total() == 3, 10, "the list of the target has come")


# --- the reserve of the map ---

def test_the_map_keeps_a_reserve(hosted):
    """New providers and nodes are refused when it is nearly full; what is there can be changed, and removed."""
    kodo = hosted({**OPTIONS, "map_max_mib": 64})
    n = 0
    for length in (60000, 6000, 600, 60):
        while (answer := connect(kodo, n, **nodes_of(n, "x" * length))).status == 201 and not answer.json()["message"]:
            n += 1
            assert n < 1000
        if length == 60000:
            taken = n
            check_left_out(answer, f"left out {url(n)}: this registry is nearly full, and takes no new nodes (map_max_mib)")
    assert taken > 30
    check_refused(answer, 507, "This registry is nearly full: it takes no new providers (map_max_mib)")
    assert [kind for kind, _ in findings(kodo, "reserve: ")] == ["warning"]
    for i in range(taken):                                                   # each one changes, as does its text
        answer = kodo.post("/update", connect_body(peer(i), **nodes_of(i, "y" * 60000)))
        assert answer.status == 200 and answer.json()["message"] == [], (i, taken, answer)
    assert all("yyy" in one["flows"][0]["description"] for one in kodo.get("/connect").json()["nodes"][:taken])
    for i in range(taken):
        assert leave(kodo, i).status == 200
    assert connect(kodo, 0, **nodes_of(0, "z" * 60000)).json()["message"] == []
    assert [kind for kind, _ in findings(kodo, "reserve: ")] == ["ok"] and not findings(kodo, "tallies")


def nodes_of(n, text):
    return {"nodes": [node(url(n), [flow(k, description=text) for k in range(8)])]}
