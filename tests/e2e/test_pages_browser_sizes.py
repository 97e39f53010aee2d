"""Each page in a real browser with little and with much: 1, 55 and 10,000 flows, and 300 peers; wide, on a phone, dark, without scripts.

`make check-browser` runs it; `make check` skips it. axe and vnu look at each page where they are there.
"""
import contextlib
import json
import os
import re
import subprocess
import time

import pytest

import kodotest
from kodotest import flow, greeting, node, wait_until
from test_pages_browser import AXE, Browser, WIDE, browser, chromium, service  # noqa: F401

PHONE = (390, 844)
VNU = os.environ.get("VNU")                                      # path of vnu.jar
DOCS = ("/docs", "/docs/between", "/docs/families", "/docs/operate", "/docs/records")
PAGES = ("/", "/status", "/flows", "/map", *DOCS, "/nosuch", "/flows?pp=x", "/map?state=paused")
HTML = {"accept": "text/html"}
ORGANIZATIONS = ["Example Labs", "House of Communication", "City of Munich", "A rather long name of an organization that goes on and on", None, "Zoë & Partner"]
TAGS = ["legal", "finance", "travel", "hr", "office", "language", "search", "support", "research", "marketing", "health", "data", "code"]


def make(i):
    return flow(i, name=f"{('Invoice', 'Contract', 'Travel', 'Report')[i % 4]} {('Reader', 'Writer', 'Planner')[i % 3]} {i}", tags=TAGS[i % 13:i % 13 + i % 5],
                description="It reads what desks send and says in ten lines what is in it, for people and programs.")


