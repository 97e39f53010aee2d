"""GET /changes: what it lists, where it begins, and how it waits."""
import os
import signal
import threading
import time
import urllib.parse

import kodotest
from kodotest import connect_body, flow, greeting, node
from responder import FLOWS, OWN, PEER, SANITIZED, check_error, check_json

OTHER = "http://localhost:4391"
WOKEN_S = 0.1 * (5 if SANITIZED else 1)


def changes(kodo, since=0, status=200, **more):
    return check_json(kodo.get(f"/changes?{urllib.parse.urlencode({'since': since, **more})}"), status)


def told(body):
    return [(change["url"], change["state"]) for change in body["changes"]]


def update(kodo, url, nodes):
    assert kodo.post("/update", greeting(url, nodes=nodes)).status == 200


def connect(kodo, url=PEER, **more):
    assert kodo.post("/connect", connect_body(url, **more)).status == 201


def gone(kodo, url, *urls):
    assert kodo.post("/disconnect", {"provider": url, "url": list(urls)}).status == 200


class Waiting:
    """A request in a thread; seconds: how long after `begin` it was answered."""

    def __init__(self, kodo, target, pause=0.2):
        self.answer = None
        self.thread = threading.Thread(target=self.run, args=(kodo, target), daemon=True)
        self.thread.start()
        time.sleep(pause)

    def run(self, kodo, target):
        self.answer = kodo.get(target)
        self.answered = time.monotonic()

    def is_waiting(self):
        return self.answer is None

    def seconds_after(self, began, most=10):
        self.thread.join(most)
        assert self.answer is not None
        return self.answered - began


# --- what is listed ---

def test_contents(hosted):
    kodo = hosted({"flows": FLOWS})
    first = changes(kodo)
    assert list(first) == ["since", "view", "more", "changes"] and told(first) == [(OWN, "seen")]
    assert (first["since"], first["more"]) == (0, False)
    assert list(first["changes"][0]) == ["view", "url", "state", "node"]
    connect(kodo, flows=2)
    body = changes(kodo, first["view"])
    assert told(body) == [(PEER, "seen")] and body["view"] == body["changes"][0]["view"] > first["view"]
    # as in the list of all
    nodes = check_json(kodo.get("/connect"))["nodes"]
    assert [change["node"] for change in changes(kodo)["changes"]] == nodes
    gone(kodo, PEER, PEER)
    last = changes(kodo, body["view"])
    assert last["changes"] == [{"view": last["view"], "url": PEER, "state": "gone"}]
    # from the begin only what is there; from before once, in the newest state
    assert told(changes(kodo)) == [(OWN, "seen")]
    assert told(changes(kodo, first["view"])) == [(PEER, "gone")]
    assert changes(kodo, last["view"]) == {"since": last["view"], "view": last["view"], "more": False, "changes": []}


def test_newest_state_once_in_the_order_of_change(hosted):
    kodo = hosted({"flows": FLOWS})
    start = changes(kodo)["view"]
    urls = [f"{PEER}/n{i}" for i in range(3)]
    connect(kodo, nodes=[node(url, [flow(0)]) for url in urls])
    update(kodo, PEER, [node(urls[0], [flow(0), flow(1)])])
    body = changes(kodo, start)
    assert told(body) == [(urls[1], "seen"), (urls[2], "seen"), (urls[0], "seen")]
    assert len(body["changes"][2]["node"]["flows"]) == 2
    # what changes nothing is no news
    update(kodo, PEER, [node(urls[0], [flow(0), flow(1)])])
    assert changes(kodo, body["view"])["changes"] == []


