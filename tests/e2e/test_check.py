"""kodo check, kodo export, kodo import: which state they find, what they say of it, and the cache file both ways."""
import contextlib
import fcntl
import json
import os
import re
import subprocess

import pytest

import kodotest
from kodotest import connect_body, flow, greeting, node, wait_until

ONE, TWO = "http://one.example.com:3390", "http://two.example.com:3391"


def run(*arguments, cwd="/", env=None):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KODO")}
    return subprocess.run([kodotest.KODO, *arguments], cwd=cwd, env={**clean, **(env or {})}, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, check=False)


def check(*arguments, status=0, **more):
    """The lines of kodo check."""
    done = run("check", *arguments, **more)
    assert done.returncode == status, done.stdout + done.stderr
    *lines, summary = done.stdout.splitlines()
    assert summary.startswith("summary ") and ("error" in summary) == (status == 1), done.stdout
    assert all(re.match(r"(ok|warning|error) +\S", line) for line in lines), done.stdout
    assert any(line.startswith("error") for line in lines) == (status == 1), done.stdout
    return lines


def has(lines, text):
    return any(text in line for line in lines)


@pytest.fixture
def filled(service):
    """A running registry with two providers, and its runner at work."""
    one = service({"registry": True, "feed": True, "organization": "Checked", "flows": [flow(0)], "retry": 0})
    wait_until(lambda: has(check("--state", one.state_path()), "ok      runner: running"), 5, "the runner runs")
    assert one.post("/connect", connect_body(ONE, 3)).status == 201
    assert one.post("/connect", greeting(TWO, organization=None, nodes=[
        node(TWO, [flow(7)], heartbeat="2001-02-03T04:05:06Z", status="well"), node("http://sub.example.com", [])])).status == 201
    return one


# --- check ---

def test_of_a_running_service(filled):
    for arguments, cwd in (([filled.loader], filled.cwd), (["kodo.yaml"], filled.cwd), (["--state", filled.state_path()], "/"),
                           ([filled.state_path()], "/"), (["--state", f"data/{filled.port}.lmdb"], filled.cwd)):
        lines = check(*arguments, cwd=cwd)
        assert has(lines, f"ok      state: {filled.state_path()}"), lines
        assert has(lines, f"ok      service: running, {filled.url}"), lines
        assert has(lines, "ok      runner: running"), lines
        assert has(lines, "nodes: 4, flows: 5"), lines
        assert not has(lines, "in force: the files"), lines
    assert filled.get("/").status == 200


