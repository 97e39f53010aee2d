"""From a found flow to a called agent: entry and audience on their way, the address of an own flow, the pages of a flow and an organization."""
import html
import html.parser
import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request

import pytest

import kodotest
from kodotest import Peer, flow, greeting, node, wait_until
from responder import OWN

HTML = {"accept": "text/html"}
JSON = {"accept": "application/json"}
EVIL = ("javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "data:text/html,<script>", "http://u:p@h/", "http://h/\r\nX-Evil: 1", "//h/a", "a.b:c",
        "http://h/" + "x" * 2048, 7, None, {"a": 1}, ["http://h"])
# what has a meaning to a shell, to Python, to JavaScript or to HTML
ODD = "http://127.0.0.1:1/a'b$(c)`d`\"e\"<i>&amp;{f}%27!;ü"


def item(one, url, **more):
    return one.get("/flow?url=" + urllib.parse.quote(url, safe=""), **more)


@pytest.fixture
def agent():
    peer = Peer(answer=lambda method, path, body: (200, {"called": method, "path": path, "got": body}))
    yield peer
    peer.close()


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.pre, self.links, self.scripts, self.inside = [], [], 0, False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.scripts += tag == "script" and "src" not in attrs
        assert not any(name.startswith("on") for name in attrs)
        self.links += [attrs["href"]] if "href" in attrs else []
        if tag == "pre":
            self.pre.append("")
            self.inside = True

    def handle_endtag(self, tag):
        if tag == "pre":
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.pre[-1] += data


def test_entry_travels(service, agent):
    """Node, registry, registry; each change of it alone, and its end."""
    top = service({"organization": "Top"})
    middle = service({"organization": "Middle", "connect": [top.url]})
    below = service({"organization": "Below", "registry": False, "feed": False, "connect": [middle.url], "auth_audience": "below-api",
                     "flows": [flow(1, entry=agent.url + "/run"), flow(2)]})
    url = below.url + "/flows/flow-1"
    wait_until(lambda: item(top, url).status == 200, 10, "the flow is at the top")
    for one in (middle, top):
        said = item(one, url).json()
        assert said["entry"] == agent.url + "/run" and said["node"] == {"url": below.url, "audience": "below-api", "organization": "Below"}
        assert said["from"]["url"] == (below.url if one is middle else middle.url)
        nodes = {n["url"]: n for n in one.get("/connect").json()["nodes"]}
        assert list(nodes[below.url]) == ["url", "audience", "organization", "flows", "created", "modified", "heartbeat", "status"]
        assert list(nodes[below.url]["flows"][0]) == ["url", "name", "description", "author", "tags", "entry"]
        assert "entry" not in nodes[below.url]["flows"][1]
        assert item(one, below.url + "/flows/flow-2").json()["entry"] is None
        assert all("entry" not in row for row in one.get("/flows").json()["items"])
    assert [entry["url"] for entry in item(middle, url).json()["registries"]] == [middle.url, top.url]
    for entry in ("http://localhost:1/moved", None):
        below.stop()
        below.options["flows"][0].pop("entry")
        below.options["flows"][0].update({"entry": entry} if entry else {})
        below.start()
        wait_until(lambda: item(top, url).json()["entry"] == entry, 10, f"the entry is {entry}")
    # nothing is left to say: digests agree
    wait_until(lambda: all(one.is_idle() for one in (top, middle, below)), 20, "all are idle")


def test_the_version_of_the_protocol_is_said(responder):
    one = responder({"organization": "R"})
    said = one.post("/connect", {**greeting("http://127.0.0.1:9"), "nodes": [], "kodo": {"life": 7, "sent": 1, "protocol": 99, "later": {}}})
    assert said.status == 201 and said.json()["kodo"]["protocol"] == 1 and said.json()["kodo"]["heard"] == 1