def test_the_header_to_begin_with(hosted):
    kodo = hosted({"flows": FLOWS})
    view = changes(kodo)["view"]
    for path in ("/connect", "/flows", "/flows?q=x", "/changes", f"/changes?since={view}"):
        answer = kodo.get(path)
        assert answer.headers["kodo-view"] == str(view), path
    tag = kodo.get("/flows").headers["etag"]
    answer = kodo.get("/flows", headers={"if-none-match": tag})
    assert (answer.status, answer.headers["kodo-view"]) == (304, str(view))
    assert "kodo-view" not in kodo.get("/counts").headers
    connect(kodo)
    assert kodo.get("/connect").headers["kodo-view"] == str(changes(kodo)["view"]) != str(view)


def test_urls_are_given_as_they_compare(hosted):
    kodo = hosted({"flows": FLOWS})
    start = changes(kodo)["view"]
    connect(kodo, nodes=[node("HTTP://LocalHost:80/Deep", [flow(0)])])
    body = changes(kodo, start)
    assert told(body) == [("http://localhost/Deep", "seen")]
    assert body["changes"][0]["node"]["url"] == "HTTP://LocalHost:80/Deep"
    gone(kodo, PEER, PEER)
    assert told(changes(kodo, start)) == [("http://localhost/Deep", "gone")]


def test_limit_and_more(hosted):
    kodo = hosted({"flows": FLOWS})
    urls = [f"{PEER}/{i}" for i in range(7)]
    connect(kodo, nodes=[node(url, [flow(0)]) for url in urls])
    since, seen, pages = 0, [], 0
    while pages == 0 or body["more"]:
        body = changes(kodo, since, limit=3)
        seen += told(body)
        since = body["view"]
        assert len(body["changes"]) <= 3
        pages += 1
    assert pages == 3 and seen == [(url, "seen") for url in [OWN] + urls]
    assert len(changes(kodo, limit=5000)["changes"]) == 8
    assert changes(kodo, limit=8)["more"] is False
    # a node goes after its page was read
    body = changes(kodo, limit=3)
    update(kodo, PEER, [node(urls[6], [flow(0), flow(1)])])
    gone(kodo, PEER, urls[0])
    rest = changes(kodo, body["view"])
    assert told(rest) == [(url, "seen") for url in urls[2:]] + [(urls[0], "gone")]


def test_bytes_have_a_ceiling(responder):
    kodo = responder({"flows": FLOWS})
    big = [flow(i, description="x" * 60000) for i in range(10)]
    for i in range(10):
        connect(kodo, f"{PEER}/{i}", nodes=[node(f"{PEER}/{i}", big)])
    answer = kodo.get("/changes?limit=1000")
    assert answer.json()["more"] is True and len(answer.body) < 5 << 20
    seen = told(answer.json())
    while answer.json()["more"]:
        answer = kodo.get(f"/changes?limit=1000&since={answer.json()['view']}")
        seen += told(answer.json())
    assert len(seen) == 11


def test_bad_parameters(hosted):
    kodo = hosted({"flows": FLOWS})
    check_error(kodo.get("/changes?since=x"), 400, "Validation failed for GET /changes?since=x", ["since"])
    for query in ("since=-1", "limit=0", "limit=-5", "wait=-1"):
        check_error(kodo.get(f"/changes?{query}"), 400, "since and wait must be 0 or more, limit 1 or more.")
    answer = kodo.get("/changes?q=modified+%3E+%222026-01-01%22")
    check_error(answer, 400, "Changes cannot be filtered by created, modified and registry, which change without them.")
    assert kodo.post("/changes", {}).status == 405


def test_head(hosted):
    kodo = hosted({"flows": FLOWS})
    get, head = kodo.get("/changes"), kodo.request("HEAD", "/changes")
    assert (head.status, head.body, head.headers) == (200, b"", get.headers)


def test_below_a_path(hosted):
    kodo = hosted({"flows": FLOWS, "url": f"{OWN}/deep/kodo"})
    assert told(check_json(kodo.get("/deep/kodo/changes"))) == [(f"{OWN}/deep/kodo", "seen")]


# --- 410 ---

def is_refused(kodo, since):
    answer = kodo.get(f"/changes?since={since}&wait=5")
    assert "GET /connect" in check_json(answer, 410)["detail"] and answer.seconds < 2
    return True


