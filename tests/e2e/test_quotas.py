"""Quotas: how many providers an address may make, how much a peer may hold, and what is left when the map is nearly full."""
import json

import pytest

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


@pytest.mark.parametrize("options", [{}, {"quota_providers": 0, "quota_strangers": 0}])
def test_without_quotas(hosted, options):
    kodo = hosted({**OPTIONS, **options})
    assert {connect(kodo, n).status for n in range(30)} == {201}
    assert {kind for kind, _ in findings(kodo, "quota: ")} == {"ok"} and not findings(kodo, "tallies")