def test_restart_keeps_entries(responder):
    one = responder({"organization": "R"})
    peer = "http://127.0.0.1:9"
    assert one.post("/connect", greeting(peer, nodes=[node(peer, [flow(1, entry="http://h/x")], audience="a")])).status == 201
    again = one.get("/changes").json()["changes"][0]["node"]
    assert again["audience"] == "a" and again["flows"][0]["entry"] == "http://h/x"


def test_hostile_entries(responder):
    one = responder({"organization": "R"})
    for i, entry in enumerate(EVIL):
        peer = f"http://127.0.0.1:{100 + i}"
        assert one.post("/connect", greeting(peer, nodes=[node(peer, [flow(1, entry=entry)], audience=entry)])).status == 201, entry
        answer = item(one, peer + "/flows/flow-1")
        assert answer.json()["entry"] is None, entry
        page = item(one, peer + "/flows/flow-1", headers=HTML)
        assert page.status == 200 and not [link for link in Page(page.text()).links if link.lower().strip().startswith(("javascript", "data"))]
    assert '"entry"' not in one.get("/connect").text()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_sent_on(hosted, agent, method):
    one = hosted({"organization": "Own", "registry": False, "feed": False,
                  "flows": [flow(1, entry=agent.url + "/run"), flow(2), flow(3, entry=agent.url + "/run?a=b")]})
    body = json.dumps({"q": 1})
    for target, location in (("/flows/flow-1", "/run"), ("/flows/flow-1?c=d&e=%20", "/run?c=d&e=%20"), ("/flows/flow-3", "/run?a=b"), ("/flows/flow-3?c", "/run?a=b&c")):
        answer = one.request(method, target, body=body, headers={"content-type": "application/json"})
        assert (answer.status, answer.body) == (307, b"") and answer.headers["location"] == agent.url + location, target
    # a page of another site may call the agent, but change nothing here
    assert one.request(method, "/flows/flow-1", headers={"sec-fetch-site": "cross-site"}, body=body).status == 307
    for target in ("/flows/flow-2", "/flows/nosuch", "/flows/flow-1/below"):
        answer = one.request(method, target, body=body)
        assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD, OPTIONS" and "location" not in answer.headers, target
    # a line end in what is handed on makes no header
    assert "%0D%0A" in one.request(method, "/flows/flow-1?x=%0D%0AX-Evil:1").headers["location"]


@pytest.mark.parametrize("target", ["/flows/self", "/flows/there", "/flows/here", "/flows/none"])
def test_an_entry_that_leads_back_is_none(hosted, target):
    """Where a web server has the agent behind the path, its entry may be the flow's own address."""
    at = lambda path: {"url": f"/{path}", "name": path, "tags": []}
    one = hosted({"flows": [{**at("self"), "entry": OWN + "/flows/self"}, {**at("there"), "entry": OWN + "/flows/here"},
                            {**at("here"), "entry": OWN + "/flows/there"}, {**at("none"), "entry": OWN + "/flows/last"}, at("last")]})
    answer = one.post(target, "{}")
    assert answer.status == 405 and "location" not in answer.headers


def test_an_entry_may_be_another_flow(hosted, agent):
    one = hosted({"flows": [flow(1, entry=OWN + "/flows/flow-2"), flow(2, entry=agent.url + "/run")]})
    assert one.post("/flows/flow-1?a=b", "{}").headers["location"] == agent.url + "/run?a=b"
    assert one.get("/flows/flow-1", headers=JSON).json()["entry"] == OWN + "/flows/flow-2"


