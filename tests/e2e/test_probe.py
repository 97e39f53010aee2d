"""Option probe: does a flow itself answer? One request a host and minute, as robots.txt and Retry-After want it."""
import http.server
import json
import threading
import time

import pytest

import kodotest
from kodotest import wait_until
from meshtest import NODE, REGISTRY, SECONDS
from test_alive import Watcher

MINUTE = 61
DAY = 86400


class Host:
    """A legacy peer with a web server of its own address, on which its flows lie: answers[path] is called with the handler."""

    def __init__(self, address, answers, robots=None, greets=True):
        self.answers, self.robots = answers, robots
        self.seen = []                                      # (path, headers)
        self.lines = 0                                      # that endless ones have sent
        self.port = kodotest.free_port()
        self.url = f"http://{address}:{self.port}"
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"                   # no connection outlives its server

            def do_GET(self):
                self.host = host
                if self.path == "/":
                    if not greets:
                        return reply(404)(self)
                    return reply(200, json.dumps(kodotest.greeting(host.url, registry=False, organization="Old")))(self)
                host.seen.append((self.path, dict(self.headers)))
                if self.path == "/robots.txt":
                    return (reply(404) if host.robots is None else host.robots if callable(host.robots) else reply(200, host.robots))(self)
                return host.answers[self.path](self)

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                reply(200, "{}")(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):                     # a client that has enough
                pass

        self.server = Server((address, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def node(self):
        return kodotest.node(self.url, [kodotest.flow(i, url=path.removeprefix("/flows"), name=path) for i, path in enumerate(self.answers)])

    def connect(self, to):
        body = kodotest.greeting(self.url, registry=False, feed=False, organization="Old", nodes=[self.node()])
        assert to.post("/connect", body).status == 201

    def asked(self):
        return [path for path, _ in self.seen]


def reply(status, body="", **headers):
    def give(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body.encode())))
        handler.end_headers()
        handler.wfile.write(body.encode())
    return give


def hang(handler):
    time.sleep(30)


def endless(status, line, wait=0):
    """A head, whole or not, and then lines for ever."""
    def give(handler):
        handler.send_response(status)
        if line.startswith(b"x-"):
            handler.flush_headers()
        else:
            handler.end_headers()
        for _ in range(1 << 20):
            handler.wfile.write(line)
            handler.host.lines += 1
            time.sleep(wait)
    return give


@pytest.fixture
def hosts():
    made = []

    def make(*args, **more):
        made.append(Host(*args, **more))
        return made[-1]
    yield make
    for one in made:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture
def prober(member, clock):
    def make(**options):
        r = Watcher(member, clock, probe=True, **options)

        def connect(*hosts):
            for host in hosts:
                host.connect(r.one)
            r.pass_on(10)                                   # they are asked who they are
            wait_until(lambda: r.wake() or set(r.states().values()) == {"fresh"}, SECONDS)
        r.connect = connect
        r.probes = lambda: {i["name"]: i["probe"] for i in r.one.get("/flows?pp=1000&format=json&fields=probe").json()["items"]}
        return r
    return make


KINDS = {
    "/flows/ok": (reply(200, "x" * 100), "answers"),
    "/flows/empty": (reply(204), "answers"),
    "/flows/moved": (reply(302, location="/flows/nowhere"), "answers"),
    "/flows/post": (reply(405), "answers"),
    "/flows/sse": (endless(200, b"data: x\n\n", 0.2), "answers"),
    "/flows/flood": (endless(200, b"y" * 4096), "answers"),
    "/flows/key": (reply(401), "gated"),
    "/flows/closed": (reply(403), "gated"),
    "/flows/nothing": (reply(404), "gone"),
    "/flows/gone": (reply(410), "gone"),
    "/flows/broken": (reply(500), "fails"),
    "/flows/silent": (hang, "fails"),
    "/flows/head": (endless(200, b"x-more: " + b"z" * 1000 + b"\r\n"), "fails"),
    "/flows/drip": (endless(200, b"x-more: z\r\n", 0.5), "fails"),
}


