"""Errors in a browser are pages with a search box; programs get the JSON that they always got."""
import os
import re

import pytest

from kodotest import flow

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
CASES = {"/nosuch": 404, "/flows/nosuch": 404, "/www/nosuch.css": 404, "/update": 405, "/reconnect?x=1": 405, "/cron": 403, "/check?key=nope": 403,
         "/flows?pp=x&p=y": 400, "/flows?pp=0": 400, "/changes?since=99": 410, "/%ff": 404, "/flows?q=" + "x" * 9000: 414}


@pytest.fixture
def one(hosted):
    return hosted({"organization": "Here", "flows": [flow(1)]})


@pytest.mark.parametrize("target", CASES)
def test_page_and_json(one, target):
    vary = "Accept" if target.startswith(("/cron", "/check")) else "Accept, Accept-Encoding"     # what takes a key is never compressed
    told = one.get(target)
    assert told.status == CASES[target] and told.headers["content-type"] == "application/json" and told.headers["vary"] == vary
    assert told.json()["status_code"] == told.status and "content-security-policy" not in told.headers
    shown = one.get(target, headers=HTML)
    assert shown.status == told.status and shown.headers["content-type"] == "text/html; charset=utf-8" and shown.headers["vary"] == vary
    assert shown.headers["content-security-policy"].startswith("default-src 'self'") and shown.headers["cache-control"] == "no-cache"
    assert shown.headers.get("allow") == told.headers.get("allow")
    text = shown.text()
    assert 'role="search"' in text and f"{told.status}: <bdi>" in text and "{{" not in text and "canonical" not in text
    for fault in told.json().get("extra", []):
        said = {"Expected `int`, got `str`": "this must be a whole number"}.get(fault["message"], fault["message"])
        assert f'<li><code>{fault["key"]}</code>: <bdi>{said}</bdi></li>' in text
    head = one.request("HEAD", target, headers=HTML)
    assert head.body == b"" and int(head.headers["content-length"]) - len(shown.body) == (told.status == 400 and "pp=x" in target)   # it names the method
    # by name, each is what it is
    join = "&" if "?" in target else "?"
    if told.status not in (400, 414):
        assert one.get(target + join + "format=json", headers=HTML).headers["content-type"] == "application/json"
        assert one.get(target + join + "format=html").headers["content-type"].startswith("text/html")


def test_no_page_for_what_programs_send(one):
    for method in ("POST", "DELETE", "PUT"):
        answer = one.request(method, "/nosuch", headers=HTML, body={})
        assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert one.request("POST", "/update", headers=HTML, body={"url": 1}).headers["content-type"] == "application/json"
    assert one.get("/nosuch", headers={"accept": "application/json, text/html;q=0.5"}).headers["content-type"] == "application/json"


def test_hostile_parameters(one):
    text = one.get('/flows?pp=<script>alert(1)</script>&format="><b>', headers=HTML).text()
    assert "<script>alert" not in text and "<b>" not in text.split("<main")[1]


def test_not_available(responder, place):
    """Before there is a state: a page without what is not known; and where www/ is not there, JSON."""
    one = responder({"organization": "Here", "cache_data": "/proc/nosuch/kodo.json"})
    told, shown = one.get("/"), one.get("/flows?q=x", headers=HTML)
    assert told.json() == {"status_code": 503, "detail": "Service Unavailable"} and shown.status == 503 and shown.headers["retry-after"] == "1"
    assert "Not available just now" in shown.text() and "Try again in 1 second." in shown.text() and re.search("<title>[^<]* · kodo</title>", shown.text())
    assert "Here" not in shown.text() and not os.path.exists(one.state_path())
    bare = responder({"organization": "Here"}, env={"KODO_WWW": place})
    assert bare.get("/nosuch", headers=HTML).json() == {"status_code": 404, "detail": "Not Found"}