def test_own_address_answers_all_forms(hosted, agent):
    one = hosted({"organization": "Own", "flows": [flow(1, entry=agent.url + "/run"), flow(2)]})
    page = one.get("/flows/flow-1", headers=HTML)
    assert page.headers["content-type"].startswith("text/html") and agent.url + "/run" in Page(page.text()).links
    for answer in (one.get("/flows/flow-1", headers=JSON), one.get("/flows/flow-1?format=json", headers=HTML)):
        said = answer.json()
        assert list(said)[:10] == ["organization", "created", "modified", "heartbeat", "url", "name", "author", "description", "tags", "entry"]
        assert said["entry"] == agent.url + "/run" and said["registries"][0]["since"] is None and said["tags"] == ["all", "n1"]
    assert one.get("/flows/flow-1?format=html", headers=JSON).headers["content-type"].startswith("text/html")
    assert one.get("/flows/flow-1").headers["content-type"].startswith("text/html")            # as ever
    assert one.get("/flows/flow-2", headers=JSON).json()["entry"] is None
    head = one.request("HEAD", "/flows/flow-1", headers=JSON)
    assert (head.status, head.body) == (200, b"") and head.headers["content-type"] == "application/json"
    assert one.request("OPTIONS", "/flows/flow-1").status == 204
    assert one.get("/flows/nosuch", headers=HTML).status == one.get("/flows/nosuch", headers=JSON).status == 404


def test_body_reaches_the_agent(service, agent):
    one = service({"organization": "Own", "registry": False, "feed": False, "flows": [flow(1, entry=agent.url + "/run")]})
    done = subprocess.run(["curl", "-sL", "-H", "Content-Type: application/json", "-d", '{"q": [1, "ü"]}', one.url + "/flows/flow-1?x=1"],
                          capture_output=True, timeout=30, check=True)
    assert json.loads(done.stdout) == {"called": "POST", "path": "/run?x=1", "got": {"q": [1, "ü"]}}


def test_what_is_copied_runs(responder, agent):
    """Each of the calls that a page shows, as it stands."""
    one = responder({"organization": "R"})
    peer = "http://127.0.0.1:9"
    entry = agent.url + "/it's$(x)`y`?a=\"b\"&c=<d>"
    assert one.post("/connect", greeting(peer, nodes=[node(peer, [flow(1, entry=entry), flow(2, entry=ODD)])])).status == 201
    curl, python, script = Page(item(one, peer + "/flows/flow-1", headers=HTML).text()).pre
    path = "/it's$(x)%60y%60?a=%22b%22&c=%3Cd%3E"
    done = subprocess.run(["sh", "-c", curl.replace("curl ", "curl -s ")], capture_output=True, timeout=30, check=True, text=True)
    assert json.loads(done.stdout) == {"called": "POST", "path": path, "got": {}}
    done = subprocess.run([sys.executable, "-c", python], capture_output=True, timeout=30, check=True, text=True)
    assert json.loads(done.stdout) == {"called": "POST", "path": path, "got": {}}
    assert json.loads(re.search(r'fetch\((".*?")', script)[1]) == agent.url + path
    curl, python, script = Page(item(one, peer + "/flows/flow-2", headers=HTML).text()).pre
    assert "$(c)" in curl and subprocess.run(["sh", "-nc", curl], timeout=10, check=False).returncode == 0
    compile(python, "page", "exec")


def test_address_is_the_flows_own_without_entry(responder):
    one = responder({"organization": "R"})
    peer = "http://127.0.0.1:9"
    assert one.post("/connect", greeting(peer, nodes=[node(peer, [flow(1)], audience="b'c")])).status == 201
    curl, python, script = Page(item(one, peer + "/flows/flow-1", headers=HTML).text()).pre
    assert all(peer + "/flows/flow-1" in text and "Bearer TOKEN" in text for text in (curl, python, script))


