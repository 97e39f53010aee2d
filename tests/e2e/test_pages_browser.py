"""The pages in a real browser: Debian's chromium, driven by selenium. `make check-browser` runs it; `make check` skips it.

Pictures of what was seen are written to $SHOTS (default: a folder of the test, gone afterwards).
"""
import json
import os
import shutil
import time
import urllib.parse

import pytest

import kodotest
from jwttest import Issuer, SignIn, bearer, token
from kodotest import connect_body, flow, greeting, node, wait_until

if not os.environ.get("BROWSER"):
    pytest.skip("make check-browser runs these", allow_module_level=True)

from selenium import webdriver                                   # noqa: E402
from selenium.webdriver.chrome.service import Service as Driver  # noqa: E402
from selenium.webdriver.common.by import By                      # noqa: E402
from selenium.webdriver.common.keys import Keys                  # noqa: E402

WORDS = ["alpha", "beta", "gamma", "delta"]
FLOWS = [flow(i, name=f"Flow {i:02} {WORDS[i % 4]}", tags=["all", WORDS[i % 4]], description=f"It does what {WORDS[i % 4]} flows do.")
         for i in range(25)]
WIDE, PHONE = (1280, 900), (375, 800)
AXE = os.environ.get("AXE")                                      # path of axe.min.js