def test_of_another_state(hosted):
    kodo, other = hosted({"flows": FLOWS}), hosted({"flows": FLOWS})
    view = changes(kodo)["view"]
    assert is_refused(kodo, view + 1) and is_refused(kodo, 1) and is_refused(kodo, 2 ** 63)
    for i in range(3):
        connect(other, flows=i + 1)
    assert is_refused(other, view)


# --- q ---

def test_q_lists_flows_that_match(hosted):
    kodo = hosted({"flows": FLOWS})
    start = changes(kodo)["view"]
    connect(kodo, flows=3)
    assert told(changes(kodo, q='name == "Flow 1"')) == [(OWN, "seen"), (PEER, "seen")]
    body = changes(kodo, start, q='name == "Flow 1"')
    assert [f["name"] for f in body["changes"][0]["node"]["flows"]] == ["Flow 1"]
    # who matched and does not any more is gone, and so may be who never did
    update(kodo, PEER, [node(PEER, [flow(0), flow(2)])])
    assert told(changes(kodo, body["view"], q='name == "Flow 1"')) == [(PEER, "gone")]
    # but not from the begin
    assert told(changes(kodo, q='name == "Flow 1"')) == [(OWN, "seen")]
    assert told(changes(kodo, q="nosuchtext")) == []


# --- waiting ---

def woken(kodo, target, change):
    waiting = Waiting(kodo, target)
    assert waiting.is_waiting()
    change()
    began = time.monotonic()
    assert waiting.seconds_after(began) < WOKEN_S
    return check_json(waiting.answer)


def test_narrowed_as_flows_are(hosted):
    """words, organization and tag beside q; who waits is woken by what it asked for alone."""
    kodo = hosted({"flows": FLOWS, "organization": "Own"})
    connect(kodo, flows=3)
    shown = lambda narrowed: {(c["url"], len(c["node"]["flows"])) for c in changes(kodo, **narrowed)["changes"] if c["url"] == PEER and c["state"] == "seen"}
    assert shown({"words": "flo tag:n2"}) == {(PEER, 1)} and shown({"tag": "n1"}) == shown({"words": "name:\"flow 1\"", "tag": "all"})
    assert shown({"organization": f"Org of {PEER}"}) == {(PEER, 3)} and shown({"words": "nothinglikeit"}) == set()
    assert kodo.get("/changes?words=" + "+".join("abcdefghijklmnopqrstuvwxyzabcdefg")).status == 400
    since = changes(kodo)["view"]
    waiting = Waiting(kodo, f"/changes?since={since}&wait=20&words=tag:n4&organization={urllib.parse.quote('Org of ' + PEER)}")
    assert waiting.is_waiting()
    connect(kodo, flows=4)
    assert waiting.is_waiting()
    connect(kodo, flows=5)
    assert waiting.seconds_after(time.monotonic()) < WOKEN_S
    assert [len(c["node"]["flows"]) for c in check_json(waiting.answer)["changes"]] == [1]


def test_wait_is_woken_by_a_change(hosted):
    kodo = hosted({"flows": FLOWS})
    connect(kodo)
    since = changes(kodo)["view"]
    for n in (2, 3, 4):
        body = woken(kodo, f"/changes?since={since}&wait=20", lambda n=n: connect(kodo, flows=n))
        assert told(body) == [(PEER, "seen")] and body["since"] == since
        since = body["view"]
    body = woken(kodo, f"/changes?since={since}&wait=20", lambda: gone(kodo, PEER, PEER))
    assert told(body) == [(PEER, "gone")]
    # what is there already needs no waiting
    assert kodo.get(f"/changes?since={since}&wait=20").seconds < 2