def test_page_of_an_item(responder):
    one = responder({"organization": "Here", "flows": [flow(7)]})
    for port in (9, 10):
        peer = f"http://127.0.0.1:{port}"
        flows = [flow(i, name=f"<b>{i}</b>", description="two\nlines") for i in range(4)]
        assert one.post("/connect", greeting(peer, feed=port == 10, registry=port == 10, nodes=[
            {"url": "http://127.0.0.1:9", "organization": "A & B", "flows": flows}])).status == 201
    answer = item(one, "http://127.0.0.1:9/flows/flow-1", headers=HTML)
    text = answer.text()
    page = Page(text)
    assert answer.status == 200 and page.scripts == 0 and "<b>1" not in text and "&lt;b&gt;1&lt;/b&gt;" in text
    assert "/organization?name=A%20%26%20B" in page.links, page.links
    assert "/flow?url=http%3A//127.0.0.1%3A9/flows/flow-0" in page.links, page.links
    assert page.links.count("/flow?url=http%3A//127.0.0.1%3A9/flows/flow-1") == 1, "it is not more of itself"
    assert "Its node is connected here" in text and "1 other peer states" in text and "All 4 flows of <bdi>A &amp; B</bdi></a>" in text
    assert text.count('class="out"') == text.count("(another site)") >= 3
    assert item(one, "http://127.0.0.1:9/flows/flow-1").json()["from"]["url"] == "http://127.0.0.1:9"
    own = item(one, one.get("/flows?q=Flow+7").json()["items"][0]["url"], headers=HTML).text()
    assert "This service offers it itself" in own and "another site" not in own
    both = one.request("GET", "/flows", HTML).text()
    assert both.count('class="out"') == both.count("(another site)") == 4, "our own flow is not at another site"
    ours, theirs = (one.request("GET", f"/organization?name={name}", HTML).text() for name in ("Here", "A%20%26%20B"))
    assert "another site" not in ours and "another site" in theirs
    for url in ("http://127.0.0.1:9/flows/nosuch", "http://127.0.0.1:9/flows/", "http://127.0.0.1:9", "/flows/", "x", "javascript:/flows/x", "http://127.0.0.1:8/flows/flow-1"):
        assert item(one, url).status == 404 and item(one, url, headers=HTML).status == 404, url
        assert "<main" in item(one, url, headers=HTML).text()
    assert one.get("/flow").status == one.get("/flow?url=").status == one.get("/flow?url=%ff").status == 400
    assert one.request("POST", "/flow?url=x").status == 405


def test_odd_urls_have_pages(responder):
    """Whatever is an item of /flows has a page under its url."""
    one = responder({"organization": "Here"})
    for url in ("http://127.0.0.1:11/flows/app", "http://127.0.0.1:16/flows/flows", "http://127.0.0.1:17/?a=b", "http://127.0.0.1:18/ü"):
        flows = [{"url": path, "name": path or "none"} for path in ("/a b", "/ä", "/x?y=1&z", "/f#p", "/\"q\"", "a\\b", "//d", "/flows/c", "/flows/", "/😀")]
        assert one.post("/connect", greeting(url, nodes=[node(url, flows)])).status == 201
    items = one.get("/flows?pp=100").json()["items"]
    assert len(items) == 40
    for row in items:
        said = item(one, row["url"])
        assert said.status == 200 and {key: said.json()[key] for key in row} == row, row["url"]


