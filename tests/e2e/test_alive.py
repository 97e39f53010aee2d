"""Signs of life: who was heard is fresh, who was not is silent, then withdrawn, and back with its next word; others are told."""
import concurrent.futures
import errno
import json
import os
import subprocess
import time
import urllib.parse

import pytest

import kodotest
import meshtest
from kodotest import wait_until
from meshtest import NODE, REGISTRY, SECONDS

STEP = 280                  # seconds: a round of the watch; over 600 at once it was away itself
SILENT = 5                  # steps after which who says nothing is silent
DAY = 86400


class Watcher:
    """A registry under a clock that is set ahead in steps, in each of which its runner has a round."""

    def __init__(self, member, clock, name="R", **options):
        self.env, self.ahead = clock
        self.now = 0
        self.one = member(name, REGISTRY, **options)
        self.one.env.update(self.env)
        self.one.start()

    def wake(self):
        """A runner that has not begun yet needs none, and must find no file of that name: it makes the FIFO."""
        try:
            fd = os.open(os.path.join(self.one.state_path(), "wake"), os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            assert error.errno in (errno.ENOENT, errno.ENXIO), error
            return
        os.write(fd, b"x")
        os.close(fd)

    def pass_on(self, seconds, settle=0.5):
        self.now += seconds
        self.ahead(self.now)
        self.wake()
        time.sleep(settle)

    def rounds(self, n, settle=0.5):
        for _ in range(n):
            self.pass_on(STEP, settle)

    def items(self, more=""):
        return self.one.get(f"/flows?pp=1000&format=json&fields=state,heard{more}").json()["items"]

    def states(self):
        return states_at(self.one)


def states_at(one):
    return {i["url"].split("/flows")[0]: i["state"] for i in one.get("/flows?pp=1000&format=json&fields=state").json()["items"]}


def speak(one):
    """It says something new, as its digest check is not due on its own clock."""
    one.change()
    time.sleep(1.5)


def peers_at(one):
    done = subprocess.run([kodotest.KODO, "peers", "--json", one.loader], env=one.env, cwd=one.cwd, capture_output=True, check=True)
    return {p["url"]: p for p in json.loads(done.stdout)}


def connect_legacy(r, one):
    body = kodotest.greeting(one.url, organization="Old", nodes=[kodotest.node(one.url, [kodotest.flow(1)])])
    assert r.one.post("/connect", body, headers={}).status == 201


@pytest.fixture
def watcher(member, clock):
    return lambda **options: Watcher(member, clock, **options)


def test_a_node_that_dies_is_silent_everywhere_and_fresh_again(watcher, member):
    r = watcher()
    above = member("A", REGISTRY).start()
    r.one.write_loader(connect=[above.url])
    r.one.stop()
    r.one.start()
    node = member("N", NODE, connect=[r.one.url]).start()
    for one in (r.one, above):
        wait_until(lambda: states_at(one) == {node.url: "fresh"}, SECONDS, f"the node is fresh at {one.name}")
    node.kill()
    r.rounds(2)
    assert r.states() == {node.url: "fresh"}                # it has its chance
    sent = len(above.received())
    r.rounds(SILENT - 2)
    wait_until(lambda: r.states() == {node.url: "silent"}, SECONDS)
    wait_until(lambda: states_at(above) == {node.url: "silent"}, SECONDS)
    told = [entry for entry in above.received()[sent:] if entry[0] == "/update"]
    assert len(told) <= 1 + SILENT                          # its digest checks, and one message of the outage
    item = r.items()[0]
    assert item["heard"] < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 60))
    assert r.one.get("/flows?alive=1&format=json").json()["filtered"] == 0
    assert r.one.get('/flows?q=state=="silent"&format=json').json()["filtered"] == 2
    node.start()
    for one in (r.one, above):
        wait_until(lambda: states_at(one) == {node.url: "fresh"}, SECONDS, f"the node is fresh at {one.name}")
    assert above.get("/flows?alive=1&format=json").json()["filtered"] == 2


