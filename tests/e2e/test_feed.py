"""GET /flows?format=atom: a feed, held against the schema of RFC 4287 and what its text says beyond, and read as readers do."""
import datetime
import os
import re
import subprocess
import time
import urllib.parse
import xml.etree.ElementTree

import feedparser
import pytest

from kodotest import SRCDIR, connect_body, flow, node
from responder import FLOWS, OWN, PEER, check_error, check_json

ATOM = "{http://www.w3.org/2005/Atom}"
SCHEMA = os.path.join(SRCDIR, "tests", "data", "atom.rng")
HOSTILE = "a <b> & \"c\" 'd' ]]> \u0001\u0008\u000b\u001f\ufffe\uffff \u0085\u202e é 🚀 \r\n\tz <!-- <![CDATA["
SEEN = re.sub("[\u0001-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]", "\ufffd", HOSTILE)


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def links(element):
    return {link.get("rel"): link.get("href") for link in element.findall(f"{ATOM}link")}


def text(element, name):
    return element.findtext(f"{ATOM}{name}")


def check_feed(answer, target=""):
    """The feed as an element, valid. What takes a key is never compressed."""
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["vary"] == ("Accept" if "key=" in target else "Accept, Accept-Encoding")
    done = subprocess.run(["xmllint", "--noout", "--nonet", "--relaxng", SCHEMA, "-"], input=answer.body, capture_output=True, timeout=60)
    assert done.returncode == 0, (done.stderr, answer.body[:2000])
    feed = xml.etree.ElementTree.fromstring(answer.body)
    entries = feed.findall(f"{ATOM}entry")
    ids = [text(entry, "id") for entry in entries]
    assert len(set(ids)) == len(ids)
    rels = [link.get("rel") for link in feed.findall(f"{ATOM}link")]
    assert sorted(rels) == sorted(set(rels)) and {"self", "alternate"} <= set(rels)
    assert feed.find(f"{ATOM}author") is not None
    times = [moment(text(entry, "updated")) for entry in entries]
    assert times == sorted(times, reverse=True)
    assert moment(text(feed, "updated")) == (times[0] if times else moment("1970-01-01T00:00:00Z"))
    for entry in entries:
        assert links(entry) == {"alternate": text(entry, "id")} and text(entry, "summary")
    read = feedparser.parse(answer.body, response_headers={"content-type": answer.headers["content-type"]})
    assert not read.bozo and read.version == "atom10" and [entry.id for entry in read.entries] == ids
    return feed


def path(url):
    assert url.startswith(OWN)
    return url[len(OWN):]


def connect(kodo, url, nodes):
    assert kodo.post("/connect", connect_body(url, nodes=nodes)).status == 201
    time.sleep(0.002)


def entries_of(kodo, target):
    """All entries, by way of `next`; each page links to itself, and is of the same feed."""
    entries, ids = [], set()
    while target:
        feed = check_feed(kodo.get(target), target)
        entries += feed.findall(f"{ATOM}entry")
        ids.add(text(feed, "id"))
        own = path(links(feed)["self"])
        assert check_feed(kodo.get(own), own).findtext(f"{ATOM}updated") == text(feed, "updated")
        target = "next" in links(feed) and path(links(feed)["next"])
    assert len(ids) == 1
    return entries


def test_entries(hosted):
    kodo = hosted({"flows": FLOWS, "organization": "Here"})
    feed = check_feed(kodo.get("/flows?format=atom"))
    assert text(feed, "title") == "Flows · Here" and text(feed, "id") == f"{OWN}/flows?format=atom"
    assert links(feed) == {"self": f"{OWN}/flows?format=atom", "alternate": f"{OWN}/flows"}
    items = {item["url"]: item for item in check_json(kodo.get("/flows?pp=100"))["items"]}
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == len(items) == 5
    for entry in entries:
        item = items[text(entry, "id")]
        assert (text(entry, "title"), text(entry, "summary")) == (item["name"], item["description"])
        assert entry.findtext(f"{ATOM}author/{ATOM}name") == item["author"]
        assert [c.get("term") for c in entry.findall(f"{ATOM}category")] == item["tags"]
        assert moment(text(entry, "updated")) >= moment(item["created"]) == moment(text(entry, "published"))


def test_empty(hosted):
    kodo = hosted({"flows": []})
    for target in ("/flows?format=atom", "/flows?format=atom&q=nosuch", "/flows?format=atom&p=9"):
        assert check_feed(kodo.get(target)).findall(f"{ATOM}entry") == []


def titles(kodo, more=""):
    return [text(e, "title") for e in check_feed(kodo.get(f"/flows?format=atom{more}"), more).findall(f"{ATOM}entry")]


