"""The pages without a browser: headers, files of www/, what is there without them, valid HTML (tidy), hostile values, examples."""
import html
import html.parser
import json
import os
import re
import shutil
import subprocess

import pytest

import kodotest
from kodotest import connect_body, flow, greeting, node

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
DOCS = ("/docs", "/docs/between", "/docs/families", "/docs/operate", "/docs/records")
PAGES = ("/", "/status", "/flows", "/flows?q=name+%3D%3D&tag=all", "/flows?q=Flow&organization=Here&tag=all&tag=n1", "/map", *DOCS, "/flows/flow-1",
         "/organization?name=Here")
FOUND = ("/flow?url=http%3A%2F%2F127.0.0.1%3A9%2Fflows%2Fflow-1",)      # of the registry below
FLOWS = [flow(i) for i in range(25)]
TIDY = shutil.which("tidy")


@pytest.fixture
def registry(responder):
    one = responder({"organization": "Here", "flows": FLOWS})
    one.post("/connect", connect_body("http://127.0.0.1:9", 3))
    return one


def page(one, target):
    answer = one.get(target, headers=HTML)
    assert answer.status == 200 and answer.headers["content-type"] == "text/html; charset=utf-8", (target, answer)
    return answer.text()


def test_pictures_that_pages_name(registry):
    """For who shares a page, and for home screens: they are there, in formats that all take, and as large as is said."""
    def size(target):
        body = registry.get(target).body
        assert body[:8] == b"\x89PNG\r\n\x1a\n"
        return [int.from_bytes(body[at:at + 4], "big") for at in (16, 20)]
    text = page(registry, "/")
    image = re.search('<meta property="og:image" content="([^"]*)">', text)[1]
    assert image.startswith("http://localhost:4321/") and size(image[len("http://localhost:4321"):]) == [1200, 630]
    assert size(re.search('<link rel="apple-touch-icon" href="([^"]*)">', text)[1]) == [192, 192]
    for icon in registry.get("/www/kodo.webmanifest").json()["icons"]:
        if icon["type"] == "image/png":
            assert "{}x{}".format(*size("/www/" + icon["src"])) == icon["sizes"]
    assert registry.get("/www/page.jpg").status == 404


def test_headers(registry):
    for target in PAGES + FOUND:
        headers = registry.get(target, headers=HTML).headers
        assert headers["content-security-policy"].startswith("default-src 'self';") and "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin" and headers["vary"] == "Accept, Accept-Encoding"
    for target in ("/", "/status", "/map", "/flows", "/counts", "/connect"):
        for accept in ({}, {"accept": "*/*"}, {"accept": "application/json"}):
            answer = registry.get(target, headers=accept)
            assert answer.headers["content-type"] == "application/json" and "content-security-policy" not in answer.headers
    assert registry.get("/?format=json", headers=HTML).json()["url"]
    assert "<main" in registry.get("/map?format=html").text()