def test_a_legacy_node_is_asked(watcher, peer):
    """It never calls by itself: its greeting is asked for soon after it connected, and every ten minutes."""
    r = watcher(trust="known")
    old = peer(signs=False)                                 # even where all others do
    connect_legacy(r, old)
    assert r.states() == {old.url: "unknown"}
    assert not [call for call in old.calls("/") if call[0] == "GET"]
    r.pass_on(10)
    wait_until(lambda: r.states() == {old.url: "fresh"}, SECONDS)
    asked = len(old.calls("/"))
    r.pass_on(STEP)
    assert len(old.calls("/")) == asked                     # not more often than every ten minutes
    r.rounds(2)
    assert asked < len(old.calls("/")) <= asked + 2
    assert r.states() == {old.url: "fresh"}
    old.answer = lambda *_: (503, None)                     # a web server that has lost what is behind it
    r.rounds(SILENT + 2)
    assert r.states() == {old.url: "silent"}
    page = r.one.get("/flows?format=html").text()
    assert '<li data-key="' in page and 'class="silent"' in page and "since <time" in page
    assert 'class="state silent">silent' in r.one.get("/map?format=html").text()


def test_who_never_answers_is_never_fresh(watcher, peer):
    """A url that somebody invented is asked a few times, and then no more."""
    r = watcher(expire_days=0, trust="known")
    victim = peer(answer=lambda *_: (404, None), signs=False)
    connect_legacy(r, victim)
    for _ in range(30):
        states = r.states()
        assert states in ({victim.url: "unknown"}, {victim.url: "silent"})
        if states == {victim.url: "silent"}:
            break
        r.pass_on(STEP)
    assert states == {victim.url: "silent"} and peers_at(r.one)[victim.url]["liveness"] == "silent"
    asked = len(victim.calls("/"))
    assert 3 <= asked <= 5
    r.rounds(20, 0.1)
    assert len(victim.calls("/")) == asked