def test_each_kind_of_answer(prober, hosts):
    r = prober()
    all_hosts = [hosts(f"127.0.1.{i + 1}", {path: answer}) for i, (path, (answer, _)) in enumerate(KINDS.items())]
    r.connect(*all_hosts)
    assert set(r.probes().values()) == {None}
    r.pass_on(MINUTE)
    wait_until(lambda: all(h.asked() == ["/robots.txt"] for h in all_hosts), SECONDS)
    time.sleep(1)
    r.pass_on(MINUTE)
    want = {path: verdict for path, (_, verdict) in KINDS.items()}
    wait_until(lambda: r.probes() == want, SECONDS)
    for host in all_hosts:
        path, headers = host.seen[1]
        assert host.asked() == ["/robots.txt", path]        # no redirect was followed, nothing asked twice
        assert headers["User-Agent"] == f"kodo (+{r.one.url})" and headers["Range"] == "bytes=0-0"
        assert host.lines < 16000                           # what lay in buffers: the head was enough, or too long
        assert "Cookie" not in headers and "Authorization" not in headers
    get = r.one.get
    assert get('/flows?q=probe=="gone"&format=json').json()["filtered"] == 2
    assert get("/flows?q=probe.isnull()&format=json").json()["filtered"] == 0
    by = [i["probe"] for i in get("/flows?by=probe,name&fields=probe&pp=1000&format=json").json()["items"]]
    assert by == sorted(want.values())
    target, paged = "/flows?by=probe:d,name&fields=probe&pp=3&format=json&after=", []
    while target:
        body = get(target).json()
        paged += [i["probe"] for i in body["items"]]
        target = body["next"] and f"/flows?by=probe:d,name&fields=probe&pp=3&format=json&after={body['next']}"
    assert paged == sorted(want.values(), reverse=True)
    page = get("/flows?format=html&pp=100").text()
    assert page.count('class="probe answers">answers') == 6 and 'class="probe gone">gone' in page
    assert set(r.states().values()) == {"fresh"}            # it is no sign of life, and never a reason to expire
    # once a day, and what failed once an hour
    r.pass_on(20 * MINUTE)
    for _ in range(3):
        r.pass_on(MINUTE)
    assert all(len(h.asked()) == 2 for h in all_hosts)
    # asked again, one is another
    again = next(h for h in all_hosts if "/flows/broken" in h.answers)
    again.answers["/flows/broken"] = reply(200)
    for _ in range(4):
        r.pass_on(20 * MINUTE)
        r.pass_on(MINUTE)
    wait_until(lambda: r.probes()["/flows/broken"] == "answers", SECONDS)


def test_one_request_a_host_and_minute(prober, hosts):
    """Whatever the port, and however many flows lie there; a minute later the next one has its turn."""
    r = prober()
    first = hosts("127.0.2.1", {f"/flows/{i}": reply(200) for i in range(3)})
    second = hosts("127.0.2.1", {"/flows/other": reply(200)})
    r.connect(first, second)
    for n in range(1, 7):
        r.pass_on(MINUTE)
        wait_until(lambda: len(first.seen) + len(second.seen) == n, SECONDS, f"{n} requests")
        r.wake()
        r.pass_on(20)
        r.pass_on(20)
        assert len(first.seen) + len(second.seen) == n
        if n == 3:                                          # its runner ends, and forgets nothing of that
            r.one.stop()
            r.one.start()
            r.pass_on(1, 2)
            assert len(first.seen) + len(second.seen) == n
    assert first.asked()[0] == second.asked()[0] == "/robots.txt"
    assert sorted(first.asked()[1:]) == [f"/flows/{i}" for i in range(3)] and second.asked()[1:] == ["/flows/other"]
    wait_until(lambda: set(r.probes().values()) == {"answers"}, SECONDS)


ROBOTS = [
    ("User-agent: *\nDisallow: /flows/private\n", ["/flows/open"]),
    ("User-agent: kodo\nDisallow: /\n\nUser-agent: *\nAllow: /\n", []),
    ("User-agent: kodo\nAllow: /flows/private?x=1\nDisallow: /flows/private\n", ["/flows/open", "/flows/private?x=1"]),
    (reply(403), ["/flows/open", "/flows/private?x=1"]),    # there is none for us
    (reply(500), []),                                       # it cannot be had
    (reply(302, location="/other"), []),
    (reply(200, "#" * 70000), []),                          # too long to be kept
    (reply(200, ""), ["/flows/open", "/flows/private?x=1"]),
    (hang, []),
    # a page, as a site has it for any path; no end of the last line, ends as of another system
    (reply(200, "<!doctype html>\n<title>Welcome</title>\n<p>Disallow: /\n"), ["/flows/open", "/flows/private?x=1"]),
    (reply(200, "\ufeffUser-agent: *\r\nDisallow: /flows/private"), ["/flows/open"]),
]


