"""GET /flows?after=: pages that stay in place while flows come and go."""
import random
import re
import urllib.parse

import pytest

from kodotest import connect_body, flow, node
from responder import FLOWS, OWN, PEER, check_error, check_json

ORDERS = ["", "name", "name:d", "organization,name:d", "url:d", "created", "modified:d,url", "heartbeat", "author", "author:d,name:d",
    "state", "alive:d,name", "heard:d", "changed"]


def connect(kodo, url, nodes):
    assert kodo.post("/connect", connect_body(url, nodes=nodes)).status == 201


def link(answer):
    """The address in Link, or None."""
    header = answer.headers.get("link")
    return header and re.fullmatch(r'<([^>]*)>; rel="next"', header)[1]


def pages(kodo, target, between=lambda: None):
    """All items by way of Link."""
    items = []
    while target:
        answer = kodo.get(target)
        items += check_json(answer)["items"]
        target = link(answer)
        between()
    return items


def many(seed, count=40):
    """Nodes at four peers, with authors and names that some of them share, and nulls."""
    rng = random.Random(seed)
    return {f"http://peer{peer}:1": [node(f"http://peer{peer}:1/{n}", [
        {**flow(i), "url": f"/{peer}-{n}-{i}", "name": rng.choice(["a", "B", "ä", "same name", f"name {i}"]),
         "author": rng.choice([None, "", "x@example.com", f"{i}@example.com"])} for i in range(count // 8)],
        organization=rng.choice([None, "Org", f"Org {n}"]),
        heartbeat=rng.choice([None, "2026-01-01T12:00:00Z"])) for n in range(2)] for peer in range(4)}


@pytest.mark.parametrize("q", ["", "name"])
def test_as_pages_by_number(responder, q):
    kodo = responder({"flows": FLOWS})
    for url, nodes in many(1).items():
        connect(kodo, url, nodes)
    for by in ORDERS:
        query = urllib.parse.urlencode({"by": by, "q": q})
        whole = check_json(kodo.get(f"/flows?{query}&pp=1000"))["items"]
        assert len(whole) > 20
        for pp in (1, 3, 7):
            assert pages(kodo, f"/flows?{query}&pp={pp}") == whole, by
        # from a page by number on
        assert pages(kodo, f"/flows?p=2&{query}&pp=3") == whole[6:]
        last = kodo.get(f"/flows?{query}&pp={len(whole)}")
        assert link(last) is None
        assert link(kodo.get(f"/flows?{query}&pp=3&p=1000")) is None


@pytest.mark.parametrize("by", ORDERS)
@pytest.mark.parametrize("q", ["", "stay or go"])
def test_who_stays_is_seen_once(responder, by, q):
    kodo = responder({"flows": []})
    stay = [node(f"{PEER}/{n}", [flow(i, name=f"{random.Random(n * 10 + i).randrange(99)} stay or go") for i in range(5)]) for n in range(4)]
    connect(kodo, PEER, stay)
    rng = random.Random(by + q)

    def come_and_go():
        for n in rng.sample(range(5), 2):
            flows = [flow(i, name=f"{rng.randrange(99)} stay or go") for i in range(rng.randrange(5))]
            connect(kodo, f"http://go{n}:1", [node(f"http://go{n}:1", flows)] if flows else [])

    for pp in (1, 3):
        items = pages(kodo, f"/flows?{urllib.parse.urlencode({'by': by, 'q': q, 'pp': pp})}", come_and_go)
        seen = [item["url"] for item in items if item["url"].startswith(PEER)]
        assert sorted(seen) == sorted(f"{n['url']}/flows{f['url']}" for n in stay for f in n["flows"])


def test_flows_that_are_alike(responder):
    kodo = responder({"flows": []})
    connect(kodo, PEER, [node(PEER, [flow(i // 3) for i in range(9)])])
    for by in ("", "name:d", "created"):
        assert len(pages(kodo, f"/flows?pp=1&by={by}")) == 9


def test_next_in_the_body(hosted):
    kodo = hosted({"flows": FLOWS})
    assert "next" not in check_json(kodo.get("/flows?pp=2"))
    body = check_json(kodo.get("/flows?pp=2&after="))
    assert list(body)[-1] == "next" and re.fullmatch(r"[A-Za-z0-9_-]+", body["next"]) and body["p"] == 0
    names = [item["name"] for item in body["items"]]
    while body["next"]:
        body = check_json(kodo.get(f"/flows?pp=2&p=7&after={body['next']}"))
        names += [item["name"] for item in body["items"]]
    assert names == [f"Flow {i}" for i in range(5)] and body["total"] == body["filtered"] == 5


def test_link(hosted):
    kodo = hosted({"flows": FLOWS, "url": f"{OWN}/deep/kodo"})
    target = link(kodo.get("/deep/kodo/flows?q=%22flow%22&pp=1&p=1&after=&by=name%3Ad&&x=<é>"))
    assert re.fullmatch(r"/deep/kodo/flows\?q=%22flow%22&pp=1&by=name%3Ad&x=%3C%C3%A9%3E&after=[A-Za-z0-9_-]+", target)
    assert [item["name"] for item in check_json(kodo.get(target))["items"]] == ["Flow 3"]
    assert kodo.request("HEAD", target).headers == kodo.get(target).headers
    # too long for a header: the body has it
    kodo2 = hosted({"flows": [flow(i, name=f"{i}" + "x" * 1000, url="/" + "y" * 1900 + str(i)) for i in range(3)]})
    answer = kodo2.get("/flows?pp=1&after=")
    assert link(answer) is None and len(answer.json()["next"]) > 3000
    answer = kodo2.get(f"/flows?pp=1&after={answer.json()['next']}")
    assert [item["name"][0] for item in check_json(answer)["items"]] == ["1"]


def test_refused(hosted):
    kodo = hosted({"flows": FLOWS})
    cursor = check_json(kodo.get("/flows?pp=1&after="))["next"]
    for bad in ("x", "!", cursor[:-1], cursor + "AA", cursor[::-1], "A" * 100, f"{cursor}&by=url", f"{cursor}&by=name:d"):
        check_error(kodo.get(f"/flows?after={bad}"), 400, "`after` is of another order, or of no page.")
    for by in ("tags", "description:d", "name,tags"):
        check_error(kodo.get(f"/flows?after=&by={by}"), 400, "Flows in an order of descriptions or tags have no `after`: use p.")
        assert "link" not in kodo.get(f"/flows?pp=1&by={by}").headers
    assert check_json(kodo.get(f"/flows?pp=1&after={cursor}&by=name,url"))["items"][0]["name"] == "Flow 1"


@pytest.mark.parametrize("query", ["", "&q=what", "&by=author:d", "&format=html", "&explain=1"])
def test_page_has_a_ceiling(responder, query):
    """Of flows shown, not of `pp`: programs ask for a million where there are fifty. What is over it is refused, never cut off."""
    kodo = responder({"flows": [flow(n) for n in range(30)], "page_max": 20})
    kodo.get("/check?key=x")                                                        # makes the key
    detail = "A page holds at most 20 flows: use `pp=20`, and go on by `p` or `after`."

    def check_refused(answer):
        if "html" not in query:
            return check_error(answer, 400, detail)
        # to people a page, with the same words
        assert answer.status == 400 and "A page holds at most 20 flows: use" in answer.text()
        return None
    for pp in (21, 30, 1000000, 9223372036854775807):
        check_refused(kodo.get(f"/flows?pp={pp}{query}"))
        check_refused(kodo.get(f"/flows?pp={pp}{query}&after="))
        assert kodo.get(f"/flows?pp={pp}{query}&key=x").status == 400
        answer = kodo.get(f"/flows?pp={pp}{query}&key={kodo.key()}")
        assert answer.status == 200 and kodo.key() not in answer.headers.get("link", "")
        assert kodo.get(f"/flows?pp={pp}{query}&q=%22number+7%22").status == 200
    assert kodo.get(f"/flows?pp=20{query}").status == 200
    assert kodo.get(f"/flows?pp=25&p=1{query}").status == 200                       # five are left
    if "html" not in query:
        assert len(check_json(kodo.get(f"/flows?pp=30{query}&key={kodo.key()}"))["items"]) == 30
        assert len(pages(kodo, f"/flows?pp=20{query}")) == 30