class Browser:
    def __init__(self, scripts=True):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(service=Driver("/usr/bin/chromedriver"), options=options)
        self.size(*WIDE)

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def size(self, width, height):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def scheme(self, name):
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def open(self, url):
        self.driver.get(url)

    def script(self, code, *args):
        return self.driver.execute_script(code, *args)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return self.script("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent.trim())", selector)

    def keys(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def shot(self, name, whole=True):
        folder = os.environ.get("SHOTS")
        if not folder:
            return
        os.makedirs(folder, exist_ok=True)
        data = self.command("Page.captureScreenshot", captureBeyondViewport=whole)["data"] if whole else None
        path = os.path.join(folder, f"{name}.png")
        if data is None:
            self.driver.save_screenshot(path)
            return
        import base64
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def is_inside(self):
        """Nothing makes the page wider than the window."""
        return self.script("return document.documentElement.scrollWidth <= window.innerWidth")


@pytest.fixture(scope="module")
def chromium():
    one = Browser()
    yield one
    one.driver.quit()


@pytest.fixture
def browser(chromium):
    chromium.size(*WIDE)
    chromium.scheme("light")
    chromium.complaints()
    yield chromium
    assert chromium.complaints() == []


@pytest.fixture
def service(service, browser):
    """No page outlives its service."""
    yield service
    browser.open("about:blank")


@pytest.fixture(scope="module")
def registry():
    with kodotest.folder() as path:
        one = kodotest.Service(path, {"organization": "House of Flows", "flows": FLOWS}).start()
        one.post("/connect", greeting("http://127.0.0.1:9", organization="Far Away", nodes=[
            {"url": "http://127.0.0.1:9", "organization": "Far Away", "flows": [flow(i, name=f"Far {i}", tags=["far", "all"]) for i in range(7)]}]))
        yield one
        one.kill()


def count(browser):
    return browser.texts(".count strong")[0]


def soon(browser, wanted):
    wait_until(lambda: count(browser) == wanted, 5, wanted)


# --- /flows ---

def test_search_facet_sort_page_and_share(browser, registry):
    browser.open(registry.url + "/flows")
    assert count(browser) == "32 of 32 flows"
    browser.shot("flows")
    browser.one("#q").send_keys("beta")                          # results while typing
    soon(browser, "6 of 32 flows")
    assert "words=beta" in browser.driver.current_url
    assert dict(zip(browser.texts(".facets ul:nth-of-type(2) li a"), browser.texts(".facets ul:nth-of-type(2) li span"))) == {"all": "6", "beta": "6"}
    browser.one("#q").clear()
    browser.one("#q").send_keys(" ", Keys.BACKSPACE)
    soon(browser, "32 of 32 flows")
    [link for link in browser.all(".facets a") if link.text == "Far Away"][0].click()
    soon(browser, "7 of 32 flows")
    assert "organization=Far%20Away" in browser.driver.current_url
    assert browser.texts(".chosen") == ["organization Far Away ✕"]
    browser.one(".chosen a").click()
    soon(browser, "32 of 32 flows")
    [link for link in browser.all(".facets a") if link.text == "gamma"][0].click()
    soon(browser, "6 of 32 flows")
    browser.one("#q").send_keys("01")
    soon(browser, "0 of 32 flows")
    browser.one("#q").clear()
    browser.one("#q").send_keys("1", Keys.ENTER)
    soon(browser, "3 of 32 flows")                               # 10, 14, 18 of gamma
    names = browser.texts("a.flow")
    browser.script("const s = document.getElementById('by'); s.value = 'name:d'; s.dispatchEvent(new Event('change', { bubbles: true }))")
    wait_until(lambda: browser.texts("a.flow") == names[::-1], 5, "sorted the other way")
    address = browser.driver.current_url
    shared = browser.script("return document.getElementById('results').innerText")
    browser.shot("flows-narrowed")
    browser.open("about:blank")
    browser.open(address)
    assert browser.script("return document.getElementById('results').innerText") == shared
    assert browser.script("return document.getElementById('q').value") == "1"


def test_pages_and_the_way_back(browser, registry):
    browser.open(registry.url + "/flows?pp=10")
    first = browser.texts("a.flow")
    browser.one("a[rel=next]").click()
    wait_until(lambda: "page 2 of 4" in browser.texts(".count")[0], 5, "page 2")
    second = browser.texts("a.flow")
    assert not set(first) & set(second) and "p=1" in browser.driver.current_url
    browser.driver.back()
    wait_until(lambda: browser.texts("a.flow") == first, 5, "page 1 again")
    browser.open(registry.url + "/flows?pp=10&p=3")
    assert len(browser.texts("a.flow")) == 2 and not browser.all("a[rel=next]")


def test_wrong_query(browser, registry):
    browser.open(registry.url + "/flows?q=name+%3D%3D+%22Flow%22+andd+author")
    note = browser.texts(".note")[0]
    assert "could not be read from column 16 on: unexpected andd" in note and "Error" not in note
    assert browser.texts(".note mark") == ["andd author"]
    browser.shot("flows-wrong-query")
    browser.open(registry.url + "/flows?q=no+such+words")
    assert not browser.all(".note") and count(browser) == "0 of 32 flows"


def test_keyboard_alone(browser, registry):
    browser.open(registry.url + "/flows")
    active = "return document.activeElement"
    browser.keys("/", "delta")
    soon(browser, "6 of 32 flows")
    assert browser.script(active + ".id") == "q"
    browser.keys(Keys.ESCAPE, "j")
    names = browser.texts("a.flow")
    assert browser.script(active + ".textContent") == names[0]
    browser.keys("j", "j", "k")
    assert browser.script(active + ".textContent") == names[1]
    browser.shot("flows-keyboard")
    browser.open(registry.url + "/flows")
    browser.keys("n")
    wait_until(lambda: "page 2 of 4" in browser.texts(".count")[0], 5, "page 2")
    browser.keys("p")
    wait_until(lambda: "page 1 of 4" in browser.texts(".count")[0], 5, "page 1")
    browser.open(registry.url + "/flows")
    browser.keys(Keys.TAB)                                       # every stop is reachable and visible
    assert browser.script(active + ".className") == "skip"
    seen = []
    for _ in range(30):
        browser.keys(Keys.TAB)
        seen.append(browser.script(active + ".id || document.activeElement.textContent.trim()"))
    assert seen[:5] == ["House of Flows", "Flows", "Map", "API", "Status"] and {"q", "by", "pp"} <= set(seen)


def test_refreshes_itself_without_flicker(browser, service):
    one = service({"organization": "Live", "flows": FLOWS[:3]})
    browser.open(one.url + "/flows")
    browser.script("document.querySelector('a.flow').focus(); document.querySelector('.foot').scrollIntoView()")
    assert one.post("/connect", connect_body("http://127.0.0.1:9", 2)).status == 201
    wait_until(lambda: count(browser) == "5 of 5 flows", 8, "refreshed")
    assert browser.texts("a.flow")[0] == "Flow 0" and browser.script("return document.activeElement.textContent") == "Flow 00 alpha"
    for path, text in (("/map", "2 flows"), ("/status", "5"), ("/", "5 agents")):
        browser.open(one.url + path)
        wait_until(lambda: text in browser.script("return document.getElementById('results').textContent"), 5, path)
    assert one.post("/disconnect", {"provider": "http://127.0.0.1:9", "url": ["http://127.0.0.1:9"]}).status == 200
    wait_until(lambda: "3 agents" in browser.texts(".count")[0], 8, "the first page refreshed")
    browser.open(one.url + "/status")
    assert browser.texts(".card strong")[0] == "3"
    assert one.post("/connect", connect_body("http://127.0.0.1:9", 2)).status == 201
    wait_until(lambda: browser.texts(".card strong")[0] == "5", 8, "status refreshed")


# --- what changes shows at once ---

# each fetch of a page: its path, when it began and ended (ms), whether the page was hidden then
SPY = """window.asked = [];
const ask = window.fetch;
window.fetch = async (...args) => {
    const one = { path: new URL(args[0], location.href).pathname, began: performance.now(), ended: null, hidden: document.hidden };
    asked.push(one);
    try { return await ask(...args); } finally { one.ended = performance.now(); }
};"""


@pytest.fixture
def spied(browser):
    made = browser.command("Page.addScriptToEvaluateOnNewDocument", source=SPY)
    yield browser
    browser.command("Page.removeScriptToEvaluateOnNewDocument", identifier=made["identifier"])
    browser.open("about:blank")


def asked(browser, path):
    return [one for one in browser.script("return asked") if one["path"].endswith(path)]


def waits(browser):
    return sum(one["ended"] is None for one in asked(browser, "/changes"))


def seconds_until(browser, text, limit=10):
    began = time.monotonic()
    wait_until(lambda: text in browser.script("return document.getElementById('results').textContent"), limit, text, pause=0.01)
    return time.monotonic() - began


@pytest.mark.parametrize("path, text", [("/flows", "{} of {} flows"), ("/flows?q=Flow&tag=all&pp=50", "{} of {} flows"), ("/", "{} agents"), ("/status", "{} flows"), ("/map", "{} flows")])
def test_a_change_shows_within_a_second(spied, service, path, text):
    one = service({"organization": "Live", "flows": FLOWS[:3]})
    spied.open(one.url + path)
    spied.script("window.same = true")
    wait_until(lambda: waits(spied) == 1, 5, "it waits")
    for n in (2, 5):
        assert one.post("/connect", connect_body("http://127.0.0.1:9", n)).status == 201
        assert seconds_until(spied, text.format(n + 3, n + 3)) < 1
        wait_until(lambda: waits(spied) == 1, 5, "it waits again")
    assert spied.script("return window.same")                    # no reload
    times = sorted((one["began"], one["ended"] or 1e9) for one in asked(spied, "/changes"))
    assert all(end <= begin for (_, end), (begin, _) in zip(times, times[1:])), times


def test_much_change_is_asked_for_seldom(spied, service):
    one = service({"organization": "Live", "flows": FLOWS[:3]})
    spied.open(one.url + "/flows")
    wait_until(lambda: waits(spied) == 1, 5, "it waits")
    end = time.monotonic() + 3
    n = 0
    while time.monotonic() < end:
        n += 1
        assert one.post("/connect", connect_body("http://127.0.0.1:9", n % 7 + 1)).status == 201
        time.sleep(0.02)
    seconds_until(spied, f"{n % 7 + 4} of {n % 7 + 4} flows")
    assert n > 30 and 2 < len(asked(spied, "/flows")) <= 12


def test_a_quiet_page_waits_and_does_not_poll(spied, service):
    one = service({"organization": "Quiet", "flows": FLOWS[:3]})
    spied.open(one.url + "/flows")
    time.sleep(8)
    assert len(asked(spied, "/changes")) == 1 and asked(spied, "/flows") == []
    spied.open(one.url + "/map")                                 # peers are no changes, so it does both
    time.sleep(8)
    assert len(asked(spied, "/changes")) == 1 and len(asked(spied, "/map")) == 1


@pytest.mark.parametrize("path", ["/flows", "/", "/status", "/map"])
def test_a_hidden_page_asks_nothing(spied, service, path):
    one = service({"organization": "Hidden", "flows": FLOWS[:3]})
    spied.open(one.url + path)
    wait_until(lambda: waits(spied) == 1, 5, "it waits")
    spied.driver.minimize_window()
    try:
        wait_until(lambda: spied.script("return document.hidden"), 5, "hidden")
        wait_until(lambda: waits(spied) == 0, 2, "it has hung up")
        before = len(spied.script("return asked"))
        assert one.post("/connect", connect_body("http://127.0.0.1:9", 2)).status == 201
        time.sleep(7)
        assert len(spied.script("return asked")) == before
        assert "5" not in spied.script("return (document.querySelector('.count') ?? document.querySelector('.card strong, .middle')).textContent").replace(str(one.port), "")
    finally:
        spied.driver.maximize_window()
    assert seconds_until(spied, {"/flows": "5 of 5 flows", "/": "5 agents"}.get(path, "5 flows")) < 1
    assert not any(one["hidden"] for one in spied.script("return asked"))


def test_it_polls_where_it_may_not_wait(spied, service):
    one = service({"organization": "Polled", "flows": FLOWS[:3], "followers": 0})
    spied.open(one.url + "/flows")
    time.sleep(1)
    assert one.post("/connect", connect_body("http://127.0.0.1:9", 2)).status == 201
    seconds_until(spied, "5 of 5 flows", 8)
    time.sleep(5)
    assert len(asked(spied, "/changes")) <= 4 and len(asked(spied, "/flows")) <= 3


def test_it_goes_on_with_another_state(spied, service):
    """A service that ends, and begins anew with what the page's number is not of: 410."""
    one = service({"organization": "Lost", "flows": FLOWS[:3]})
    spied.open(one.url + "/flows")
    wait_until(lambda: waits(spied) == 1, 5, "it waits")
    one.stop()
    shutil.rmtree(os.path.join(one.cwd, "data"))
    one.options["flows"] = FLOWS[:7]
    one.start()
    seconds_until(spied, "7 of 7 flows", 12)
    wait_until(lambda: waits(spied) == 1, 8, "it waits again")
    assert one.post("/connect", connect_body("http://127.0.0.1:9", 2)).status == 201
    assert seconds_until(spied, "9 of 9 flows") < 1
    assert len(asked(spied, "/changes")) < 12
    spied.complaints()                                           # of the time without a service


def test_without_scripts(registry):
    plain = Browser(scripts=False)
    try:
        plain.open(registry.url + "/flows")
        html = plain.driver.page_source
        assert "32 of 32 flows" in html
        plain.one("#q").send_keys("gamma")
        plain.one("#search button").click()
        wait_until(lambda: "6 of 32 flows" in plain.driver.page_source, 5, "the next page")
        assert "words=gamma" in plain.driver.current_url
        [link for link in plain.all(".facets a") if link.text == "all"][0].click()
        wait_until(lambda: "tag=all" in plain.driver.current_url, 5, "narrowed")
        assert "words=gamma" in plain.driver.current_url
        plain.open(registry.url + "/flows?by=author%2Cname")
        plain.one("a[rel=next]").click()
        wait_until(lambda: "page 2 of 4" in plain.driver.page_source, 5, "page 2")
        assert "by=author" in plain.driver.current_url
        plain.one("nav a[href$='/map']").click()
        wait_until(lambda: plain.one("svg.map"), 5, "the map")
        assert "Far Away" in plain.driver.page_source
        plain.one("nav a[href$='/docs']").click()
        wait_until(lambda: plain.all("#get-counts form"), 5, "the documents")
        plain.one("#get-counts form button").click()
        wait_until(lambda: '"total":32' in plain.driver.page_source, 5, "the answer")
    finally:
        plain.driver.quit()


# --- the other pages ---

def test_docs_and_trying(browser, registry):
    browser.open(registry.url + "/docs")
    browser.shot("docs")
    assert "POST /update" in " ".join(browser.texts(".toc a"))
    field = browser.one("#get-flows input[name=q]")
    field.send_keys("alpha", Keys.ENTER)
    wait_until(lambda: '"filtered": 7' in "".join(browser.texts("#get-flows output")), 5, "the answer")
    document, sections = registry.get("/docs/openapi.json").json(), set()
    for part in ("", "/between", "/families", "/operate"):
        browser.open(registry.url + "/docs" + part)
        sections |= set(browser.texts(".call h3"))
    assert sections == {f"{method.upper()} {path}" for path, row in document["paths"].items() for method in row}


def test_status_and_map(browser, service):
    dead = f"http://127.0.0.1:{kodotest.free_port()}"
    one = service({"organization": "House", "flows": FLOWS[:3], "connect": [dead], "retry": 1})
    for i in range(2):
        one.post("/connect", connect_body(f"http://127.0.0.1:{i + 10}", i + 1, registry=True, feed=bool(i)))
    wait_until(lambda: "1" in one.get("/status", headers={"accept": "text/html"}).text().split(" in trouble")[0][-40:], 10, "one in trouble")
    browser.open(one.url + "/status")
    browser.shot("status")
    assert dead in browser.texts("tbody")[0]
    browser.size(*PHONE)
    browser.shot("status-phone-trouble")
    state, comma = browser.script("""const state = document.querySelector("td .state"), after = document.createRange();
        after.setStart(state.nextSibling, 0); after.setEnd(state.nextSibling, 1);
        return [state, after].map((e) => e.getBoundingClientRect().bottom);""")
    assert abs(state - comma) < 4                                # no line begins with a comma
    browser.size(*WIDE)
    browser.open(one.url + "/map")
    browser.shot("map-3")
    assert len(browser.all("svg .peer")) == 3 and len(browser.all("tbody tr")) == 3
    browser.one("svg .peer[href='#peer-1']").click()
    assert browser.driver.current_url.endswith("#peer-1")


def test_map_of_300(browser, service):
    one = service({"organization": "Hub", "flows": FLOWS[:3]})
    for i in range(300):
        body = connect_body(f"http://127.0.0.1:{i + 1000}", 2, organization=f"Organization {i % 7}" if i % 20 else None)
        assert one.post("/connect", body).status == 201
    browser.open(one.url + "/map")
    browser.shot("map-300", whole=False)
    assert len(browser.all("svg .dot")) == 300 and len(browser.all("tbody tr")) == 25
    assert len(one.get("/map", headers={"accept": "text/html"}).body) < 60000
    rows = set()
    for p in range(12):                                          # page by page all of them
        browser.open(f"{one.url}/map?p={p}")
        rows |= set(browser.texts("tbody th"))
    assert len(rows) == 300
    browser.open(one.url + "/map")
    browser.all("svg a[href^='?p=']")[-1].click()                 # a dot whose row is on another page
    wait_until(lambda: len(browser.all("tr:target")) == 1, 5, "the row of the dot")
    assert browser.script("return document.querySelector('svg.map').getBoundingClientRect().height") < 1200
    tops = [one.get("/map", headers={"accept": "text/html"}).seconds for _ in range(5)]
    print("map of 300:", min(tops))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/status", "/flows", "/map", "/docs", "/docs/between", "/docs/families", "/docs/operate", "/docs/records"])
def test_on_a_phone_and_dark(browser, registry, path, scheme):
    browser.scheme(scheme)
    browser.size(*PHONE)
    browser.open(registry.url + path)
    assert browser.is_inside()
    back = browser.script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, back[4:-1].split(","))) < 200) == (scheme == "dark")
    name = path.strip("/").replace("/", "-") or "home"
    browser.shot(f"{name}-phone-{scheme}", whole="/docs" not in path)
    browser.size(*WIDE)
    browser.open(registry.url + path)
    assert browser.is_inside()
    if scheme == "dark":
        browser.shot(f"{name}-dark", whole="/docs" not in path)


