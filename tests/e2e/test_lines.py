"""kodo export --lines: JSON Lines with versions and tombstones, which kodo import reads into the same."""
import json
import subprocess
import time

import pytest

import kodotest
from kodotest import flow, greeting, wait_until


def run(*arguments, status=0):
    done = subprocess.run([kodotest.KODO, *arguments], capture_output=True, check=False, timeout=120)
    assert done.returncode == status, (done.returncode, done.stdout[-500:], done.stderr[-1000:])
    return done.stdout if status == 0 else done.stderr.decode()


@pytest.fixture
def filled(service):
    """A registry with providers of each role, legacy and kodo, nodes that two state, removals, and every field."""
    one = service({"organization": "One", "retry": 0, "workers": 1, "quota_nodes": 0, "trigger": "cron"})
    now = int(time.time() * 1000000)

    def url(n):
        return f"http://127.0.0.1:{2000 + n}"

    def body(n, nodes, versions=None, gone=None, **more):
        kodo = {"versions": {node["url"]: version for node, version in zip(nodes, versions)}} if versions else {}
        if gone:
            kodo["gone"] = gone
        return {**greeting(url(n), **more), "nodes": nodes, **({"kodo": {**kodo, "life": 77 + n, "sent": 1}} if versions else {})}

    def node(n, count=2, name="ä 漢字 \U0001f600 \"quoted\" \\ \n line", **more):
        return kodotest.node(url(n), [flow(i, name=f"{name} {i}", **more) for i in range(count)], organization="Ünï")
    post = one.post
    assert post("/connect", body(0, [node(0)])).status == 201                                   # a legacy node
    assert post("/connect", body(1, [node(1, entry="http://127.0.0.1:2001/agent")], [now])).status == 201
    assert post("/connect", body(2, [node(k) for k in (2, 3, 4)], [now + 5, now + 6, now + 7], registry=True, feed=True)).status == 201
    assert post("/connect", body(3, [node(3, name="other"), node(5)], [now + 9, now + 1], registry=True, feed=True, organization="")).status == 201
    assert post("/connect", body(6, [node(6, 10000, name="many")], [now])).status == 201
    assert post("/connect", body(7, [{**node(7), "audience": "https://aud.example"}], [now], registry=True, feed=False)).status == 201
    assert post("/update", {**body(2, [], gone=None, registry=True, feed=True), "kodo": {"gone": {url(4): now + 20, url(40): now + 21}, "life": 79, "sent": 2}}).status == 200
    assert post("/connect", body(8, [node(8)], [now])).status == 201
    assert post("/disconnect", {"provider": url(8), "url": [url(8)]}).status == 200
    wait_until(lambda: one.get("/counts").status == 200, 5)
    return one


def test_same_bytes(filled, service, place):
    first, second = (f"{place}/{name}.jsonl" for name in ("first", "second"))
    run("export", "--lines", "-o", first, "--state", filled.state_path())
    text = open(first, encoding="utf-8").read()
    assert text.endswith("}\n") and not text.endswith("\n\n")
    lines = [json.loads(line) for line in text.splitlines()]
    providers = [line for line in lines if not line["kodo"].get("gone")]
    gone = {url: version for line in lines for url, version in line.get("kodo", {}).get("gone", {}).items()}
    assert [line["url"][-4:] for line in providers] == ["2000", "2001", "2002", "2003", "2006", "2007"]
    assert len(gone) == 3 and all(version > 0 for version in gone.values()), gone
    assert any(flow.get("entry") for line in providers for node in line["nodes"] for flow in node["flows"])
    assert any(node.get("audience") for line in providers for node in line["nodes"])
    new = service({"organization": "Two", "retry": 0, "workers": 1, "trigger": "cron"})
    out = run("import", new.state_path(), first)
    assert out.decode().startswith(f"imported lines: {len(lines)}")
    run("export", "--lines", "-o", second, "--state", new.state_path())
    again = open(second, encoding="utf-8").read()
    assert again.splitlines() == [line.replace(filled.url, new.url) for line in text.splitlines()]
    rows = [{tuple(sorted((k, str(v)) for k, v in item.items() if k not in ("created", "modified")))
             for item in one.get("/flows?pp=1000&q=2006&format=json").json()["items"]} for one in (filled, new)]
    assert rows[0] == rows[1] and new.total() == filled.total()
    assert b"error  " not in subprocess.run([kodotest.KODO, "check", "--state", new.state_path()], capture_output=True, check=False).stdout
    # once more into the same state: nothing changes
    run("import", new.state_path(), second)
    run("export", "--lines", "-o", second, "--state", new.state_path())
    assert open(second, encoding="utf-8").read() == again


def test_damaged_lines(filled, service, place):
    path = f"{place}/lines"
    run("export", "--lines", "-o", path, "--state", filled.state_path())
    lines = open(path, encoding="utf-8").read().splitlines()
    new = service({"organization": "Two", "retry": 0, "workers": 1})
    for n, bad in ((1, lines[1][:-3]), (2, "{}"), (3, "[]"), (2, lines[2].replace('"nodes":[', '"nodes":7,"x":['))):
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines[:n] + [bad] + lines[n + 1:]) + "\n")
        assert f":{n + 1}: " in run("import", new.state_path(), path, status=1)
    assert new.total() == 0