def test_nobody_notices(hosted):
    """Neither the runner, which would wake, nor a service that starts, which would find its lock taken."""
    one = hosted({"registry": True})
    assert one.get("/check").status == 403                 # which makes the key
    assert one.get("/check").status == 403                 # the worker has looked for a runner, as after a start, before it takes this
    with open(os.path.join(one.state_path(), "key"), encoding="ascii") as f:
        key = f.read().strip()
    lock, fifo = (os.path.join(one.state_path(), name) for name in ("service.lock", "wake"))
    with contextlib.suppress(FileExistsError):
        os.mkfifo(fifo)
    wake = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        os.read(wake, 100)
    with open(lock, "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_SH)                    # whoever would take it, fails
        lines = run("check", "--state", one.state_path()).stdout.splitlines()
        assert has(lines, "service: `kodo service` is not running here"), lines
        assert has(lines, "runner: running"), lines
        assert one.get(f"/check?key={key}").status == 200
    with pytest.raises(BlockingIOError):
        os.read(wake, 100)
    os.close(wake)


def test_of_a_service_that_has_ended(filled):
    assert filled.stop() == 0
    lines = check(filled.loader, cwd=filled.cwd)
    assert has(lines, "is not running here") and has(lines, "runner: not running") and has(lines, "nodes: 4, flows: 5")
    filled.write_loader(organization="Changed", url="http://localhost:4999")
    lines = check(filled.loader, cwd=filled.cwd)
    assert has(lines, "in force: the files") and has(lines, "warning in force: the state is of"), lines


def test_says_what_is_not_set_up_yet(place):
    lines = check("--url", "http://localhost:4998", cwd=place)
    assert has(lines, f"ok      state {place}/data/cache.lmdb is not set up yet: `kodo service`")
    assert not has(lines, "warning"), "the first check of a newcomer ends clean"
    assert has(check("--state", f"{place}/data/cache.lmdb"), "warning state"), "which may be mistyped"
    assert not os.path.exists(f"{place}/data"), "a check must not make anything"
    os.makedirs(f"{place}/data/cache.lmdb", mode=0o700)
    assert has(check("--state", f"{place}/data/cache.lmdb"), "warning store: nothing in")


def test_environment_and_dot_env_count_as_for_a_service(place):
    with open(f"{place}/.env", "w", encoding="utf-8") as f:
        f.write("KODO_CACHE_DATA=./here/x.json\n")
    assert has(check(cwd=place), f"{place}/here/x.lmdb is not set up yet")
    assert has(check(cwd=place, env={"KODO_CACHE_DATA": "/tmp/kt-none/y.json"}), "/tmp/kt-none/y.lmdb is not set up yet")


def test_hosted_finds_what_a_web_server_finds(responder):
    one = responder({"flows": [flow(1)]})
    assert has(check("--hosted", one.loader, cwd="/"), "is not set up yet")
    assert one.get("/").status == 200
    for more in ({"cwd": "/"}, {"cwd": "/tmp", "env": {"KODO_CACHE_DATA": "/nowhere/x.json"}}):
        lines = check("--hosted", one.loader, **more)
        assert has(lines, f"ok      state: {one.state_path()}") and has(lines, "nodes: 1, flows: 1"), lines
    assert has(check("--hosted", env={"KODO_LOADER": one.loader}), one.state_path())
    one.write_loader({"flows": [flow(1)], "url": "nonsense"})
    lines = check("--hosted", one.loader, status=1)
    assert has(lines, "error   options: ") and has(lines, "kodo.yaml:") and has(lines, "nodes: 1, flows: 1"), lines


@pytest.mark.parametrize("spelling", ["word", "equals", "default"])
def test_hosted_loader_in_every_command(responder, folders, spelling):
    one = responder({"flows": [flow(0)], "retry": 0, "connect": [TWO]})
    assert one.post("/connect", connect_body(ONE, 3)).status == 201
    which = {"word": ["--hosted", one.loader], "equals": [f"--hosted={one.loader}"], "default": ["--hosted"]}[spelling]
    env = {"KODO_RECONNECT": "/bin/true", **({"KODO_LOADER": one.loader} if spelling == "default" else {})}

    def say(command, *own):
        done = run(command, *which, *own, cwd=folders(), env=env)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout
    assert f"state: {one.state_path()}" in say("check")
    assert "2 of 4 flows" in say("flows", "name == 'Flow 0'")
    assert "4 of 4 flows" in say("flows")
    for command in ("counts", "peers", "map"):
        assert say(command).strip(), command
    assert ONE in say("explain", ONE)
    cache = os.path.join(folders(), "cache.json")
    say("export", "-o", cache)
    say("import", cache)
    say("disconnect", "--no-wait")
    say("connect", "--no-wait")
    say("evict", "--no-wait", ONE)
    assert "1 of 1 flows" in say("flows")


@pytest.mark.parametrize("arguments", [["--state"], ["--state", "/tmp", "x"], ["--hosted", "a", "b"], ["--hosted", "--url", "x"], ["--hosted="],
                                       ["nosuch.yaml"], ["--nosuch"]])
def test_wrong_arguments(arguments, place):
    done = run("check", *arguments, cwd=place)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("summary 0 ok")]
    assert done.returncode in (1, 2) and len(lines) == 1, done


def test_all_faults_of_a_loader(place):
    """Not only the first: each with file and line, in the order of the lines, of all files of a folder."""
    with open(f"{place}/a.yaml", "w", encoding="utf-8") as f:
        f.write("- url: http://localhost:4998\n- feed: flase\n- registry: maybe\n- conect: x\n- url: http://b\n"
                "- connect: [http://a, b, 'http://c:99999']\n- timeout: 0\n- !odd expire_days: 1\n- just\n- flows:\n  - url: /a\n"
                "    name: A\n    nmae: x\n  - url: /b\n  - name: C\n    tags: x\n  - url: a\n    name: A2\n    name: A3\n")
    with open(f"{place}/b.yaml", "w", encoding="utf-8") as f:
        f.write("- retry: often\n- quota_mib: [")
    lines = check(place, status=1, cwd=place)
    words = [(2, "feed"), (3, "registry"), (4, "did you mean connect"), (5, '"url" is given twice, first in line 1'), (6, "http://c:99999"),
             (6, '"b"'), (7, "timeout"), (8, "!tag"), (9, "name: value"), (13, "nmae"), (14, "without name"),
             (15, "without url"), (16, "tags"), (17, "two flows of one url"), (19, '"name" is given twice')]
    assert len(lines) == len(words) + 1, lines
    for line, (number, text) in zip(lines, words):
        assert line.startswith(f"error   options: {place}/a.yaml:{number}: ") and text in line, (line, number, text)
    assert lines[-1].startswith(f"error   options: {place}/b.yaml:") and "not YAML" in lines[-1]