def test_under_a_path(browser, folders):
    port = kodotest.free_port()
    one = kodotest.Service(folders(), {"url": f"http://localhost:{port}/~ann/kodo", "flows": FLOWS, "organization": "Ann"}, port=port).start()
    try:
        browser.open(one.url + "/~ann/kodo/flows")
        browser.one("#q").send_keys("beta")
        soon(browser, "6 of 25 flows")
        assert "/~ann/kodo/flows?words=beta" in browser.driver.current_url
        body = connect_body("http://127.0.0.1:9", nodes=[node("http://127.0.0.1:9", [flow(1, name="beta too")])])
        assert one.post("/~ann/kodo/connect", body).status == 201
        assert seconds_until(browser, "7 of 26 flows") < 1
        for name, text in (("Map", "peer"), ("API", "GET"), ("Status", "role")):
            [link for link in browser.all(".bar a") if link.text == name][0].click()
            assert "/~ann/kodo/" in browser.driver.current_url and text in browser.one("main").text
    finally:
        browser.open("about:blank")
        one.kill()


# --- hostile values ---

EVIL = ['<script>window.hit = 1</script>', '"><img src=x onerror="window.hit=1">', "'-window.hit=1-'", "{{name}}{{#tags}}", "]]>--><svg/onload=window.hit=1>",
        "\u202egnp.exe\u2066\u200f", "a\x01\x1b[31m\x7f\x85b", "\ud7ff\uffff\U0010ffff\u0300" * 3, "x" * 1000, "&lt;&amp;&#0;"]