def test_robots(prober, hosts):
    r = prober()
    all_hosts = [hosts(f"127.0.3.{i + 1}", {"/flows/open": reply(200), "/flows/private?x=1": reply(200)}, robots)
                 for i, (robots, _) in enumerate(ROBOTS)]
    r.connect(*all_hosts)
    for _ in range(6):                                      # robots.txt, two flows, and one round that the host which hangs takes
        r.pass_on(MINUTE, 2)
    for host, (robots, want) in zip(all_hosts, ROBOTS):
        assert host.asked()[0] == "/robots.txt" and sorted(host.asked()[1:]) == want, robots
        assert host.asked().count("/robots.txt") == 1
    # an hour later, where it could not be had; the others are good for a day
    r.pass_on(30 * MINUTE)
    all_hosts[4].robots = reply(200, "")
    for _ in range(5):
        r.pass_on(10 * MINUTE, 1)
    wait_until(lambda: sorted(all_hosts[4].asked())[:1] == ["/flows/open"], SECONDS)
    assert [h.asked().count("/robots.txt") for h in all_hosts[:4]] == [1] * 4


def test_retry_after(prober, hosts):
    r = prober()
    busy = hosts("127.0.4.1", {"/flows/a": reply(429, retry_after="600"), "/flows/b": reply(200)})
    down = hosts("127.0.4.2", {"/flows/c": reply(503, retry_after="600"), "/flows/d": reply(200)})
    often = hosts("127.0.4.3", {"/flows/e": reply(429)})
    r.connect(busy, down, often)
    for _ in range(7):
        r.pass_on(MINUTE)
    assert busy.asked() == ["/robots.txt", "/flows/a"] and down.asked() == ["/robots.txt", "/flows/c"]
    assert often.asked() == ["/robots.txt", "/flows/e"]
    probes = r.probes()
    assert probes["/flows/c"] == "fails" and {probes[p] for p in ("/flows/a", "/flows/b", "/flows/d", "/flows/e")} == {None}
    for _ in range(5):
        r.pass_on(MINUTE)
    assert len(busy.asked()) == 3 and down.asked()[2:] == ["/flows/d"] and len(often.asked()) == 2


def test_who_is_not_asked(prober, hosts, member):
    """Strangers, second-hand nodes, silent ones; and nobody without the option."""
    r = prober()
    invented = hosts("127.0.5.1", {"/flows/a": reply(200)}, greets=False)      # it knows nothing of it
    invented.connect(r.one)
    relayed = hosts("127.0.5.3", {"/flows/b": reply(200)})
    feeder = hosts("127.0.5.4", {"/flows/c": reply(200)})
    body = kodotest.greeting(feeder.url, registry=True, feed=True, organization="Old", nodes=[feeder.node(), relayed.node()])
    assert r.one.post("/connect", body).status == 201
    r.pass_on(10)
    for _ in range(3):
        r.pass_on(MINUTE)
    assert invented.seen == [] and relayed.seen == []
    wait_until(lambda: r.probes()["/flows/c"] == "answers", SECONDS)
    # when it falls silent, what was known of its flows is known no more
    feeder.server.shutdown()
    feeder.server.server_close()
    for _ in range(6):
        r.pass_on(280)
    wait_until(lambda: r.states()[feeder.url] == "silent", SECONDS)
    assert r.probes()["/flows/c"] is None


def test_off(member, clock, hosts):
    r = Watcher(member, clock)
    host = hosts("127.0.6.1", {"/flows/a": reply(200)})
    host.connect(r.one)
    r.pass_on(10)
    for _ in range(3):
        r.pass_on(MINUTE)
    assert host.seen == []
    assert r.one.get("/flows?fields=probe&format=json").json()["items"][0]["probe"] is None


def test_real_nodes(member, clock):
    """A node of kodo answers for its own flows; nothing of the probes travels."""
    r = Watcher(member, clock, probe=True)
    above = member("A", REGISTRY).start()
    r.one.write_loader(connect=[above.url], probe=True)
    r.one.stop()
    r.one.start()
    node = member("N", NODE, connect=[r.one.url]).start()
    wait_until(lambda: "fresh" in above.get("/flows?format=json&fields=state").text(), SECONDS)
    sent = r.one.log().count("/update with nodes")
    for _ in range(3):
        r.pass_on(MINUTE)
    wait_until(lambda: "answers" in r.one.get("/flows?format=json&fields=probe").text(), SECONDS)
    assert r.one.log().count("/update with nodes") == sent
    assert "answers" not in above.get("/flows?format=json&fields=probe").text()
    assert node.url in r.states()