def test_what_will_be_published(place):
    with open(f"{place}/kodo.yaml", "w", encoding="utf-8") as f:
        f.write(kodotest.yaml_of({"url": "http://localhost:4998/deep", "registry": False, "feed": False, "connect": [ONE, TWO],
                                  "flows": [flow(i, url=f"//f{i}") for i in range(22)]}))
    lines = check("kodo.yaml", cwd=place)
    assert has(lines, "ok      role: node") and has(lines, f"ok      target: {ONE}") and has(lines, f"ok      target: {TWO}")
    assert has(lines, "ok      publishes: http://localhost:4998/deep/flows/f19  Flow 19") and has(lines, "publishes: 2 more")
    assert not has(lines, "f20")
    assert has(check("--url", "http://localhost:4998", "--no-registry", "--no-feed", cwd=place), "warning no target")


def test_equal_findings_are_one_line(service):
    peers = [f"http://127.0.0.1:{port}" for port in range(1, 6)]
    one = service({"connect": peers, "retry": 1})
    wait_until(lambda: run("check", one.loader, cwd=one.cwd).stdout.count("5 peers: paused, tried") == 1, 20, "all are paused")
    lines = [line for line in check(one.loader, cwd=one.cwd) if "paused" in line and line.startswith("warning")]
    assert len(lines) == 1 and lines[0].startswith("warning 5 peers: paused"), lines
    assert lines[0].count("http://127.0.0.1:") == 3 and lines[0].endswith(" and 2 more"), lines


def test_help():
    for command in ("check", "export", "import"):
        for arguments in ([command, "--help"], ["help", command]):
            done = run(*arguments)
            assert done.returncode == 0 and f"usage: kodo {command}" in done.stdout and "--hosted" in done.stdout


def test_damaged_states(filled):
    assert filled.stop() == 0
    data = f"{filled.state_path()}/data.mdb"
    with open(data, "rb") as f:
        good = f.read()

    def damaged(text):
        with open(data, "wb") as f:
            f.write(text)
        lines = check("--state", filled.state_path(), status=1)
        assert all("; " in line or ": " in line for line in lines if line.startswith("error"))
        return lines
    damaged(b"x" * len(good))
    damaged(good[:8192])                                    # the head of the file, without what it points at
    damaged(good[:100])
    with open(data, "wb") as f:
        f.write(good)
    assert has(check("--state", filled.state_path()), "nodes: 4, flows: 5")


def test_damaged_record(filled):
    """Flow texts are stored as they are shown: one that was changed behind our back makes a record that cannot be read."""
    assert filled.stop() == 0
    data = f"{filled.state_path()}/data.mdb"
    with open(data, "rb") as f:
        good = f.read()
    assert good.count(ONE.encode()) > 0
    with open(data, "wb") as f:
        f.write(good.replace(b'"name":"Flow 1"', b'"name":"Flow\xff1"'))
    assert has(check("--state", filled.state_path(), status=1), "cannot be read; restore a backup")


def test_state_that_everybody_may_read(filled):
    os.chmod(filled.state_path(), 0o755)
    assert has(check("--state", filled.state_path(), status=1), "error   everybody may read the folder")


def test_dead_readers_are_cleared(filled):
    pids = [pid for pid in kodotest.children(filled.process.pid) if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(kodotest.KODO)]
    filled.get("/flows")
    for pid in pids:
        os.kill(pid, 9)
    wait_until(lambda: filled.get("/").status == 200, 10, "workers are back")
    assert has(check("--state", filled.state_path()), "readers: ")


# --- export, import ---

def test_export_is_the_cache_file_of_the_original(filled):
    done = run("export", filled.loader, cwd=filled.cwd)
    assert done.returncode == 0, done.stderr
    cache = json.loads(done.stdout)
    assert list(cache) == ["url", "organization", "feed", "connection", "providers", "registers"]
    assert list(cache["providers"]) == [ONE, TWO] == list(cache["registers"])
    known = filled.get("/map").json()
    assert cache["registers"] == known["registers"]
    for provider in known["providers"]:
        row = cache["providers"][provider["url"]]
        assert row["nodes"] == provider.pop("nodes")
        assert {key: row[key] for key in provider} == provider
    path = f"{filled.cwd}/out.json"
    assert run("export", "--state", filled.state_path(), "-o", path).returncode == 0
    with open(path, encoding="utf-8") as f:
        assert json.load(f) == cache
    assert os.stat(path).st_mode & 0o077 == 0


