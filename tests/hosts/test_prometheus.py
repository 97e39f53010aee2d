"""A real Prometheus scrapes kodo by the sample of conf/metrics, and knows all that the dashboard and the alerts name."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest

import hosts
import kodotest
from kodotest import wait_until
from metricstest import of, read, scrape

METRICS = os.path.join(hosts.CONF, "metrics")
FLOWS = [kodotest.flow(n) for n in range(5)]
VARIABLES = {"$job": "kodo", "$instance": ".*", "$__rate_interval": "10s"}


class Prometheus:
    """In a folder of its own, on a port of its own."""

    def __init__(self, place, target, key):
        self.port = kodotest.free_port()
        self.key = os.path.join(place, "kodo.key")
        self.write_key(key)
        shutil.copy(os.path.join(METRICS, "kodo.rules.yml"), place)
        with open(os.path.join(METRICS, "prometheus.yml"), encoding="utf-8") as f:
            sample = f.read()
        assert "scrape_interval: 15s" in sample and '"localhost:3366"' in sample
        config = os.path.join(place, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(sample.replace("scrape_interval: 15s", "scrape_interval: 1s").replace("localhost:3366", target))
        subprocess.run(["promtool", "check", "config", config], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(place, "out"), "wb") as out:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={place}/tsdb", "--log.level=error",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait_until(lambda: self.ask("up") is not None, 60, "Prometheus answers")

    def write_key(self, key):
        with open(self.key, "w", encoding="ascii") as f:
            f.write(key)

    def get(self, path, **params):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(params)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def ask(self, query):
        return self.get("query", query=query)["result"]

    def value(self, query):
        return sum(float(row["value"][1]) for row in self.ask(query))


@contextlib.contextmanager
def prometheus(place, target, key):
    one = Prometheus(place, target, key)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def kodo():
    with kodotest.folder() as place:
        one = kodotest.Service(place, {"flows": FLOWS, "private": True}).start()
        one.key = subprocess.run([kodotest.KODO, "key", "admin", "--state", one.state_path()], check=True, capture_output=True,
                                 text=True).stdout.split()[-1]
        yield one
        one.kill()


def expressions():
    """Of the dashboard, its variables replaced, and of the alerts."""
    with open(os.path.join(METRICS, "grafana.json"), encoding="utf-8") as f:
        panels = json.load(f)["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    with open(os.path.join(METRICS, "kodo.rules.yml"), encoding="utf-8") as f:
        found += re.findall(r"^ *expr: (.*)$", f.read(), re.MULTILINE)
    for name, value in VARIABLES.items():
        found = [one.replace(name, value) for one in found]
    assert len(found) > 30
    return found


def test_scrape(kodo):
    for target in ("/flows", "/flows?q=number", "/nosuch", "/flows", "/map"):
        kodo.get(target)
    with kodotest.folder() as place, prometheus(place, f"localhost:{kodo.port}", "0" * 32) as server:
        wait_until(lambda: server.ask("up") and server.value("up") == 0 and server.get("targets")["activeTargets"][0]["lastError"], 20)
        assert "403" in server.get("targets")["activeTargets"][0]["lastError"]
        server.write_key(kodo.key)
        wait_until(lambda: server.value("up") == 1, 20, "it is scraped")
        assert server.value("kodo_flows") == 5
        wait_until(lambda: server.value('kodo_requests_total{route="/flows",status="200"}') == 3, 20)
        assert server.value('kodo_refusals_total{reason="not_admin"}') >= 1
        # as OpenMetrics: Prometheus keeps units only of that
        units = server.get("metadata", metric="kodo_map_bytes")
        assert units["kodo_map_bytes"][0]["unit"] == "bytes", units
        wait_until(lambda: server.value("count_over_time(kodo_flows[1m])") > 4, 20, "there is something to compute with")
        known = set(server.get("label/__name__/values"))
        for expression in expressions():
            names = set(re.findall(r"\bkodo_\w+", expression))
            assert names <= known, (expression, names - known)
            server.ask(expression)                          # 400 where it is none
        labels = {name: set(server.get(f"label/{name}/values")) for name in ("reason", "state", "route", "way")}
        for expression in expressions():
            for label, words in re.findall(r'(reason|state|route|way)=~?"([^"]*)"', expression):
                assert set(words.split("|")) <= labels[label], expression
        rules = server.get("rules")["groups"][0]["rules"]
        assert {rule["name"] for rule in rules} > {"KodoDown", "KodoMapFull"} and {rule["health"] for rule in rules} <= {"ok", "unknown"}
        assert server.value('rate(kodo_requests_total{route="/metrics"}[10s])') > 0


def test_dashboard_has_every_family(kodo):
    used = " ".join(expressions())
    families = {re.sub("_(bucket|count|sum)$", "", name) for name, _ in scrape(kodo)}
    assert not [name for name in families if name not in used]


def test_each_server(host):
    """Each passes on key and method, and answers as they are."""
    one = host({"metrics": "admin"})
    wait_until(lambda: one.get("/").status == 200, 10)
    for path in ("/health", "/health/live", "/health/ready"):
        answer = one.get(path)
        assert answer.status == 200 and answer.headers["cache-control"] == "no-store", answer
    head = one.request("HEAD", "/health")
    assert (head.status, head.body) == (200, b"")
    headers = {"Authorization": "Bearer " + one.key()}
    samples = read(one.get("/metrics", headers=headers).text())
    pool = "fastcgi" if one.fastcgi else "cgi"
    assert of(samples, "kodo_requests_total", route="/health", method="GET", pool=pool, status="200") == 1
    assert of(samples, "kodo_requests_total", route="/health", method="HEAD", status="200") == 1


@pytest.mark.parametrize("pool", ["fastcgi", "cgi"])
def test_promtool(pool):
    """The text format, and no advice left."""
    kind = kodotest.Responder if pool == "fastcgi" else kodotest.PlainCGI
    with kodotest.folder() as place:
        one = kind(place, {"flows": FLOWS, "private": True})
        try:
            for target in ("/flows", "/flows?q=number", "/nosuch"):
                one.get(target)
            one.post("/connect", kodotest.connect_body("http://localhost:4390"))
            assert of(scrape(one), "kodo_requests_total", pool=pool) == 4
            text = one.get("/metrics", headers={"Accept": "text/plain"}).body
            done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
            assert (done.returncode, done.stdout + done.stderr) == (0, b"")
        finally:
            one.close()