def test_files(registry):
    for name, kind in (("kodo.css", "text/css; charset=utf-8"), ("flows.js", "text/javascript; charset=utf-8"), ("kodo.svg", "image/svg+xml"),
                       ("kodo.webmanifest", "application/manifest+json"), ("icon.png", "image/png"), ("icon-large.png", "image/png"),
                       ("preview.png", "image/png")):
        answer = registry.get(f"/www/{name}")
        assert answer.status == 200 and answer.headers["content-type"] == kind
        with open(os.path.join(kodotest.SRCDIR, "www", name), "rb") as f:
            assert answer.body == f.read()
        again = registry.get(f"/www/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
    for name in ("", "nosuch.css", "flows.html", "examples.txt", "../www/kodo.css", "%2e%2e/kodo.css", "a/kodo.css", "kodo.css%00", ".css", "x" * 40 + ".css"):
        assert registry.get(f"/www/{name}").status in (404, 400), name
    assert registry.request("POST", "/www/kodo.css").status == 405


def test_without_templates(responder, place):
    one = responder({"organization": "Here", "flows": FLOWS}, env={"KODO_WWW": place})
    for target in ("/", "/status", "/map"):
        assert one.get(target, headers=HTML).headers["content-type"] == "application/json"
    assert one.get("/docs").status == 404 and one.get("/docs/openapi.json").status == 200


def test_links_stay_below_the_path(responder):
    one = responder({"url": "http://localhost:3366/~ann/kodo", "organization": "Here", "flows": FLOWS})
    for target in PAGES:
        for link in re.findall(r'(?:href|src|action)="(/[^"]*)"', page(one, "/~ann/kodo" + target)):
            assert link.startswith("/~ann/kodo/"), (target, link)
            # for the admin; with a parameter that must be given
            status = 403 if link.endswith(("/cron", "/check")) else 400 if link.endswith(("/flow", "/organization")) else 200
            assert one.get(link.partition("#")[0].replace("&amp;", "&"), headers=HTML).status == status, link


def test_pages_say_where_changes_go_on(registry):
    for target in ("/", "/status", "/flows?tag=all", "/map"):
        answer = registry.get(target, headers=HTML)
        view = re.search(' data-view="(\\d+)"', answer.text())[1]
        assert answer.headers["kodo-view"] == view == registry.get("/connect").headers["kodo-view"], target
        assert registry.get(f"/changes?since={view}&limit=1").json()["changes"] == []
    again = registry.get("/map", headers={**HTML, "if-none-match": answer.headers["etag"]})
    assert again.status == 304 and again.headers["kodo-view"] == view
    assert registry.post("/connect", connect_body("http://127.0.0.1:10", 1)).status == 201
    assert len(registry.get(f"/changes?since={view}").json()["changes"]) == 1


ODD_NODES = ("http://127.0.0.1:11/flows/app", "HTTP://127.0.0.1:12", "Https://[::1]:13/A/b", "http://127.0.0.1:14/a%20b/%2F", "http://127.0.0.1:15/ü/flows",
             "http://127.0.0.1:16/flows/flows/", "http://127.0.0.1:17/?a=b&c={d}", "http://127.0.0.1:18/~x/'y'/\"z\"")
# url of a flow and how a link leads to it: what is no url as it stands is encoded, the rest is the owner's
ODD_FLOWS = {"/a b": "/a%20b", "/ä": "/%C3%A4", "/a%20b": "/a%20b", "/x?y=1&z": "/x?y=1&z", "/f#part": "/f#part", "/100%": "/100%", "/a\\b": "/a%5Cb",
             "/a\tb\n": "/a%09b%0A", "/\u202ex": "/%E2%80%AEx", "/a+b": "/a+b", "/<i>": "/%3Ci%3E", "/[1]": "/[1]", "/{x}|^`": "/%7Bx%7D%7C%5E%60",
             "flows/c": "/flows/c", "//d": "/d", "/e//": "/e//", "/日本": "/%E6%97%A5%E6%9C%AC"}


def links(text, pattern):
    return [html.unescape(link) for link in re.findall(pattern, text)]


def test_links_to_odd_urls(registry):
    for url in ODD_NODES:
        flows = [{"url": path, "name": f"Odd {path}"} for path in ODD_FLOWS]
        assert registry.post("/connect", greeting(url, nodes=[{"url": url, "organization": "Odd", "flows": flows}])).status == 201, url
    text = page(registry, "/flows?pp=1000&organization=Odd")
    shown = {url: "".join(c if c.isascii() and c not in '"{}' else "".join(f"%{b:02X}" for b in c.encode()) for c in url.rstrip("/")) for url in ODD_NODES}
    # names lead to the page here, which leads to the flow itself
    found = sorted(links(text, 'class="flow" href="(/flow\\?url=[^"]*)"'))
    assert len(found) == len(ODD_NODES) * len(ODD_FLOWS)
    there = [links(page(registry, link), '<dt>address</dt><dd><a class="out" href="([^"]*)"')[0] for link in found]
    assert sorted(there) == sorted(f"{node}/flows{to}" for node in shown.values() for to in ODD_FLOWS.values())
    assert set(links(text, 'at <a class="out" href="([^"]*)"')) == set(shown.values())
    assert set(shown.values()) <= set(links(page(registry, "/map"), '<th scope="row"><a href="([^"]*)"'))
    assert "javascript" not in "".join(links(text, 'href="([^"]*)"'))


@pytest.mark.parametrize("url", ["http://localhost:3366", "http://localhost:3366/~ann/ködo", "HTTP://localhost:3366//deep//kodo/"])
def test_own_flows_behind_their_links(responder, url):
    one = responder({"url": url, "organization": "Here", "flows": [{"url": path, "name": f"Odd {i}"} for i, path in enumerate(ODD_FLOWS)
                                                                     if path.isprintable() and not set(path) & set(" ?#")] + [{"url": "/x", "name": "Plain"}]})
    base = "".join("/" + part for part in url.rstrip("/").split("/")[3:] if part)
    names = {}
    for link, name in re.findall('class="flow" href="([^"]*)"[^>]*><bdi>([^<]*)<', page(one, base + "/flows?pp=100")):
        there = re.search('<dt>address</dt><dd><a[^>]* href="([^"]*)"', page(one, html.unescape(link)))[1]
        names.setdefault(html.unescape(there), name)
    assert len(names) == 13
    for link, name in names.items():
        path = link.split("://", 1)[1].partition("/")[2].partition("#")[0]       # as a browser asks
        said = re.findall("<h1><bdi>([^<]*)</bdi></h1>", page(one, "/" + path))
        assert said == [name], link
    assert one.get(base + "/flows/x?y=2", headers=HTML).text().count("<h1><bdi>Plain<") == 1
    assert one.get(base + "/flows/nosuch", headers=HTML).status == 404
    for link in re.findall(r'(?:href|src|action)="(/[^"]*)"', page(one, base + "/flows")):
        assert not link.startswith("//") and link.startswith(base + "/"), link
    link = one.get(base + "/flows?pp=1&q=Odd").headers["link"]
    assert re.match("<[!-~]*>; rel=\"next\"$", link) and not link.startswith("<//")
    assert one.get(link[1:].split(">")[0]).status == 200


@pytest.mark.parametrize("url, server", [("http://localhost:3366", "http://localhost:3366"), ("https://example.org/deep/kodo/", "https://example.org/deep/kodo"),
                                         ("http://[::1]:3366/~ann", "http://[::1]:3366/~ann"), ("http://localhost:3366/{a}/ö", "http://localhost:3366/%7Ba%7D/%C3%B6")])
def test_document_names_its_server(responder, url, server):
    one = responder({"url": url, "flows": FLOWS[:1]})
    base = url.rstrip("/").split("/", 3)[3:]
    document = one.get("/" + "/".join(base + ["docs/openapi.json"])).json()
    assert document["servers"] == [{"url": server}]


def test_facets_follow_the_query(registry):
    def facets(target):
        text = page(registry, target)
        return {name: int(n) for name, n in re.findall(r'<li><a [^>]*><bdi>([^<]*)</bdi></a> <span title="[\d,]+ of these flows [^"]+">(\d+)</span></li>', text)}
    whole = facets("/flows")
    assert whole["all"] == 28 and whole["Here"] == 25 and whole["Org of http://127.0.0.1:9"] == 3
    assert facets("/flows?q=name+~+%22Flow+1%22") == {"Here": 11, "Org of http://127.0.0.1:9": 1, "all": 12, "n1": 2,
                                                     **{f"n{i}": 1 for i in range(10, 20)}, "fresh": 11, "unknown": 1}
    for target, n in (("/flows?tag=n1", 2), ("/flows?tag=n1&organization=Here", 1), ("/flows?q=number+1&tag=n1&tag=all", 2), ("/flows?tag=n1&tag=n2", 0),
                      ("/flows?organization=here", 0), ("/flows?q=name+%3D%3D+%22Flow+1%22+or+name+%3D%3D+%22Flow+2%22&organization=Here", 2),
                      ("/flows?organization=x%22+or+%22%22%3D%3D%22", 0)):
        assert f"<strong>{n} of 28 flows</strong>" in page(registry, target), target
    assert facets("/flows") == whole                                                  # remembered from here on
    narrowed = page(registry, "/flows?tag=n1&organization=Here")
    assert '/flows?organization=Here&amp;tag=n1&amp;format=json"' in narrowed
    assert registry.post("/connect", connect_body("http://127.0.0.1:10", 4)).status == 201
    assert facets("/flows")["all"] == 32


def test_json_narrows_as_the_page_does(registry):
    for target, n in (("/flows?tag=n1", 2), ("/flows?tag=n1&organization=Here", 1), ("/flows?q=number+1&tag=n1&tag=all", 2), ("/flows?tag=n1&tag=n2", 0),
                      ("/flows?organization=here", 0), ("/flows?organization=&tag=&tag=n1", 2), ("/flows?organization=x&organization=Here", 25),
                      ("/flows?organization=Nobody", 0), ("/flows?tag=n1&tag=" + "&tag=".join(["all"] * 63), 2), ("/flows?organisation=x&tags=y", 28)):
        assert registry.get(target).json()["filtered"] == n, target
        assert f"<strong>{n} of 28 flows</strong>" in page(registry, target), target
    for target in ("/flows?tag=%ff", "/flows?organization=%00", "/flows" + "?tag=all" + "&tag=all" * 64):
        assert registry.get(target).status == registry.get(target, headers=HTML).status == 400, target
    answer = registry.get("/flows?tag=all&pp=20&after=")
    assert answer.headers["link"].startswith("</flows?tag=all&pp=20&after=")
    assert len(registry.get(answer.headers["link"].split(">")[0][1:]).json()["items"]) == 8
    said = registry.get("/flows?tag=n1&organization=Here&q=flow&explain=1").json()
    assert said["q"].endswith("fulltext: flow") and said["explain"]["query"] == '"flow" and organization == "Here" and @tag("n1")'


def test_words_are_no_mistake(registry):
    for q, note, count in (("", False, 28), ("%20%C2%A0", False, 28), ("flow%20", True, 28), ("don't", True, 0), ("author%E2%80%991", True, 0),
                           ("what%20%20number%0A1%20", True, 12), ("name%20%3D%3D%20%E2%80%9CFlow%201%E2%80%9D", False, 2)):
        text = page(registry, "/flows?q=" + q)
        assert "could not be read" not in text and ("searched as text" in text) == note, q
        assert f"<strong>{count} of 28 flows</strong>" in text, q
    assert "could not be read" in page(registry, "/flows?q=name%20%3D%3D%20'x")


def results(text):
    """What the page says between its box and its lists."""
    return html.unescape(re.sub("<[^>]*>", "", text[text.index('<div id="results">'):text.index('<div class="split">')]))


def test_page_marks_words(registry):
    text = page(registry, "/flows?words=NUMBER+flo+tag:%22n1%22&tag=all")
    assert "<strong>2 of 28 flows</strong>" in text and "by rank, name, url" in text and "<option value=\"\" selected>best match</option>" in text
    assert "<bdi><mark>Flo</mark>w 1</bdi></a></h2>" in text and "what <mark>number</mark> 1 does" in text and "<bdi><mark>n1</mark></bdi></a>" in text
    for q, marked in (("q=LOW+1", "<bdi>F<mark>low 1</mark></bdi></a></h2>"), ("q=%22umber++1%22", "what n<mark>umber 1</mark> does"),
                      ("q=low&tag=n1", "<bdi>F<mark>low</mark> 1</bdi>")):
        assert marked in page(registry, "/flows?" + q), q
    assert "<mark>" not in page(registry, "/flows?q=name+~+%22low%22") and 'value="NUMBER flo tag:&quot;n1&quot;"' in text
    evil = connect_body("http://127.0.0.1:11", 1)
    evil["nodes"][0]["flows"][0].update(name="<b>x</b> & <mark>", tags=["<i>"], description="b <script>b")
    assert registry.post("/connect", evil).status == 201
    text = page(registry, "/flows?words=b+mark")
    assert "&lt;<mark>b</mark>&gt;x&lt;/<mark>b</mark>&gt; &amp; &lt;<mark>mark</mark>&gt;" in text and "<script>b" not in text and "<i>" not in text
    assert 'value="&lt;b&quot;"' in page(registry, "/flows?words=%3Cb%22")


def test_page_says_what_it_did(registry):
    for target, said in (("words=nubmer+1", "No flow has nubmer 1. These have number 1."),
                         ("words=nmae+%3D%3D+%22x%22", "column 1 on: there is no field `nmae`; did you mean name?"),
                         ("q=organisation+%3D%3D+%22x%22", "there is no field `organisation`; did you mean organization?"),
                         ("q=name+%3D%3D+%22x%22+andd", "column 13 on: unexpected andd"), ("words=name+%3D+%22x%22", "column 6 on: == compares"),
                         ("by=nope", "Flows cannot be sorted by nope"), ("by=name,nope:d", "These are sorted by name."),
                         ("p=99", "There is no page 100: page 3 is the last."), ("words=flow&p=99", "page 3 is the last")):
        text = page(registry, "/flows?" + target)
        assert said in results(text) and "Error" not in text and "fulltext" not in text, target
    assert re.search('<a href="/flows\\?words=number%201">', page(registry, "/flows?words=nubmer+1"))
    for target in ("", "?p=2", "?by=author", "?words=flow", "?words=nothinglikeit&p=5", "?q=name+~+%22flow%22"):
        assert 'class="note"' not in page(registry, "/flows" + target), target
    answer = registry.get("/flows?words=" + "+".join("abcdefghijklmnopqrstuvwxyzabcdefg"))
    assert answer.status == 400 and "More than 32 words" in answer.json()["detail"]


def test_page_behind_a_place(registry):
    """after= for people: the same flows as for machines, and links on from there; what the first line of a page says is not of it."""
    target, seen = "/flows?pp=10&tag=all", []
    names = [item["name"] for item in registry.get(target + "&pp=100").json()["items"]]
    while target:
        answer = registry.get(target, headers=HTML)
        text = answer.text()
        seen += re.findall('class="flow"[^>]*><bdi>([^<]*)<', text)
        on = re.findall('<a rel="next" href="([^"]*)"', text)
        if "after=" in target:
            assert "page 1 of" not in text and 'rel="prev"' not in text and 'p=0">« first</a>' in text
            assert (on == []) == ("link" not in answer.headers) and "p=1" not in "".join(on)
        link = answer.headers.get("link")
        assert link is None or answer.headers["link"] == registry.get(target).headers["link"]
        target = (html.unescape(on[0]) if on and "after=" in target else link and link[1:].split(">")[0])
    assert seen == names and len(names) == 28


def test_headers_for_caches(registry):
    """What an answer depends on, and that no cache before us keeps it for itself: of each route, each form and each error."""
    for target in ("/", "/home", "/status", "/flows", "/flows?tag=x", "/map", "/check", "/flows/flow-1", "/docs", "/flows?p=x", "/flows?format=json", "/flows/nosuch"):
        for accept in ({}, HTML, {"accept": "application/json"}):
            for method in ("GET", "HEAD"):
                answer = registry.request(method, target, headers=accept)
                assert answer.headers["vary"] == ("Accept" if target == "/check" else "Accept, Accept-Encoding"), (target, accept, answer)
    tag = registry.get("/flows", headers=HTML).headers["etag"]
    answer = registry.get("/flows", headers={**HTML, "if-none-match": tag})
    assert answer.status == 304 and answer.headers["vary"] == "Accept, Accept-Encoding" and answer.headers["etag"] == tag
    for target in ("/", "/counts", "/connect", "/changes", "/changes?since=99", "/docs/openapi.json", "/www/kodo.css", "/nosuch", "/cron", "/flows?tag=x"):
        for accept in ({}, HTML):
            answer = registry.get(target, headers=accept)
            assert answer.headers["cache-control"] == "no-cache", (target, answer)
    for target in ("/counts", "/connect", "/changes", "/docs/openapi.json", "/www/kodo.css"):
        assert registry.get(target).headers["vary"] == "Accept-Encoding", target


class Tags(html.parser.HTMLParser):
    """What is open at the end, and every attribute."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.wrong = [], [], []
        self.feed(text)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in ("meta", "link", "input", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in ("li", "option", "p"):
            while self.open and self.open[-1] != tag and self.open[-1] in ("li", "option", "p"):
                self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


EVIL = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onfocus=alert(1) '", "{{#item}}{{name}}", "\u202egpj.exe", "a\x01\x1b\x7f\x85",
        "]]></style></title></textarea>--><b>", "&lt;b&gt;", "x" * 1000]


def test_hostile_values(responder):
    one = responder({"organization": EVIL[1], "flows": FLOWS[:2]})
    for i, text in enumerate(EVIL):
        flows = [{"url": "javascript:alert(1)\"'<b>", "name": text, "author": text, "description": text * 50, "tags": [text[:250], "w" * 250]}]
        url = f"http://127.0.0.1:{i + 1}/\"'<b>"
        assert one.post("/connect", greeting(url, organization=text, nodes=[node(url, flows, organization=text, status=text)])).status == 201
    for target in ("/", "/status", "/flows?pp=50", "/map", "/flows?q=%22%3E%3Cscript%3E%3D%3D&by=%22%3E%3Cb%3E&organization=%22%3E%3Cb%3E&tag=%22%3E%3Cb%3E", "/docs"):
        text = page(one, target)
        tags = Tags(text)
        assert tags.open == [] and tags.wrong == [], (target, tags.open, tags.wrong)
        assert not [name for name, _ in tags.attributes if name.startswith("on") or name == "style"], target
        assert not [value for name, value in tags.attributes if name in ("href", "src") and not re.match(r"https?://|/|#|$", value)], target
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text), target
        assert "<script>" not in text and "<img src=x" not in text and "{{" not in text.replace("{{#item}}{{name}}", ""), target


@pytest.mark.skipif(TIDY is None, reason="tidy is not installed")
def test_html_is_valid(registry):
    for target in PAGES + FOUND:
        done = subprocess.run([TIDY, "-e", "-q", "--drop-empty-elements", "no"], input=page(registry, target), capture_output=True, text=True)
        # it knows little of SVG in HTML; vnu has nothing to say about that
        known = r'<(input|title|svg|a)> proprietary attribute "(inputmode|autocomplete|aria-current|id|x|y|width|height|class|href)"'
        lines = [line for line in done.stderr.splitlines() if not re.search(known, line)]
        assert lines == [], target


def test_examples_are_current(place):
    """`make examples` writes what is in www/ now."""
    import examples
    with open(os.path.join(place, "new"), "w+", encoding="utf-8") as new:
        examples.write(new)
        new.seek(0)
        with open(os.path.join(kodotest.SRCDIR, "www", "examples.txt"), encoding="utf-8") as old:
            assert new.read() == old.read()


def test_document_and_page_say_the_same(registry):
    document, texts = registry.get("/docs/openapi.json").json(), [page(registry, target) for target in DOCS]
    text = "".join(texts)
    calls = {(method.upper(), path) for path, row in document["paths"].items() for method in row}
    assert calls == set(re.findall(r'<h3><b class="method">(\w+)</b> <code>([^<]*)</code></h3>', text))
    for path, row in document["paths"].items():
        for method, call in row.items():
            answers = {code: a["content"]["application/json"] for code, a in call["responses"].items() if "application/json" in a.get("content", {})}
            if path not in ("/docs/openapi.json", "/check"):
                assert all("example" in a for code, a in answers.items() if code < "300"), path
            assert all(re.fullmatch("200|201|204|307|400|401|403|404|405|410|413|414|421|429|503|507", code) for code in call["responses"])
    calls = [call for row in document["paths"].values() for call in row.values()]
    assert all(re.fullmatch("[a-z]+([A-Z][a-z]*)+", call["operationId"]) and call["summary"] for call in calls)
    assert len({call["operationId"] for call in calls}) == len(calls)
    parts = [tag["name"] for tag in document["tags"]]
    assert parts + ["Records"] == ["Find agents", "Between services", "Other families", "Operate", "Records"] == re.findall("<h1>([^<]*)</h1>", text)
    for part, one in zip(parts, texts):                                  # each call on the page of its part
        assert {(m.upper(), path) for path, row in document["paths"].items() for m in row if row[m]["tags"] == [part]} == \
            set(re.findall(r'<h3><b class="method">(\w+)</b> <code>([^<]*)</code></h3>', one)), part
    assert all(len(call["tags"]) == 1 and call["tags"][0] in parts for call in calls)
    for link in re.findall(r'<td><a href="([^"]*)"><code>', text):      # the examples of queries are read as queries, and as what they say
        target = html.unescape(link)
        said = registry.get(target + "&format=json" if "atom" not in target else target)
        assert said.status == 200, target
        if "?q=" in target and "&" not in target and "travel" not in target:
            assert "fulltext" not in said.json()["q"], target
    refs = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert refs <= set(document["components"]["schemas"]) == set(re.findall(r'id="record-(\w+)"', texts[-1]))


def test_docs_are_pages(registry):
    """A page for each part, each small; what were anchors of the one page that all was lead on, by a link in their place."""
    texts = {target: page(registry, target) for target in DOCS}
    ids = {target: re.findall(' id="([^"]*)"', text) for target, text in texts.items()}
    for target, text in texts.items():
        assert len(text) < 60000 and len(ids[target]) == len(set(ids[target])), target
        assert re.findall('href="([^"]*)" aria-current="(page|true)"', text) == \
            ([("/docs", "page"), ("/docs", "true")] if target == "/docs" else [("/docs", "true"), (target, "page")])
        for link in re.findall('href="(/docs[^"]*|#[^"]*)"', text):
            path, _, anchor = link.partition("#")
            assert path == "/docs/openapi.json" or anchor in ids[path or target] + [""], (target, link)
    for target in DOCS[1:]:
        for anchor in ids[target]:
            assert anchor in ids["/docs"], anchor
    for path in ("/docs/nosuch", "/docs/between/x", "/docs/find"):
        assert registry.get(path, headers=HTML).status == 404 and registry.get(path).headers["content-type"] == "application/json"


def test_time_of_pages(responder):
    """No proof of speed (see make bench), but of no accident: 300 peers, 20 flows of 6,000."""
    one = responder({"organization": "Here", "flows": FLOWS})
    for i in range(300):
        assert one.post("/connect", connect_body(f"http://127.0.0.1:{i + 1}", 20, organization=f"Organization {i % 9}")).status == 201
    for target in ("/map", "/flows?pp=20"):
        assert min(one.get(target, headers=HTML).seconds for _ in range(5)) < 0.2, target
    assert page(one, "/map").count("<circle") == 300
    total = one.get("/flows").json()["total"]                    # thousands are set apart for people
    assert f"{total:,} of {total:,} flows</strong>, page 1 of {-(-total // 2):,}, by" in page(one, "/flows?pp=2")


def test_map_trouble_first_and_by_state(service):
    """The worst first in table and picture, a group's line as its worst peer, states as links that filter, and what was asked for in vain."""
    dead = [f"http://127.0.0.1:{kodotest.free_port()}" for _ in range(18)]
    one = service({"organization": "Here", "connect": dead, "retry": 1, "private": True})
    for i in range(30):
        assert one.post("/connect", connect_body(f"http://127.0.0.1:{i + 10}", 2, organization=f"Org {i % 3}")).status == 201
    kodotest.wait_until(lambda: page(one, "/map").count('<span class="state paused">') >= 18, 20, "none of them answers")
    text = page(one, "/map")
    rows = re.findall(r'<tr id="peer-(\d+)">.*?<span class="state (\w+)">', text)
    assert [id for id, _ in rows] == [str(i + 1) for i in range(25)] and [state for _, state in rows[:18]] == ["paused"] * 18 and rows[18][1] != "paused"
    assert 'class="link paused"' in text and 'class="link ok"' not in text
    assert re.search(r'<a class="tag" href="/map\?state=paused"><span class="state paused">paused</span> <span class="dim">18<', text)
    assert "1 / 2" in text and len(re.findall("<tr id", page(one, "/map?p=1"))) == 23
    only = page(one, "/map?state=paused")
    assert len(re.findall("<tr id", only)) == 18 and only.count("<circle") == 18 and set(re.findall(r'<tr id.*?"state (\w+)"', only)) == {"paused"}
    assert 'href="/map">all <span class="dim">48<' in only
    assert "There is no state <bdi>nosuch</bdi>" in page(one, "/map?state=nosuch") and "No peer is left now" in page(one, "/map?state=left")
    for p in ("99", "-1", "x", "99999999999999999999"):
        assert f"There is no page <bdi>{p}</bdi>: they are counted from 0, and the last is 1." in page(one, f"/map?p={p}")
    assert one.get("/map?state=nosuch&p=x").json()["connection"].keys() == set(dead)          # of the page alone
    tags = {one.get(target, headers=HTML).headers["etag"] for target in ("/map", "/map?p=1", "/map?state=paused")}
    assert len(tags) == 3


def test_map_weighs_little(responder):
    one = responder({"organization": "Here", "flows": FLOWS[:2]})
    for i in range(300):
        url = f"https://agents-{i}.example.org/some/deep/path/to/it"
        assert one.post("/connect", connect_body(url, 1, organization=f"Organization {i % 40}")).status == 201
    for target in ("/map", "/map?p=11", "/status"):
        assert len(page(one, target)) < 60000, target
    assert page(one, "/map").count("<circle") == 300


def test_robots(responder):
    """Crawlers may see each page, and not all ways to narrow a list."""
    one = responder({"url": "http://localhost:3366/~ann/kodo", "organization": "Here", "flows": FLOWS[:2]})
    answer = one.get("/~ann/kodo/robots.txt")
    assert answer.status == 200 and answer.headers["content-type"] == "text/plain; charset=utf-8"
    rules = [line.partition(": ")[2] for line in answer.text().splitlines() if line.startswith("Disallow: ")]
    blocked = lambda target: any(re.match(re.escape(rule).replace(r"\*", ".*"), "/~ann/kodo" + target) for rule in rules)    # noqa: E731
    for target in ("/", "/flows", "/flows?p=1", "/flows?tag=all", "/flows/flow-1", "/map", "/docs", "/www/kodo.css"):
        assert not blocked(target), target
    for target in ("/changes?since=0", "/check?key=x", "/cron", "/flows?tag=a&tag=b", "/flows?q=x&format=json", "/map?state=ok", "/connect"):
        assert blocked(target), target
    assert answer.text().startswith("User-agent: *\n")


def test_head(responder):
    """What a page says of itself to those who link to it: description, its own address, the mark of the present page."""
    one = responder({"url": "http://localhost:3366/~ann/kodo", "organization": 'A "B" & C', "flows": FLOWS[:2]})
    for target, marks in (("/", ["/"]), ("/flows?q=x&p=1", ["/flows"]), ("/map?p=0", ["/map"]), ("/docs", ["/docs"]), ("/status", ["/status"]),
                          ("/flows/flow-1", []), ("/home", ["/"])):
        text = page(one, "/~ann/kodo" + target)
        path = target.partition("?")[0]
        assert f'<link rel="canonical" href="http://localhost:3366/~ann/kodo{path}">' in text, target
        assert f'<meta property="og:url" content="http://localhost:3366/~ann/kodo{path}">' in text
        assert '<meta property="og:site_name" content="A &quot;B&quot; &amp; C">' in text
        assert len(re.findall('<meta name="description" content="[^"]{20,300}">', text)) == 1
        assert re.findall('href="/~ann/kodo([^"]*)" aria-current="page"', text) == marks, target
    manifest = one.get("/~ann/kodo/www/kodo.webmanifest")
    assert json.loads(manifest.body)["start_url"] == "../"