def test_export_whole_or_not_at_all(filled):
    done = run("export", "--state", filled.state_path(), "-o", f"{filled.cwd}/nosuch/out.json")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    done = run("export", "--state", f"{filled.cwd}/nosuch")
    assert done.returncode == 1 and "is not there yet" in done.stderr and not os.path.exists(f"{filled.cwd}/nosuch")


def shown(service):
    body = service.get("/map").json()
    return body["providers"], body["registers"], service.get("/flows?pp=100&q=description~\"number\"").json()["items"]


def test_import_gives_back_what_export_took(filled, service):
    path = f"{filled.cwd}/out.json"
    assert run("export", filled.loader, "-o", path, cwd=filled.cwd).returncode == 0
    other = service({"registry": True, "feed": True, "organization": "Other", "retry": 0, "flows": [flow(0)]})
    done = run("import", other.loader, path, cwd=other.cwd)
    assert done.returncode == 0 and done.stdout == "imported providers: 2, nodes: 3\n", done
    before, after = shown(filled), shown(other)
    assert after[:2] == before[:2]
    own = lambda items: [item for item in items if "example.com" in item["url"]]
    assert own(after[2]) == own(before[2]) and len(own(after[2])) == 4
    check(other.loader, cwd=other.cwd)
    assert run("import", "--state", other.state_path(), path).returncode == 0        # again: the same
    assert shown(other)[:2] == before[:2]


@pytest.mark.parametrize("text", ["", "{", '{"providers":{"x":1}}', "[]", '{"url":"http://a.example","providers":"none"}',
                                  '{"url":"http://a.example", "providers" : {"x": 1}}\n', "\xff"])
def test_damaged_cache_files(filled, service, text):
    path = f"{filled.cwd}/bad.json"
    with open(path, "wb") as f:
        f.write(text.encode("latin-1"))
    before = shown(filled)
    done = run("import", filled.loader, path, cwd=filled.cwd)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    assert path in done.stderr and "byte" in done.stderr and "nothing was imported" in done.stderr, done.stderr
    assert shown(filled) == before
    # where a first start would take it, kodo check warns of it and the start stops; the file stays
    os.makedirs(f"{filled.cwd}/new/data")
    with open(f"{filled.cwd}/new/data/cache.json", "wb") as f:
        f.write(text.encode("latin-1"))
    arguments = ["--url", f"http://localhost:{kodotest.free_port()}"]
    assert has(check(*arguments, cwd=f"{filled.cwd}/new", status=1), "byte")
    done = run("service", *arguments, cwd=f"{filled.cwd}/new")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "byte" in done.stderr, done
    with open(f"{filled.cwd}/new/data/cache.json", "rb") as f:
        assert f.read() == text.encode("latin-1")


def test_cache_file_is_imported_once_at_a_start(filled, service):
    cache = run("export", filled.loader, cwd=filled.cwd).stdout
    other = service({"registry": True, "retry": 0})
    assert other.stop() == 0
    port = kodotest.free_port()
    os.makedirs(f"{other.cwd}/data", exist_ok=True)
    with open(f"{other.cwd}/data/{port}.json", "w", encoding="utf-8") as f:
        f.write(cache)
    other.options["cache_data"] = f"./data/{port}.json"
    other.start()
    assert shown(other)[:2] == shown(filled)[:2]
    assert other.post("/disconnect", {"provider": ONE, "url": [ONE]}).status == 200
    assert other.stop() == 0
    other.start()
    assert [provider["url"] for provider in shown(other)[0]] == [TWO]


def test_import_needs_a_registry_and_a_file(service):
    one = service({"registry": False, "feed": False, "flows": [flow(1)]})
    path = f"{one.cwd}/c.json"
    with open(path, "w", encoding="utf-8") as f:
        f.write('{"url":"http://a.example:1","organization":null,"feed":false,"connection":{},"providers":{},"registers":{}}')
    done = run("import", one.loader, path, cwd=one.cwd)
    assert done.returncode == 1 and "is a node" in done.stderr
    done = run("import", one.loader, "nosuch.json", cwd=one.cwd)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert run("import", cwd=one.cwd).returncode == 2