def test_silent_ones_come_last_on_the_page(watcher, member):
    r = watcher()
    first = member("A", NODE, connect=[r.one.url]).start()
    last = member("Z", NODE, connect=[r.one.url]).start()
    wait_until(lambda: set(r.states().values()) == {"fresh"} and len(r.states()) == 2, SECONDS)
    before = r.one.get("/flows?format=html&pp=1")            # a place on the page, given while nobody is silent
    place = before.headers["link"].split(">")[0].lstrip("<")
    first.kill()
    for _ in range(SILENT):
        r.pass_on(STEP)
        speak(last)
    wait_until(lambda: r.states() == {first.url: "silent", last.url: "fresh"}, SECONDS)
    assert r.one.get(place).status == 200
    after = r.one.get("/flows?format=html&pp=1").headers["link"].split(">")[0].lstrip("<")
    assert r.one.get(after).status == 200
    whole = r.one.get("/flows?format=json&pp=100&by=alive&explain=1&q=" + urllib.parse.quote("alive.isnull() or not alive.isnull()")).json()
    assert len(whole["items"]) > 3 and whole["explain"]["index"] == "scan"
    for pp in (1, 2, 3, 100):
        found = [r.one.get(f"/flows?format=json&explain=1&by=alive&pp={pp}&p={p}").json() for p in range(100 // pp + 1)]
        assert sum((page["items"] for page in found), []) == whole["items"] and found[0]["explain"]["index"] == "order"
        assert [page["filtered"] for page in found] == [whole["filtered"]] * len(found)
    for pp in (1, 2, 3, 100):
        paged, target = [], f"/flows?format=json&by=alive&explain=1&pp={pp}&after="
        while target:
            body = r.one.get(target).json()
            assert body["explain"]["index"] == "order" and body["items"] and body["filtered"] == whole["filtered"]
            paged += body["items"]
            assert len(paged) <= len(whole["items"]), pp
            target = body["next"] and f"/flows?format=json&by=alive&explain=1&pp={pp}&after={body['next']}"
        assert paged == whole["items"], pp
    # too long is what a page holds, and not what it may hold
    assert r.one.get("/flows?format=json&by=alive&pp=5000&after=").json()["items"] == whole["items"]
    page = r.one.get("/flows?format=html").text()
    assert page.index("Z 1 round") < page.index("A 0 round")
    by_name = r.one.get("/flows?format=html&by=name").text()
    assert by_name.index("A 0 round") < by_name.index("Z 1 round")
    first.start()
    wait_until(lambda: set(r.states().values()) == {"fresh"}, SECONDS)
    assert r.one.get(after).status == 200                   # nobody is silent any more
    assert r.one.get(after + "&by=name").status == 400


def test_expired_and_back_with_its_next_word(watcher, member):
    r = watcher(expire_days=1)
    node = member("N", NODE, connect=[r.one.url]).start()
    wait_until(lambda: r.states() == {node.url: "fresh"}, SECONDS)
    with node.stopped():
        r.rounds(SILENT, 6)                                 # each time it hangs for 5 s
        wait_until(lambda: r.states() == {node.url: "silent"}, SECONDS)
        r.pass_on(DAY)                                      # it was away for a day, and hears nobody at first
        assert r.states() == {node.url: "lost"}
        r.rounds(3)
        assert r.states() == {node.url: "lost"}
        r.rounds(1)
        wait_until(lambda: r.states() == {}, SECONDS)
        assert "silent too long" in r.one.log()
    node.change()
    wait_until(lambda: r.states() == {node.url: "fresh"}, SECONDS)


def test_expire_never(watcher, member):
    r = watcher(expire_days=0)
    node = member("N", NODE, connect=[r.one.url]).start()
    wait_until(lambda: r.states() == {node.url: "fresh"}, SECONDS)
    node.kill()
    r.rounds(SILENT)
    r.pass_on(400 * DAY)
    r.rounds(SILENT)
    assert r.states() == {node.url: "lost"}


def test_many_at_once_are_our_own_line(watcher, member):
    """Nobody is withdrawn while a third is silent at once, for four times expire_days at most."""
    r = watcher(expire_days=1)
    nodes = [member(f"N{i}", NODE, connect=[r.one.url]).start() for i in range(4)]
    wait_until(lambda: list(r.states().values()) == ["fresh"] * 4, SECONDS)
    for node in nodes[:3]:
        node.kill()
    for _ in range(SILENT):
        r.pass_on(STEP)
        speak(nodes[3])
    r.pass_on(60)
    wait_until(lambda: sorted(r.states().values()) == ["fresh"] + ["silent"] * 3, SECONDS)
    assert "it may be our own line" in r.one.log()
    assert "our own line" in r.one.get("/status?format=html").text()
    r.pass_on(2 * DAY)
    for _ in range(SILENT):
        r.pass_on(STEP)
        speak(nodes[3])
    assert len(r.states()) == 4
    r.pass_on(3 * DAY)
    for _ in range(SILENT):
        r.pass_on(STEP)
        speak(nodes[3])
    wait_until(lambda: set(r.states()) == {nodes[3].url}, SECONDS)


def test_the_whole_net_is_unplugged(watcher, member):
    """Nodes, a target, and a node behind that: all silent, a banner, nobody withdrawn; all fresh again, and no banner."""
    r = watcher(expire_days=1)
    above = member("A", REGISTRY).start()
    r.one.write_loader(connect=[above.url])
    r.one.stop()
    r.one.start()
    nodes = [member(f"N{i}", NODE, connect=[r.one.url]).start() for i in range(3)] + [member("B", NODE, connect=[above.url]).start()]
    net = [above, *nodes]

    def is_so(state, n_rounds):
        want = {node.url: state for node in nodes}
        for _ in range(n_rounds):
            if r.states() == want:
                break
            r.pass_on(STEP, 1)
        wait_until(lambda: r.states() == want, 2 * SECONDS, f"all are {state}")

    def is_suspected():
        return "our own line" in r.one.get("/status?format=html").text()

    is_so("fresh", 1)
    for one in net:
        one.kill()
    is_so("silent", SILENT + 2)
    r.pass_on(60, 1)
    wait_until(is_suspected, SECONDS)
    assert r.one.get("/flows?alive=1&format=json").json()["filtered"] == 0
    r.pass_on(2 * DAY)
    r.rounds(SILENT)
    is_so("lost", 1)
    assert is_suspected()
    for one in net:
        one.start()
    is_so("fresh", 3)
    wait_until(lambda: r.pass_on(61) or not is_suspected(), SECONDS)


def test_a_third_of_thirty_is_unplugged(watcher, member):
    """States, banner, no withdrawal while the own line is suspected, recovery; then withdrawal when its time is over, and back."""
    r = watcher(expire_days=1)
    nodes = [member(f"N{i:02}", NODE, connect=[r.one.url]) for i in range(30)]
    gone, stay = nodes[::3], [node for i, node in enumerate(nodes) if i % 3]

    def start(some):
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda node: node.start(), some))

    def is_so(state, n_rounds):
        """Within so many rounds those that are gone are in that state, None for withdrawn, and the others are fresh."""
        want = {node.url: "fresh" for node in stay} | {node.url: state for node in gone if state}
        for _ in range(n_rounds):
            if r.states() == want:
                break
            r.pass_on(STEP, 1)
        wait_until(lambda: r.states() == want, 2 * SECONDS, f"those that are gone are {state}")

    def is_suspected():
        return "our own line" in r.one.get("/status?format=html").text()

    start(nodes)
    is_so("fresh", 1)
    for node in gone:
        node.kill()
    is_so("silent", SILENT + 2)
    r.pass_on(60, 1)
    wait_until(is_suspected, SECONDS)
    r.pass_on(2 * DAY)                                      # twice expire_days
    is_so("lost", 1)
    r.rounds(SILENT, 1)
    is_so("lost", 1)
    assert is_suspected() and r.one.get("/flows?alive=1&format=json").json()["filtered"] == len(stay) * 2
    start(gone)
    is_so("fresh", 1)
    wait_until(lambda: r.pass_on(61) or not is_suspected(), SECONDS)
    for node in gone:
        node.kill()
    is_so("silent", SILENT + 2)
    r.pass_on(60, 1)
    wait_until(is_suspected, SECONDS)
    r.pass_on(5 * DAY)                                      # over four times expire_days
    is_so(None, SILENT + 2)
    assert not is_suspected()
    start(gone)
    is_so("fresh", 1)