@pytest.fixture(scope="module", params=[(1, 0), (55, 9), (10000, 300)], ids=lambda p: f"{p[0]}-flows-{p[1]}-peers")
def filled(request):
    flows, peers = request.param
    with kodotest.folder() as path:
        dead = [f"http://127.0.0.1:{kodotest.free_port()}"] if peers else []
        own = flows if peers == 0 else 5
        one = kodotest.Service(path, {"organization": "Example Registry", "flows": [make(i) for i in range(own)], "connect": dead, "retry": 1}).start()
        for p in range(peers):
            url = f"http://127.0.0.1:{p + 1000}" if p % 3 else f"https://agents-{p}.example.org/some/deep/path/to/it"
            mine = [make(i) for i in range((flows - own) // peers + (p < (flows - own) % peers))]
            organization = ORGANIZATIONS[p % 6] if peers < 100 else f"Organization {p % 40}"
            assert one.post("/connect", greeting(url, organization=organization, nodes=[node(url, mine, organization=organization)])).status == 201
        wait_until(lambda: not dead or "in trouble" in one.get("/status", headers=HTML).text().replace("<strong>0</strong> peers in trouble", ""), 10)
        one.name = f"{flows}"
        yield one
        one.kill()


def violations(browser):
    with open(AXE, encoding="utf-8") as f:
        browser.script(f.read())
    found = browser.driver.execute_async_script("axe.run().then((r) => arguments[arguments.length - 1](r.violations))")
    return [(v["id"], v["help"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found]


SMALL = """return [...document.querySelectorAll("nav a, .chips a, button, input, select, summary, .facets a, .site a, .pages a")]
    .filter((e) => e.checkVisibility() && !e.closest("[hidden]"))
    .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()]).filter(([, r]) => r.height < 39.5 || r.width < 30)
    .map(([text, r]) => `${text}: ${r.width} x ${r.height}`)"""
# is a chip, or the ring of a link in focus, cut off by what it lies in?
CUT = """const inside = (e, by) => { const r = e.getBoundingClientRect();
    for (let o = e.parentElement; o && o !== document.body; o = o.parentElement) {
        if (getComputedStyle(o).overflowY === "visible") continue;
        const b = o.getBoundingClientRect();
        if (r.top < b.bottom - 1 && (r.bottom + by > b.bottom + 1 || r.top - by < b.top - 1)) return false; }
    return true; };
    return [...document.querySelectorAll(".tag")].filter((e) => e.checkVisibility() && !inside(e, 0)).map((e) => e.outerHTML)"""


def look(browser, one, target, name):
    browser.open(one.url + target)
    assert browser.is_inside(), (target, name)
    browser.shot(f"{one.name}{re.sub('[^a-z]+', '-', target).rstrip('-') or '-home'}-{name}", whole=len(one.get(target, headers=HTML).body) < 50000)
    assert browser.script(CUT) == [], (target, name)
    if AXE:
        assert (found := violations(browser)) == [], (target, name, json.dumps(found, indent=1))


def test_wide_on_a_phone_and_dark(filled, chromium):            # noqa: F811
    for target in PAGES:
        for name, size, scheme in (("wide", WIDE, "light"), ("phone-dark", PHONE, "dark"), ("phone", PHONE, "light"), ("wide-dark", WIDE, "dark")):
            chromium.size(*size)
            chromium.scheme(scheme)
            look(chromium, filled, target, name)
            if size == PHONE:
                assert chromium.script(SMALL) == [], target
            pages = [e.get_attribute("href") for e in chromium.all("a[aria-current=page]")]
            assert len(pages) == (target.partition("?")[0] in ("/", "/status", "/flows", "/map", *DOCS) and "pp=x" not in target) or "pp=x" in target
    chromium.open("about:blank")
    chromium.complaints()                                        # of 404 and 400


def test_without_scripts(filled):
    plain = Browser(scripts=False)
    try:
        for size in (WIDE, PHONE):
            plain.size(*size)
            for target in PAGES:
                plain.open(filled.url + target)
                assert plain.is_inside() and plain.one("h1").text and not plain.all("#lost:not([hidden])"), target
                plain.shot(f"{filled.name}{re.sub('[^a-z]+', '-', target).rstrip('-') or '-home'}-plain-{size[0]}", whole=False)
        plain.open(filled.url + "/")
        if plain.all(".chips a"):
            plain.one(".chips a").click()
            assert "/flows?tag=" in plain.driver.current_url
        plain.open(filled.url + "/nosuch")
        plain.one("input[type=search]").send_keys("invoice\n")
        wait_until(lambda: "/flows?words=invoice" in plain.driver.current_url, 5)
    finally:
        plain.driver.quit()


@pytest.mark.skipif(not VNU, reason="no vnu.jar: make check-browser fetches it from npm where there are one and java")
def test_vnu(filled):
    with kodotest.folder() as place:
        for i, target in enumerate(PAGES):
            with open(os.path.join(place, f"{i}.html"), "wb") as f:
                f.write(filled.get(target, headers=HTML).body)
        # words made by dice remind it of some language; and rel="ai-catalog", which ARD asks for, of another name
        done = subprocess.run(["java", "-jar", VNU, "--stdout", "--format", "gnu", "--filterpattern", ".*appears to be written in.*|.*ai-catalog.*"] + [os.path.join(place, f"{i}.html") for i in range(len(PAGES))],
                              capture_output=True, text=True, check=False)
    assert done.stdout == "", done.stdout[:3000]


def test_weight(filled):
    for target in PAGES:
        assert len(filled.get(target, headers=HTML).body) < 60000, target


def test_old_anchors_of_docs(filled, chromium):                  # noqa: F811
    """What was on /docs is on pages of its own, and a link to there leads on; without scripts to the line that does."""
    for anchor, page in (("post-update", "between"), ("part-2", "families"), ("record-node", "records"), ("records", "records"), ("get-flows", "")):
        chromium.open("about:blank")
        chromium.open(f"{filled.url}/docs#{anchor}")
        wait_until(lambda: chromium.driver.current_url == f"{filled.url}/docs{page and '/' + page}#{anchor}", 5, anchor)   # noqa: B023
        assert chromium.all("#" + anchor), anchor
    plain = Browser(scripts=False)
    try:
        plain.open(filled.url + "/docs#post-update")
        plain.one("#post-update").click()
        wait_until(lambda: plain.driver.current_url == filled.url + "/docs/between#post-update", 5)
        assert "POST /update" in plain.texts(":target h3")
    finally:
        plain.driver.quit()


def test_lost_connection(browser, service):                     # noqa: F811
    """A page says that nobody answers and since when, and takes it back."""
    one = service({"organization": "Here", "flows": [make(1)]})
    browser.open(one.url + "/map")
    line = lambda: browser.script("const e = document.getElementById('lost'); return e.hidden ? '' : e.textContent")    # noqa: E731
    time.sleep(1)
    assert line() == ""
    one.kill()
    text = wait_until(line, 20, "it says so")
    assert re.match("No connection since [0-9]+:[0-9]{2}:[0-9]{2}", text) and browser.is_inside()
    browser.shot("lost")
    time.sleep(6)
    assert line() == text                                        # since then, not since the last look
    one.start()
    wait_until(lambda: line() == "", 20, "it is there again")
    with contextlib.suppress(AssertionError):
        browser.complaints()


def test_times(browser, service):                               # noqa: F811
    """The reader's clock, and the whole time on hover."""
    one = service({"organization": "Here", "flows": [make(1)]})
    browser.command("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
    browser.command("Emulation.setLocaleOverride", locale="de-DE")
    browser.open(one.url + "/status")
    when = wait_until(lambda: browser.all("time[title]"), 5)[0]
    utc = when.get_attribute("datetime")
    hour = (int(utc[11:13]) + 9) % 24
    assert re.search(f"{hour:02}:{utc[14:16]}$", when.text), (utc, when.text)
    assert f"({utc})" in when.get_attribute("title")
    browser.command("Emulation.setTimezoneOverride", timezoneId="")
    browser.command("Emulation.setLocaleOverride")