def test_wait_is_not_woken_by_what_is_not_shown(hosted):
    kodo = hosted({"flows": FLOWS})
    connect(kodo)
    since = changes(kodo)["view"]
    q = urllib.parse.quote('name == "Flow 3"')
    plain = Waiting(kodo, f"/changes?since={since}&wait=20", 0)
    narrow = Waiting(kodo, f"/changes?since={since}&wait=20&q={q}")
    connect(kodo)                                                               # the same again: times of the provider
    connect(kodo, OTHER, nodes=[])
    assert kodo.post("/disconnect", {"provider": OTHER, "url": [OTHER]}).status in (200, 404)
    time.sleep(0.4)
    assert plain.is_waiting() and narrow.is_waiting()
    connect(kodo, flows=3)                                                      # no Flow 3 yet
    assert plain.seconds_after(time.monotonic()) < WOKEN_S
    time.sleep(0.3)
    assert narrow.is_waiting()
    connect(kodo, flows=4)
    assert narrow.seconds_after(time.monotonic()) < WOKEN_S
    body = check_json(narrow.answer)
    assert [f["name"] for f in body["changes"][0]["node"]["flows"]] == ["Flow 3"] and len(body["changes"]) == 1
    # it matches no more: that is told
    body = woken(kodo, f"/changes?since={body['view']}&wait=20&q={q}", lambda: connect(kodo, flows=1))
    assert told(body) == [(PEER, "gone")]


def test_a_change_of_many_nodes(responder):
    kodo = responder({"flows": FLOWS})
    since = changes(kodo)["view"]
    q = urllib.parse.quote('name == "Needle"')
    waiting = [Waiting(kodo, f"/changes?since={since}&wait=20&q={q}", 0) for _ in range(5)]
    time.sleep(0.3)
    urls = [f"{PEER}/{i}" for i in range(3000)]
    connect(kodo, nodes=[node(url, [flow(0)]) for url in urls] + [node(PEER, [flow(1, name="Needle")])])
    for one in waiting:
        assert one.seconds_after(0) and told(check_json(one.answer)) == [(PEER, "seen")]
    assert waiting[0].answer.json()["view"] == changes(kodo, waiting[0].answer.json()["view"])["view"]


def test_wait_is_over(hosted):
    kodo = hosted({"flows": FLOWS})
    since = changes(kodo)["view"]
    answer = kodo.get(f"/changes?since={since}&wait=1")
    assert 0.9 < answer.seconds < 2 and answer.json() == {"since": since, "view": since, "more": False, "changes": []}
    assert "retry-after" not in answer.headers
    # what was not shown has been looked at, and need not be again
    waiting = Waiting(kodo, f"/changes?since={since}&wait=1&q=nosuchtext")
    connect(kodo)
    waiting.seconds_after(0)
    body = check_json(waiting.answer)
    assert body["changes"] == [] and body["view"] == changes(kodo)["view"] > since


def test_others_are_answered_meanwhile(responder):
    kodo = responder({"flows": FLOWS})                                          # one worker
    since = changes(kodo)["view"]
    waiting = [Waiting(kodo, f"/changes?since={since}&wait=20", 0) for _ in range(30)]
    time.sleep(0.5)
    for _ in range(20):
        assert kodo.get("/flows").seconds < 0.2
    assert all(one.is_waiting() for one in waiting)
    connect(kodo)
    began = time.monotonic()
    for one in waiting:
        assert one.seconds_after(began) < WOKEN_S and told(one.answer.json()) == [(PEER, "seen")]


def test_a_kept_connection_waits(responder):
    kodo = responder({"flows": FLOWS})
    since = changes(kodo)["view"]
    with kodotest.FastCGI(kodo.path) as connection:
        connection.send(kodotest.cgi_env("GET", "/flows"), keep=True)
        assert kodotest.parse_cgi(*connection.receive()).status == 200
        connection.send(kodotest.cgi_env("GET", f"/changes?since={since}&wait=20"), keep=True)
        time.sleep(0.2)
        connect(kodo)
        assert told(kodotest.parse_cgi(*connection.receive()).json()) == [(PEER, "seen")]