def test_after_its_own_downtime_nobody_is_silent(watcher, member):
    r = watcher()
    node = member("N", NODE, connect=[r.one.url]).start()
    wait_until(lambda: r.states() == {node.url: "fresh"}, SECONDS)
    r.one.stop()
    r.now += 3 * DAY
    r.ahead(r.now)
    node.kill()
    r.one.start()
    time.sleep(2)                                           # it is asked
    assert r.states() == {node.url: "fresh"}
    r.rounds(2)
    assert r.states() == {node.url: "fresh"}
    r.rounds(2)                                             # now it has had its chance
    wait_until(lambda: r.states() == {node.url: "lost"}, SECONDS)


@pytest.mark.parametrize("target, status", [
    ("/flows?fields=state,nothing", 400), ("/flows?fields=,", 400), ("/flows?alive=x", 400),
    ("/flows?fields=", 200), ("/flows?alive=0", 200), ("/flows?by=state,heard:d", 200), ("/flows?q=heard.isnull()", 200)])
def test_parameters(responder, target, status):
    kodo = responder({"flows": [kodotest.flow(1)]})
    answer = kodo.get(target)
    assert answer.status == status
    if status == 200:
        assert "state" not in answer.json()["items"][0] if answer.json()["items"] else True


def test_own_node_is_fresh(responder):
    kodo = responder({"flows": [kodotest.flow(1)]})
    assert kodo.get("/flows?fields=state").json()["items"][0]["state"] == "fresh"
