"""Pages of /flows: what explain says, and that each page is of one moment while others connect and leave."""
import json
import random
import threading
import urllib.parse

from kodotest import connect_body, flow, node

OWN = "http://localhost:4321"
FLOWS = [{"url": f"/flow-{i}", "name": f"Flow {i}", "tags": ["all"]} for i in range(5)]


def explained(kodo, target):
    answer = kodo.get(target)
    assert answer.status == 200 and "etag" not in answer.headers
    body = answer.json()
    assert list(body)[-1] == "explain" and list(body["explain"]) == ["query", "index", "needle", "rows", "steps", "us"]
    assert 0 <= body["explain"].pop("us") < 10**7
    assert (body["explain"].pop("steps") > 0) == ("=~" in urllib.parse.unquote(target))
    return body["explain"]


def test_explain(hosted):
    kodo = hosted({"flows": FLOWS})
    say = lambda query, index, needle, rows: {"query": query, "index": index, "needle": needle, "rows": rows}
    assert explained(kodo, "/flows?explain=1&pp=2") == say(None, "order", None, 2)
    assert explained(kodo, "/flows?explain=1&pp=3&p=1") == say(None, "order", None, 2)
    assert explained(kodo, "/flows?explain=1&by=name:d&pp=2") == say(None, "scan", None, 5)
    assert explained(kodo, "/flows?q=FLOW+3&explain=1") == say('"FLOW 3"', "needle", "flow", 1)     # any run of blanks may part the words
    assert explained(kodo, "/flows?q=name+%3E+%22Flow+2%22+%26+not+author.isnull()&explain=1") == say(
        'name > "Flow 2" and author.notnull()', "scan", None, 5)
    assert explained(kodo, "/flows?q=name+=~+%22[0-3]$%22&explain=1")["rows"] == 5
    # decided by the node alone, so no flow is read
    assert explained(kodo, "/flows?q=organization%3D%3D%22x%22&explain=1")["rows"] == 0
    for target in ("/flows?explain=0", "/flows"):
        answer = kodo.get(target)
        assert "explain" not in answer.json() and "etag" in answer.headers
    answer = kodo.get("/flows?explain=1&format=html")
    assert answer.status == 200 and "etag" in answer.headers
    # what was remembered without it does not answer for it
    tag = kodo.get("/flows").headers["etag"]
    assert kodo.get("/flows?explain=1", headers={"if-none-match": tag}).status == 200
    assert kodo.get("/flows?explain=x").status == 400


# --- pages while the registry changes ---

CLIENTS, PP, CHANGES = 4, 7, 600


def view_of(answer):
    return answer.headers["etag"].split("-")[2]


def key(item):
    return item["name"], item["url"]


class Writer:
    """The only one who changes the registry, so it knows what each view holds."""

    def __init__(self, kodo):
        self.kodo, self.nodes, self.views = kodo, {}, {}
        self.rng = random.Random(5)
        self.note()

    def note(self):
        answer = self.kodo.get("/flows?pp=1")
        items = [(f["name"], f"{url}/flows{f['url']}") for url, flows in self.nodes.items() for f in flows]
        self.views[view_of(answer)] = sorted(items)
        assert answer.json()["total"] == len(items)

    def change(self):
        url = f"http://node-{self.rng.randrange(30)}.example.com:1"
        if url in self.nodes and self.rng.random() < 0.4:
            del self.nodes[url]
            status = self.kodo.post("/disconnect", {"provider": url, "url": [url]}).status
            assert status == 200
        else:
            flows = [{**flow(i), "url": f"/f{i}", "name": f"Name {self.rng.randrange(40)} {i}"} for i in range(self.rng.randrange(1, 12))]
            self.nodes[url] = flows
            status = self.kodo.post("/connect", connect_body(url, nodes=[node(url, flows)])).status
            assert status == 201
        self.note()


def read_pages(kodo, seen, done, asked, errors):
    """Page by page to the end, again and again; each answer goes to seen."""
    try:
        while not done.is_set():
            p, last = 0, 0
            while p <= last:
                answer = kodo.get(f"/flows?pp={PP}&p={p}{asked}")
                body = answer.json()
                last = max(0, (body["filtered"] - 1) // PP)
                seen.append((view_of(answer), body))
                p += 1
    except Exception as error:                              # noqa: BLE001  a thread's failure is the test's
        errors.append(error)


def test_each_page_is_of_one_view(responder):
    kodo = responder({}, workers=3)
    writer = Writer(kodo)
    for _ in range(30):
        writer.change()
    asked = ["", "", "&by=name:d,url:d", "&q=" + urllib.parse.quote("name ~ '3'")]
    select = [list, list, lambda items: sorted(items, reverse=True), lambda items: [i for i in items if "3" in i[0]]]
    done, seen, errors = threading.Event(), [[] for _ in range(CLIENTS)], []
    clients = [threading.Thread(daemon=True, target=read_pages, args=(kodo, seen[i], done, asked[i], errors)) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for _ in range(CHANGES):
            writer.change()
    finally:
        done.set()
        for client in clients:
            client.join()
    assert not errors, errors
    for i in range(CLIENTS):
        assert len(seen[i]) > CHANGES / 4 and len({view for view, _ in seen[i]}) > 10
        for view, body in seen[i]:
            want = select[i](writer.views[view])
            assert (body["total"], body["filtered"]) == (len(writer.views[view]), len(want)), view
            assert [key(item) for item in body["items"]] == want[body["p"] * PP:(body["p"] + 1) * PP], json.dumps(body)[:500]