def evil_flows():
    for i, text in enumerate(EVIL):
        yield {"url": f"/javascript:window.hit=1//{i}\"'><b>", "name": text, "author": text, "description": text * 10, "tags": [text[:250], f"t{i}"]}
    yield {"url": "javascript:window.hit=1", "name": "long", "description": "w" * 10000, "author": "w" * 1000, "tags": ["w" * 250] * 3}
    yield {"url": "/many", "name": "many", "description": None, "author": None, "tags": [f"tag number {i} <b>" for i in range(64)]}


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_hostile_values(browser, service, size):
    browser.size(*size)
    one = service({"organization": EVIL[1], "flows": [{k: v for k, v in f.items() if v is not None} for f in evil_flows() if f["name"].isprintable()]})
    for i, text in enumerate(EVIL):
        url = f"http://127.0.0.1:{i + 10}/%22%3E%3Cb%3E'{'w' * 900 if i == 3 else ''}"
        body = greeting(url, organization=text, nodes=[node(url, list(evil_flows()), organization=text, status=text)])
        assert one.post("/connect", body).status == 201, body
    for path in ("/flows?pp=100", "/flows?q=%3Cscript%3Ewindow.hit%3D1%3C%2Fscript%3E%22%3D", "/map", "/", "/status", "/docs",
                 "/flows?tag=%22%3E%3Cscript%3Ewindow.hit%3D1%3C%2Fscript%3E&organization=%27%3E", "/flows?by=%22%3E%3Cb%3E", "/flows/many"):
        browser.open(one.url + path)
        assert browser.is_inside(), path
        assert browser.script("return window.hit") is None, path
        assert not browser.script("return document.querySelectorAll('main b:not(.method), main img, main script').length"), path
        assert browser.script("return [...document.links].every((a) => /^https?:$/.test(a.protocol))"), path
        browser.shot(f"hostile{path.split('?')[0].replace('/', '-')}-{size[0]}", whole=False)
    lines = browser.script("return [...document.querySelectorAll('.foot')].map((e) => e.getBoundingClientRect().height)")
    assert lines[0] < 200