def test_newest_first(responder):
    kodo = responder({"flows": []})
    for n in (3, 1, 2):
        connect(kodo, f"{PEER}{n}", [node(f"{PEER}{n}", [flow(n)])])
    first = kodo.get("/flows?format=atom")
    assert titles(kodo) == ["Flow 2", "Flow 1", "Flow 3"]
    # one who says the same again has nothing new, and what is new in an update is
    connect(kodo, f"{PEER}1", [node(f"{PEER}1", [flow(1)])])
    assert titles(kodo) == ["Flow 2", "Flow 1", "Flow 3"]
    assert kodo.post("/update", connect_body(f"{PEER}3", nodes=[node(f"{PEER}3", [flow(3, description="another")])])).status == 200
    assert titles(kodo) == titles(kodo, "&by=changed:d") == ["Flow 3", "Flow 2", "Flow 1"]
    assert titles(kodo, "&by=modified:d") == ["Flow 1", "Flow 2", "Flow 3"]
    assert titles(kodo, "&by=created:d,name") == ["Flow 2", "Flow 1", "Flow 3"]
    # what was changed is a question as well
    since = text(xml.etree.ElementTree.fromstring(first.body), "updated")
    q = urllib.parse.quote(f'changed > "{since}"')
    assert titles(kodo, f"&q={q}") == [item["name"] for item in check_json(kodo.get(f"/flows?q={q}"))["items"]] == ["Flow 3"]
    by = check_json(kodo.get("/flows?by=changed"))
    assert [item["name"] for item in by["items"]] == ["Flow 1", "Flow 2", "Flow 3"] and "changed" not in by["items"][0]


def test_tag_is_another_where_the_feed_is(responder):
    kodo = responder({"flows": FLOWS})
    seen = {}
    for said in ([flow(1)], [flow(1)], [flow(1), flow(2)], [flow(2)], [flow(1)], []):
        for post in ("/connect", "/update"):
            assert kodo.post(post, connect_body(PEER, nodes=[node(PEER, said)])).status in (200, 201)
            for by in ("changed", "created", "modified"):
                answer = kodo.get(f"/flows?format=atom&by={by}:d")
                assert seen.setdefault(answer.headers["etag"], answer.body) == answer.body


@pytest.mark.parametrize("more", ["", "&q=flow", "&by=created:d", "&tag=all&organization=", "&q=100%&x=<é>&key=secret"])
def test_pages(responder, more):
    kodo = responder({"flows": FLOWS})
    for n in range(8):
        connect(kodo, f"{PEER}{n}", [node(f"{PEER}{n}/{k}", [flow(i, description="100% flow") for i in range(4)]) for k in range(2)])
    whole = [text(e, "id") for e in entries_of(kodo, f"/flows?format=atom&pp=1000{more}")]
    assert len(whole) >= 64
    for pp in (7, 50):
        assert [text(e, "id") for e in entries_of(kodo, f"/flows?format=atom&pp={pp}{more}")] == whole
    # by default 50, and from a page by number on
    assert len(check_feed(kodo.get(f"/flows?format=atom{more}"), more).findall(f"{ATOM}entry")) == 50
    assert [text(e, "id") for e in entries_of(kodo, f"/flows?format=atom&p=2&pp=7{more}")] == whole[14:]
    assert b"secret" not in kodo.get(f"/flows?format=atom{more}").body


def test_hostile_texts(hosted):
    kodo = hosted({"flows": FLOWS, "organization": "<&> \"'é"})
    url = PEER + "/%zz[x]"
    connect(kodo, PEER, [node(url, [
        flow(0, name=HOSTILE, description=HOSTILE, author=HOSTILE, tags=[HOSTILE, "x"], url="/%/é\"<&>'\\|{}^`?a=b&c=%4"),
        flow(1, name="", description=None, author=" ", tags=[]), flow(2, name=" ", description="", author=None, tags=None, url="/a b")], organization=None)])
    answer = kodo.get("/flows?" + urllib.parse.urlencode({"format": "atom", "q": "url ~ 'zz' or name == '<&>\x0b'"}))
    feed = check_feed(answer)
    assert text(feed, "title").endswith("· <&> \"'é")
    entry = next(e for e in feed.findall(f"{ATOM}entry") if "a=b" in text(e, "id"))
    assert text(entry, "title") == text(entry, "summary") == entry.findtext(f"{ATOM}author/{ATOM}name") == SEEN
    assert [c.get("term") for c in entry.findall(f"{ATOM}category")] == [SEEN, "x"]
    assert text(entry, "id") == f"{PEER}/%25zz[x]/flows/%25/%C3%A9%22%3C&%3E'%5C%7C%7B%7D%5E%60?a=b&c=%254"
    # a name that is blank, an author that is not there
    others = {text(e, "id"): e for e in feed.findall(f"{ATOM}entry") if e is not entry}
    assert len(others) == 2
    for id, e in others.items():
        assert text(e, "title").startswith(PEER) and text(e, "summary") and e.findtext(f"{ATOM}author/{ATOM}name") == url


