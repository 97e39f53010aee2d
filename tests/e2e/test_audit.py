"""The audit: a line for each request that is to change something, and for each withdrawal that follows from none."""
import json
import os
import stat
import subprocess

import pytest

import kodotest
import meshtest
import signing
from kodotest import connect_body, flow, greeting, node, wait_until
from test_trust import Owner

ME = "http://localhost:5000"


def lines(one):
    """Of the present file, without their times; these do not fall."""
    path = os.path.join(one.state_path(), "audit.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        found = [json.loads(line) for line in f]
    for line in found:
        assert line.pop("time").startswith("20")
    return found


def new(one, before):
    found = lines(one)
    assert found[:len(before)] == before
    return found[len(before):]


def short(line):
    return tuple(line.get(name) for name in ("method", "route", "url", "known", "status", "outcome", "reason"))


def bodies():
    """(path, body, answer) of requests that are taken and refused."""
    yield "/update", connect_body(ME), (ME, "anonymous", 404, "refused", "unknown")
    yield "/reconnect", greeting(ME), (ME, "anonymous", 404, "refused", "unknown")
    yield "/connect", b"{", (None, "anonymous", 400, "refused", "invalid")
    yield "/connect", {**connect_body(ME), "nodes": [{"url": 1}]}, (None, "anonymous", 400, "refused", "invalid")
    yield "/connect", connect_body("http://localhost:4321"), (None, "anonymous", 400, "refused", "invalid")
    yield "/connect", connect_body("http://evil.example"), ("http://evil.example", "anonymous", 403, "refused", "not_accepted")
    yield "/connect", b" " * (2 << 20), (None, "anonymous", 413, "refused", "too_large")
    yield "/connect", connect_body(ME), (ME, "legacy", 201, "taken", None)
    yield "/update", connect_body(ME, 2), (ME, "legacy", 200, "taken", None)
    yield "/disconnect", {"provider": ME, "url": [ME]}, (ME, "legacy", 200, "taken", None)
    yield "/disconnect", {"provider": ME, "url": [ME]}, (ME, "legacy", 404, "refused", "unknown")


def test_each_request(hosted):
    kodo = hosted({"trigger": "cron", "body_max_mib": 1, "accept": [ME], "private": True})
    before = []
    for path, body, (url, known, status, outcome, reason) in bodies():
        assert kodo.post(path, body, REMOTE_ADDR="192.0.2.7").status == status
        found = new(kodo, before)
        known = "anonymous" if status >= 400 else known
        assert [short(line) for line in found] == [("POST", path, url, known, status, outcome, reason)], found
        assert found[0]["by"] == "request" and found[0]["address"] == "192.0.2.7"
        before += found
    taken = [line for line in before if line["outcome"] == "taken"]
    assert [line["nodes"] for line in taken] == [[{"url": ME}]] * 3
    assert [line.get("withdrawn", 0) for line in taken] == [0, 0, 1]
    assert all(a["view"] < b["view"] and a["state"] < b["state"] for a, b in zip(taken, taken[1:]))
    path = os.path.join(kodo.state_path(), "audit.jsonl")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_admin_and_secrets(hosted):
    kodo = hosted({"trigger": "cron"})
    assert kodo.post("/connect", connect_body(ME)).status == 201
    key, before = kodo.key(), lines(kodo)
    bearer = {"Authorization": f"Bearer {key}"}
    for method, target, headers, want in (
            ("DELETE", "/connect", {}, ("anonymous", 403, "refused", "not_admin")),
            ("DELETE", f"/connect?key={'0' * 32}", {}, ("anonymous", 403, "refused", "not_admin")),
            ("DELETE", f"/connect?key={key}", {}, ("admin", 204, "taken", None)),
            ("POST", f"/moderation?do=hide&pattern={ME}", bearer, ("admin", 200, "taken", None)),
            ("POST", f"/moderation?do=allow&pattern={ME}&key={key}", {}, ("admin", 200, "taken", None)),
            ("POST", "/moderation?do=what", bearer, ("admin", 400, "refused", "invalid")),
            ("POST", f"/moderation?do=deny&pattern={ME}", {**bearer, "Origin": "http://evil.example"},
             ("anonymous", 403, "refused", "foreign_page")),
            ("POST", "/moderation?forget=many", bearer, ("anonymous", 400, "refused", "invalid")),
            ("GET", f"/cron?key={key}", {}, ("admin", 200, "taken", None))):
        answer = kodo.request(method, target, headers=headers, REMOTE_ADDR="192.0.2.7")
        found = new(kodo, before)
        mine = [line for line in found if line["by"] == "request"]
        assert [short(line)[3:] for line in mine] == [want] and answer.status == want[1], (target, found, answer)
        before += found
    subjects = [line["subject"] for line in before if "subject" in line]
    assert subjects == [f"hide url:{ME}: set", f"allow url:{ME}: undone"]
    gone = [line for line in before if line["by"] != "request"]
    assert [(line["by"], line["outcome"], line["reason"], line["nodes"][0]["url"]) for line in gone] == \
        [("kodo", "withdrawn", "moderated", ME)]
    assert kodo.request("POST", f"/moderation?do=hide&pattern={ME}&dry=1", headers=bearer).status == 200
    assert new(kodo, before) == []
    text = open(os.path.join(kodo.state_path(), "audit.jsonl"), encoding="utf-8").read()
    assert key not in text and "0" * 32 not in text


def test_reading_writes_nothing(hosted):
    kodo = hosted({"trigger": "cron"})
    for target in ("/", "/flows", "/connect", "/map", "/status", "/counts", "/changes?since=0", "/docs", "/check", "/moderation",
                   f"/check?key={'0' * 32}", "/nothing"):
        kodo.get(target)
    kodo.request("OPTIONS", "/connect")
    kodo.request("HEAD", "/flows")
    kodo.request("PUT", "/connect")
    assert lines(kodo) == []


def test_huge_update(hosted):
    kodo = hosted({"trigger": "cron"})
    nodes = [node(f"http://localhost:{6000 + i}", [flow(0)]) for i in range(1000)]
    assert kodo.post("/connect", greeting(ME, nodes=nodes)).status == 201
    line, = lines(kodo)
    assert len(line["nodes"]) == 20 and line["more"] == 980 and len(json.dumps(line)) < 2000


def test_full_disk(hosted):
    kodo = hosted({"trigger": "cron", "audit_file": "/dev/full"})
    for i in range(3):
        assert kodo.post("/connect", connect_body(ME, i)).status == 201
    told = kodo.log().count("the audit /dev/full cannot be written: No space left on device")
    assert told == (1 if kodo.kind == "fcgi" else 3)


def test_no_audit(hosted):
    kodo = hosted({"trigger": "cron", "audit_max_mib": 0})
    assert kodo.post("/connect", connect_body(ME)).status == 201
    assert lines(kodo) == []


def test_workers_share_it(responder):
    kodo = responder({"trigger": "cron"}, workers=4)
    urls = [f"http://localhost:{6000 + i}" for i in range(200)]
    answers = meshtest.at_once([lambda u=u: kodo.post("/connect", connect_body(u)) for u in urls])
    assert {a.status for a in answers} == {201}
    assert sorted(line["url"] for line in lines(kodo)) == sorted(urls)


@pytest.fixture
def registry(service):
    return service({"organization": "Registry", "private": True})


def command(one, *arguments):
    subprocess.run([kodotest.KODO, *arguments, "--state", one.state_path()], check=True, capture_output=True, timeout=30)


def test_who_signs(registry):
    owner = Owner(is_there=False)
    assert owner.post(registry, "/connect").status == 201
    line, = lines(registry)
    assert line["known"] == "pinned" and line["key"] == owner.key.text and line["nodes"][0]["version"] > 10**15
    # somebody else in its name: nothing is said that it has not shown
    data = json.dumps(owner.body("/update")).encode()
    assert registry.post("/update", data, headers=signing.headers(signing.Key(), "POST", registry.url + "/update", owner.url, data)).status == 403
    line = lines(registry)[1]
    assert short(line) == ("POST", "/update", owner.url, "anonymous", 403, "refused", "other_key") and line["key"] != owner.key.text
    changed = data.replace(b"Tester", b"Fester")
    assert registry.post("/update", changed, headers=owner.fields("/update", data, registry.url)).status == 403
    assert short(lines(registry)[2])[3:] == ("anonymous", 403, "refused", "signature")
    assert owner.fields("/update", data, registry.url)["Signature"][6:-1] not in str(lines(registry))
    command(registry, "evict", owner.url, "--no-wait")
    line = lines(registry)[3]
    assert (line["by"], line["url"], line["known"], line["outcome"], line["reason"], line["nodes"][0]["url"]) == \
        ("command", owner.url, "pinned", "withdrawn", "admin", owner.url)


def test_another_key_at_the_url(registry):
    """The runner withdraws what whoever took a url said, once the url shows another key."""
    owner = Owner()
    try:
        squatter = Owner(is_there=False)
        squatter.port, squatter.url = owner.port, owner.url
        assert squatter.post(registry, "/connect").status == 201
        wait_until(lambda: [line for line in lines(registry) if line["by"] == "runner"], 15, "it is withdrawn")
        line, = [line for line in lines(registry) if line["by"] == "runner"]
        assert (line["url"], line["outcome"], line["reason"], line["nodes"][0]["url"]) == \
            (owner.url, "withdrawn", "other_key", owner.url)
    finally:
        owner.close()


def test_other_options(registry):
    """An own flow that goes is withdrawn by the options; a service that starts with cache_reset forgets all."""
    assert registry.post("/connect", connect_body(ME)).status == 201
    before = lines(registry)
    registry.stop()
    registry.write_loader(cache_reset=True)
    registry.start()
    found = new(registry, before)
    assert [(line["by"], line["url"], line["reason"], line["nodes"][0]["url"]) for line in found] == [("kodo", ME, "options", ME)]


# --- kodo audit ---

def audit(one, *arguments, status=0):
    done = subprocess.run([kodotest.KODO, "audit", *arguments, "--state", one.state_path()], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == status, done
    return done


def test_command(hosted):
    kodo = hosted({"trigger": "cron"})
    kodo.get("/")
    assert "there is no audit" in audit(kodo, status=1).stderr
    for i in range(3):
        assert kodo.post("/connect", connect_body(f"http://localhost:500{i}"), REMOTE_ADDR=f"192.0.2.{i}").status == 201
    kodo.post("/update", connect_body("http://localhost:5009"))
    every = audit(kodo).stdout.splitlines()
    assert len(every) == 4
    assert every[1][-105:].split(" ", 1)[1].endswith("taken POST /connect 201, http://localhost:5001 (legacy) from 192.0.2.1: http://localhost:5001")
    assert "refused POST /update 404 unknown, http://localhost:5009 (anonymous) from 127.0.0.1: http://localhost:5009" in every[3]
    for arguments, some in ((["--refused"], every[3:]), (["--who", "192.0.2.2"], every[2:3]), (["--who", "localhost:500"], every),
                            (["--who", "legacy"], every[:3]), (["--node", "HTTP://LOCALHOST:5001/"], every[1:2]),
                            (["--since", "1h"], every), (["--until", "1h"], []), (["--since", "2099-01-01"], []),
                            (["--since", "2020-01-01", "--until", "2099-01-01T00:00Z", "--who", "runner"], [])):
        assert audit(kodo, *arguments).stdout.splitlines() == some, arguments
    path = os.path.join(kodo.state_path(), "audit.jsonl")
    whole = open(path, encoding="utf-8").read()
    assert audit(kodo, "-o", "json").stdout == whole
    # torn and foreign lines: counted, and a whole one behind half a one is found
    with open(path, "w", encoding="utf-8") as f:
        f.write(whole[:50] + whole + "what?\n{}\n\n[1]\n")
    done = audit(kodo)
    assert done.stdout.splitlines() == every and done.stderr == "kodo audit: lines that are torn or none of an audit: 4\n"
    # files that were renamed come first
    os.rename(path, path + ".1")
    os.rename(path + ".1", path + ".3")
    kodo.post("/update", connect_body("http://localhost:5010"))
    assert audit(kodo).stdout.splitlines()[:4] == every and "localhost:5010" in audit(kodo).stdout.splitlines()[4]


@pytest.mark.parametrize("arguments,said", ((["--since", "yesterday"], "as 2026-11-24T08:16, or how long ago as 15m, not yesterday"),
                                            (["-o", "yaml"], "-o is json or text"), (["--node", "x"], "no http"),
                                            (["--until"], "--until")))
def test_wrong_arguments(service, arguments, said):
    assert said in audit(service({}), *arguments, status=2).stderr


# --- log_format: json ---

def test_log_of_objects(service):
    """Of all processes, on the screen and in the file; kodo logs knows their levels."""
    one = service({"log_format": "json", "registry": True, "private": True})
    assert one.post("/connect", connect_body(ME, organization='A "quoted"\nname\u202e')).status == 201
    assert one.post("/update", connect_body("http://localhost:5009")).status == 404
    one.stop()
    with open(os.path.join(one.cwd, "data", "kodo.log"), encoding="utf-8") as f:
        found = [json.loads(line) for line in f]
    assert all(list(line) == ["time", "level", "module", "line", "url", "message"] and line["url"] == one.url for line in found)
    line, = [line for line in found if line["message"].startswith(f"connect from {ME} ")]
    assert (line["level"], line["module"]) == ("INFO", "connect") and 'A "quoted"\nname\u202e' in line["message"]
    assert [json.loads(line)["message"] for line in one.screen().splitlines() if line.startswith("{")]
    every = subprocess.run([kodotest.KODO, "logs", "-n", "100", "--level", "warning", one.loader], cwd=one.cwd, capture_output=True,
                           text=True, check=True).stdout.splitlines()
    assert len(every) == len([line for line in found if line["level"] in ("WARNING", "ERROR")])