# --- weight, contrast, labels ---

def test_weight(browser, service):
    one = service({"organization": "Empty"})
    for path in ("/", "/status", "/flows", "/map"):
        browser.open("about:blank")
        browser.open(one.url + path)
        wait_until(lambda: browser.script("return performance.getEntriesByType('resource').length") >= 3, 5, path)
        time.sleep(0.3)
        sizes = browser.script("return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
                               ".map((e) => [e.name, e.decodedBodySize])")
        assert all(name.startswith(one.url) for name, _ in sizes)
        assert sum(size for _, size in sizes) < 60000, sizes
        print("weight of", path, sum(size for _, size in sizes))


@pytest.mark.skipif(not AXE, reason="no axe.min.js: make check-browser fetches it from npm where there is one")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe(browser, registry, scheme):
    browser.scheme(scheme)
    with open(AXE, encoding="utf-8") as f:
        axe = f.read()
    for path in ("/", "/status", "/flows", "/flows?q=name+%3D%3D&tag=all", "/map", "/docs", "/flows/flow-1", "/flow?url=" + urllib.parse.quote(registry.url + "/flows/flow-2", safe=""),
                 "/organization?name=House+of+Flows", "/flows?words=nothinglikeit"):
        browser.open(registry.url + path)
        browser.script(axe)
        found = browser.driver.execute_async_script("axe.run().then((r) => arguments[arguments.length - 1](r.violations))")
        assert found == [], json.dumps([(v["id"], v["help"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found], indent=1)


# --- behind a proxy that signs people in ---

def test_pages_with_tokens(browser):
    issuer = Issuer()
    with kodotest.folder() as path:
        service = kodotest.Service(path, {"flows": FLOWS, "auth_jwks_url": issuer.url})
        try:
            service.start()
            proxy = SignIn(service)
            wait_until(lambda: service.get("/counts", headers=bearer(service.url)).status == 200, 10)
            for url in (service.url, proxy.url):
                for page in ("/flows", "/map", "/flows/flow-1"):
                    browser.open(url + page)
                    assert browser.texts("h1") == ["Sign in first"] and "401: Unauthorized: there is no token" in browser.one("main").text
                    assert browser.is_inside()
            browser.shot("unauthorized")
            browser.complaints()                                  # of the status 401
            proxy.token = token(service.url)
            browser.open(proxy.url + "/flows")
            assert count(browser) == "25 of 25 flows"
            browser.one("#q").send_keys("beta")                   # by the page's script
            soon(browser, "6 of 25 flows")
            browser.open(proxy.url + "/flows")
            wait_until(lambda: any(path.startswith("/changes") for path in proxy.asked), 10, "the page waits for changes")
            service.post("/connect", connect_body("http://127.0.0.1:9", 5))
            soon(browser, "30 of 30 flows")                       # without a click
            browser.one("a.flow").click()
            browser.open(proxy.url + "/flows/flow-1")
            assert "Flow 01 beta" in browser.one("main").text
            browser.open(proxy.url + "/map")
            assert "127.0.0.1:9" in browser.one("main").text
            assert {status for path, status in proxy.seen[-20:] if not path.startswith("/www")} <= {200, 304}
            assert browser.complaints() == []
            proxy.token = token(service.url, exp=1)               # signed out
            browser.open(proxy.url + "/flows")
            assert "401: Unauthorized: the token has expired" in browser.one("main").text and browser.texts("a.flow") == []
            browser.complaints()
            browser.open("about:blank")
            proxy.close()
        finally:
            service.kill()
            issuer.close()