def test_moderation_keeps_from_view(responder):
    one = responder({"organization": "Here"})
    for port in (9, 10):
        peer = f"http://127.0.0.1:{port}"
        assert one.post("/connect", greeting(peer, nodes=[node(peer, [flow(1)], organization="Spam" if port == 9 else "Good")])).status == 201
    run = subprocess.run([kodotest.KODO, "deny", "url:http://127.0.0.1:9", "--state", one.state_path()], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run
    assert item(one, "http://127.0.0.1:9/flows/flow-1").status == 404 and one.get("/organization?name=Spam").status == 404
    assert item(one, "http://127.0.0.1:10/flows/flow-1").status == 200 and one.get("/organization?name=Good").status == 200


def test_page_of_an_organization(responder):
    one = responder({"organization": "A & <B>", "flows": [flow(i) for i in range(25)]})
    peer = "http://127.0.0.1:9"
    assert one.post("/connect", greeting(peer, nodes=[node(peer, [flow(99, author="<i>x</i>")], organization="A & <B>")])).status == 201
    name = urllib.parse.quote("A & <B>", safe="")
    said = one.get("/organization?name=" + name).json()
    assert (said["organization"], said["flows"], said["nodes"], len(said["authors"]), said["first_nodes"][1]["url"]) == ("A & <B>", 26, 2, 26, peer)
    answer = one.get("/organization?name=" + name, headers=HTML)
    text, page = answer.text(), Page(answer.text())
    assert answer.status == 200 and page.scripts == 0 and "26 flows of 2 nodes" in text and "<i>x" not in text
    assert "page 1 of 3" in text and f"/flows?organization={name}&format=atom" in page.links
    assert len([link for link in page.links if link.startswith("/flow?url=")]) == 10
    following = [link for link in page.links if "p=1" in link and link.startswith("/organization")]
    assert following and "page 2 of 3" in one.get(following[0], headers=HTML).text()
    assert "No flow on this page" in one.get(f"/organization?name={name}&p=9", headers=HTML).text()
    for target, status in (("/organization", 400), ("/organization?name=", 400), ("/organization?name=Nobody", 404), (f"/organization?name={name}&pp=0", 400),
                           (f"/organization?name={name}&pp=101", 400), (f"/organization?name={name}&p=-1", 400), ("/organization?name=a%20%26%20%3Cb%3E", 404)):
        assert one.get(target).status == status, target


def test_reading_needs_the_role_of_flows(responder):
    one = responder({"organization": "R", "flows": [flow(1, entry="http://h/x")], "auth_remote_user": True, "auth_audience": "aud"})
    for target in ("/flow?url=x", "/organization?name=R"):
        assert one.get(target).status == one.get(target, headers=HTML).status == 401, target
    answer = one.post("/flows/flow-1", {})
    assert answer.status in (401, 403) and "location" not in answer.headers


def test_entry_in_lists(responder):
    """Asked for in items, as a test, as an order."""
    one = responder({"organization": "R", "flows": [flow(i, **({"entry": f"http://h/{9 - i}\""} if i % 2 else {})) for i in range(6)]})
    items = one.get("/flows?fields=entry,state&by=entry&pp=2&after=").json()
    assert [(row["name"], row["entry"]) for row in items["items"]] == [("Flow 5", 'http://h/4"'), ("Flow 3", 'http://h/6"')]
    assert list(items["items"][0])[-2:] == ["state", "entry"]
    following = one.get(f"/flows?fields=entry&by=entry&pp=9&after={urllib.parse.quote(items['next'])}").json()["items"]
    assert [row["entry"] for row in following] == ['http://h/8"', None, None, None]
    for q, n in (("entry.isnull()", 3), ("entry.notnull()", 3), ('entry ~ "H/4"', 1), ('entry == "http://h/8\\""', 1), ('entry.str.startswith("https")', 0), ('entry == ""', 3)):
        assert one.get("/flows?q=" + urllib.parse.quote(q)).json()["filtered"] == n, q
    assert one.get("/flows?fields=entries").status == 400
    assert "entry" not in one.get("/flows?q=entry.notnull()").json()["items"][0]


def test_long_texts_keep_a_page_small(responder):
    one = responder({"organization": "R"})
    peer = "http://127.0.0.1:9"
    flows = [flow(i, description=text * (65536 // len(text.encode()))) for i, text in enumerate(("\"", "日", "x", "two words "))]
    assert one.post("/connect", greeting(peer, nodes=[node(peer, flows)])).status == 201
    for i in range(4):
        answer = item(one, f"{peer}/flows/flow-{i}", headers=HTML)
        assert len(answer.body) < 60000 and "It goes on" in answer.text(), i
        assert item(one, f"{peer}/flows/flow-{i}").json()["description"] == flows[i]["description"]
    assert len(one.get("/organization?name=Org%20of%20http%3A%2F%2F127.0.0.1%3A9", headers=HTML).body) < 60000
