"""What a list of flows may be narrowed to beside words: organizations, tags, signs of life, the registry that flows came by; on the page and in JSON."""
import html
import re
import urllib.parse

import pytest

from kodotest import connect_body, flow, node

HTML = {"accept": "text/html"}
OWN = "http://localhost:4321"
RELAY = "http://127.0.0.1:9"
SOURCES = {OWN: 25 + 2, RELAY: 4}


@pytest.fixture
def registry(responder):
    """Its own flows, a service that is connected here, and another registry, which passes on two nodes."""
    one = responder({"organization": "Here", "flows": [flow(i) for i in range(25)]})
    assert one.post("/connect", connect_body("http://127.0.0.1:8", 2)).status == 201
    far = [node(f"http://127.0.0.1:{port}", [flow(i) for i in range(2)]) for port in (10, 11)]
    assert one.post("/connect", connect_body(RELAY, nodes=far, registry=True)).status == 201
    return one


def lists(text):
    """Of the page: heading -> (name -> number), what is folded too."""
    parts = re.split("<h2>([^<]*)</h2>\n<ul>", text[text.index('<details class="facets"'):text.index("</aside>")])[1:]
    return {heading: {html.unescape(name): int(n) for name, n in re.findall(r"<bdi>([^<]*)</bdi></a> <span title=[^>]*>([\d,]+)</span>", part)}
            for heading, part in zip(parts[::2], parts[1::2])}


def test_registries_and_states(registry):
    said = registry.get("/flows?facets=1&pp=1").json()
    assert list(said["facets"]) == ["organization", "tag", "state", "registry"] and said["facets"]["registry"] == SOURCES
    assert sum(said["facets"]["state"].values()) == 31 and said["facets"]["state"]["fresh"] >= 25
    on_page = lists(registry.get("/flows", headers=HTML).text())
    assert on_page["Registries"] == SOURCES and on_page["Signs of life"] == said["facets"]["state"]
    assert on_page["Organizations"] == said["facets"]["organization"] and on_page["Tags"] == said["facets"]["tag"]
    for kind, counted in said["facets"].items():
        for text, n in counted.items():
            assert registry.get("/flows?" + urllib.parse.urlencode({kind: text})).json()["filtered"] == n, (kind, text)
    assert {i["registry"] for i in registry.get(f"/flows?registry={RELAY}&fields=registry").json()["items"]} == {RELAY}
    assert registry.get(f"/flows?q=registry+%3D%3D+%22{RELAY}%22&by=registry:d,name").json()["filtered"] == 4
    assert registry.get("/flows?by=registry:d&fields=registry&pp=40").json()["items"][-1]["registry"] == RELAY


def test_facets_of_what_is_found(registry):
    said = registry.get("/flows?facets=1&words=tag:n1&state=fresh").json()
    assert said["facets"]["state"] == {"fresh": said["filtered"]} and said["facets"]["tag"]["n1"] <= said["filtered"]
    assert registry.get("/flows?facets=1&q=nothing+like+this").json()["facets"] == {"organization": {}, "tag": {}, "state": {}, "registry": {}}
    assert "facets" not in registry.get("/flows?facets=0").json()


def test_chosen_ones_can_be_taken_back(registry):
    text = registry.get(f"/flows?words=flow&registry={RELAY}&alive=1&tag=all", headers=HTML).text()
    assert [m for m in re.findall(r'<p class="chosen">(\w+) <a', text)] == ["registry", "alive", "tag"]
    assert "Registries" not in lists(text)
    kept = [html.unescape(link) for link in re.findall(r'<p class="chosen">\w+ <a class="tag on" href="([^"]*)"', text)]
    escaped = urllib.parse.quote(RELAY)
    assert kept == ["/flows?words=flow&alive=1&tag=all&", f"/flows?words=flow&registry={escaped}&tag=all&", f"/flows?words=flow&registry={escaped}&alive=1&"]


def test_long_lists_fold_open(responder):
    one = responder({"flows": [{"url": f"/f{i}", "name": f"F{i}", "tags": [f"t{k:02}" for k in range(i + 1)]} for i in range(50)]})
    text = one.get("/flows", headers=HTML).text()
    tags = text[text.index("<h2>Tags</h2>"):text.index("</aside>")]
    assert tags[:tags.index("<details>")].count("<li>") == 10 and "<summary>40 more</summary>" in tags and "and 10 with fewer flows" in tags
    assert tags.count("<li>") == 40 and '<span title="50 of these flows have it">50</span>' in tags


def test_moderated_registries_are_not_named(registry):
    """What an exception leaves of a registry that is hidden."""
    for do, pattern in (("hide", f"url:{RELAY}"), ("allow", "url:http://127.0.0.1:10")):
        assert registry.post(f"/moderation?do={do}&pattern={pattern}", "").status in (200, 201)
    said = registry.get("/flows?facets=1&pp=40&fields=registry").json()
    assert said["total"] == 29 and said["facets"]["registry"] == {OWN: 27}
    assert [i["registry"] for i in said["items"] if i["url"].startswith("http://127.0.0.1:10/")] == [None, None]


def test_moderation_of_a_registry_alone(registry):
    """All of its nodes are excepted: the view stays as it is."""
    for do, pattern, named in (("hide", f"url:{RELAY}", False), ("allow", "url:http://127.0.0.1:10", False), ("allow", "url:http://127.0.0.1:11", False),
                               ("allow", f"url:{RELAY}", True), ("hide", f"url:{RELAY}", False)):
        assert registry.post(f"/moderation?do={do}&pattern={pattern}", "").status in (200, 201)
        assert (RELAY in registry.get(f"/flows?facets=1&do={do}").json()["facets"]["registry"]) == named, (do, pattern)


def test_counts_of_what_is_found(registry):
    whole = registry.get("/counts").json()
    assert "filtered" not in whole and registry.get("/counts?tag=&words=").json() == whole
    found = registry.get("/counts?words=flow+tag:%22n1%22&organization=Here").json()
    assert found == {"total": 31, "filtered": 1, "organization": {"Here": 1}, "tags": {"all": 1, "n1": 1}}
    assert registry.get(f"/flows/counts?registry={RELAY}").json()["filtered"] == 4
    assert registry.get("/counts?q=name+%3D%3D+%22Flow+1%22").json()["organization"]["Here"] == 1
    assert registry.get("/counts?words=" + "+".join("abcdefghijklmnopqrstuvwxyzabcdefg")).status == 400
    assert registry.get("/counts").json() == whole
    first = registry.get("/counts?tag=n1")
    assert registry.get("/counts?tag=n1", headers={"if-none-match": first.headers["etag"]}).status == 304
    assert registry.get("/counts?tag=n2", headers={"if-none-match": first.headers["etag"]}).status == 200


def test_answers_on_signs_of_life_last_a_minute(hosted, clock):
    """Wherever they are asked for: words may be a query."""
    env, ahead = clock
    one = hosted({"flows": [flow(1)], "trigger": "cron"}, env=env)
    asked = urllib.parse.quote('state == "fresh"')
    for target, lasts in (("/flows?words=number", True), (f"/flows?q={asked}", False), (f"/flows?words={asked}", False), (f"/counts?words={asked}", False),
                          ("/v0.1/servers?search=number", True), (f"/v0.1/servers?search={asked}", False)):
        ahead(0)
        first = one.get(target)
        ahead(120)
        assert (one.get(target).headers["etag"] == first.headers["etag"]) == lasts and first.status == 200, target