def test_slots(hosted):
    kodo = hosted({"flows": FLOWS, "followers": 2})
    since = changes(kodo)["view"]
    target = f"/changes?since={since}&wait=20"
    waiting = [Waiting(kodo, target) for _ in range(2)]
    answer = kodo.get(target)
    assert answer.seconds < 2 and answer.headers["retry-after"] == "1"
    assert check_json(answer)["changes"] == []
    connect(kodo)
    for one in waiting:
        one.seconds_after(0)
    # they are free again
    again = Waiting(kodo, f"/changes?since={changes(kodo)['view']}&wait=1", 0.3)
    assert again.is_waiting()
    again.seconds_after(0)


def test_few_slots_where_each_takes_a_process(hosted):
    kodo = hosted({"flows": FLOWS})
    target = f"/changes?since={changes(kodo)['view']}&wait=20"
    with_apache = {"SERVER_SOFTWARE": "Apache/2.4.62 (Debian)"}
    waiting = [threading.Thread(target=kodo.request, args=("GET", target), kwargs=with_apache, daemon=True) for _ in range(4)]
    for one in waiting:
        one.start()
    time.sleep(0.5)
    assert kodo.request("GET", target, **with_apache).headers["retry-after"] == "1"
    connect(kodo)
    for one in waiting:
        one.join()


def test_no_slots(hosted):
    kodo = hosted({"flows": FLOWS, "followers": 0})
    answer = kodo.get(f"/changes?since={changes(kodo)['view']}&wait=20")
    assert answer.seconds < 2 and answer.headers["retry-after"] == "1"


def test_slots_are_shared_and_come_back_from_the_dead(responder):
    kodo = responder({"flows": FLOWS, "followers": 4}, workers=2)
    since = changes(kodo)["view"]
    target = f"/changes?since={since}&wait=20"
    connections = [kodotest.FastCGI(kodo.path) for _ in range(4)]
    for connection in connections:
        connection.send(kodotest.cgi_env("GET", target))
    time.sleep(0.3)
    assert kodo.get(target).headers["retry-after"] == "1"
    # clients that go leave their slots
    for connection in connections[:2]:
        connection.close()
    time.sleep(0.3)
    two = [Waiting(kodo, target) for _ in range(2)]
    assert all(one.is_waiting() for one in two) and kodo.get(target).headers["retry-after"] == "1"
    connect(kodo)
    for one in two:
        one.seconds_after(0)
    for connection in connections[2:]:
        connection.receive()
        connection.close()


def test_a_signal_to_end_answers(responder):
    kodo = responder({"flows": FLOWS})
    since = changes(kodo)["view"]
    waiting = [Waiting(kodo, f"/changes?since={since}&wait=20") for _ in range(3)]
    os.kill(kodo.workers[0].pid, signal.SIGTERM)
    began = time.monotonic()
    for one in waiting:
        assert one.seconds_after(began) < 0.5
        assert check_json(one.answer) == {"since": since, "view": since, "more": False, "changes": []}


def test_a_service_that_ends_answers(service):
    kodo = service({"flows": FLOWS})
    since = changes(kodo)["view"]
    waiting = Waiting(kodo, f"/changes?since={since}&wait=20")
    began = time.monotonic()
    kodo.stop()
    assert waiting.seconds_after(began) < 1 and check_json(waiting.answer)["changes"] == []


def test_many_wait_at_a_service(service):
    kodo = service({"flows": FLOWS})
    since = changes(kodo)["view"]
    waiting = [Waiting(kodo, f"/changes?since={since}&wait=20", 0) for _ in range(100)]
    time.sleep(1)
    assert all(one.is_waiting() for one in waiting)
    assert max(kodo.get("/flows").seconds for _ in range(50)) < 0.3
    connect(kodo)
    began = time.monotonic()
    assert max(one.seconds_after(began) for one in waiting) < 3 * WOKEN_S       # the threads here take their time