def test_a_url_twice_is_one_entry(responder):
    kodo = responder({"flows": []})
    connect(kodo, PEER, [node(PEER, [flow(i // 3, name=f"{i}") for i in range(9)])])
    assert len(check_feed(kodo.get("/flows?format=atom")).findall(f"{ATOM}entry")) == 3


def test_long_answer(responder):
    kodo = responder({"flows": []})
    connect(kodo, PEER, [node(PEER, [flow(i, description="<&>" * 1000) for i in range(500)])])
    answer = kodo.get("/flows?format=atom&pp=500")
    assert len(answer.body) > 3 << 20 and len(check_feed(answer).findall(f"{ATOM}entry")) == 500


def test_validators(hosted):
    kodo = hosted({"flows": FLOWS})
    answer = kodo.get("/flows?format=atom")
    head = kodo.request("HEAD", "/flows?format=atom")
    assert head.headers == answer.headers and head.body == b""
    same = kodo.get("/flows?format=atom", headers={"If-None-Match": answer.headers["etag"]})
    assert same.status == 304 and same.body == b""
    # the page and the JSON of the same flows have others, whatever was asked for by Accept
    others = [kodo.get(t, headers=h).headers["etag"] for t, h in (("/flows", {}), ("/flows", {"Accept": "text/html"}), ("/flows?format=atom&explain=1", {}))]
    assert len({answer.headers["etag"], *others}) == 4
    assert kodo.get("/flows?format=atom", headers={"Accept": "text/html"}).body == answer.body
    connect(kodo, PEER, [node(PEER, [flow(7)])])
    assert kodo.get("/flows?format=atom", headers={"If-None-Match": answer.headers["etag"]}).status == 200


@pytest.mark.parametrize("bad", ["xyz", "", "ATOM", "atom ", "rss", "atom%00"])
def test_bad_format(hosted, bad):
    answer = hosted({"flows": FLOWS}).get(f"/flows?format={bad}")
    assert answer.status == 400 and answer.json()["extra"][0]["key"] == "format" and len(answer.json()["extra"]) == 1


def test_refused(responder):
    kodo = responder({"flows": FLOWS, "page_max": 20})
    for by in ("name", "modified", "created", "heartbeat:d", "name,modified:d", "nosuch", "tags:d"):
        check_error(kodo.get(f"/flows?format=atom&by={by}"), 400, "A feed is newest first: `by=changed:d`, `created:d`, `modified:d`, or no `by`.")
    for bad in ("x", "", "AAAA"):
        answer = kodo.get(f"/flows?format=atom&pp=2&after={bad}")
        assert answer.status == (400 if bad else 200)
    cursor = check_json(kodo.get("/flows?pp=1&after="))["next"]
    check_error(kodo.get(f"/flows?format=atom&after={cursor}"), 400, "`after` is of another order, or of no page.")
    for bad in ("pp=0", "pp=-1", "p=-1", "pp=x", "pp=21"):
        status = kodo.get(f"/flows?format=atom&{bad}").status
        assert status == (200 if bad == "pp=21" else 400)
    connect(kodo, PEER, [node(PEER, [flow(n) for n in range(30)])])
    check_error(kodo.get("/flows?format=atom"), 400, "A page holds at most 20 flows: use `pp=20`, and go on by `p` or `after`.")
    for target in ("/", "/map", "/counts"):
        assert kodo.get(f"{target}?format=atom").status == 400
    assert kodo.request("POST", "/flows?format=atom").status == 405


def test_page_links_to_it(responder):
    kodo = responder({"flows": FLOWS, "url": f"{OWN}/deep/kodo"})
    page = kodo.get("/deep/kodo/flows?format=html&by=name:d&pp=2&p=1&tag=all&q=" + urllib.parse.quote('flow "&<')).text()
    href = re.search(r'<link rel="alternate" type="application/atom\+xml" title="[^"]*" href="([^"]*)">', page)[1]
    assert href == "/deep/kodo/flows?q=flow%20%22%26%3C&amp;tag=all&amp;format=atom" and page.count(f'href="{href}"') == 2
    assert text(check_feed(kodo.get(href.replace("&amp;", "&"))), "title").startswith('Flows: flow "&< ·')
    assert 'application/atom+xml" title="Flows, newest first" href="/deep/kodo/flows?format=atom"' in kodo.get("/deep/kodo/flows?format=html").text()
    assert "atom+xml" not in kodo.get("/deep/kodo/map?format=html").text()
    assert check_feed(kodo.get("/deep/kodo/flows?format=atom")).find(f"{ATOM}entry/{ATOM}id").text.startswith(f"{OWN}/deep/kodo/flows/flow-")


def test_document_names_it(responder):
    get = check_json(responder({"flows": FLOWS}).get("/docs/openapi.json"))["paths"]["/flows"]["get"]
    assert next(p for p in get["parameters"] if p["name"] == "format")["schema"]["enum"] == ["json", "html", "atom"]
    assert list(get["responses"]["200"]["content"]) == ["application/json", "text/html", "application/atom+xml"]
