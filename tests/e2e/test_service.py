"""`kodo service`: what stops its start, what it does when something of it dies, how it ends."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

import kodotest
import servicetest
from kodotest import CALM, wait_until

REGISTRY = {"organization": "Registry", "registry": True, "feed": True}
NODE = {"organization": "Node", "registry": False, "feed": False, "flows": [kodotest.flow(1), kodotest.flow(2)]}


# --- starts that fail ---

def fail(place, *arguments, kodo=None, env=None, command=(), seconds=10, status=1):
    """Start a service that cannot; give its one line, and assert that nothing of it is left."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KODO")}
    began = time.monotonic()
    process = subprocess.run([*command, kodo or kodotest.KODO, "service", *arguments], cwd=place, env={**environment, **(env or {})},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    assert process.returncode == status, (process.returncode, process.stderr)
    lines = [line for line in process.stderr.splitlines() if not line.startswith("INFO ")]
    assert len(lines) == 1 and process.stdout == "", process.stderr
    assert servicetest.processes_of(place) == []
    assert servicetest.sockets_in(place) == []
    assert time.monotonic() - began < 3
    return lines[0]


def loader(place, name="kodo.yaml", **options):
    path = os.path.join(place, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(kodotest.yaml_of({"url": f"http://localhost:{kodotest.free_port()}", "cache_data": "./data/x.json", **options}))
    return path


@contextlib.contextmanager
def taken(host="127.0.0.1", family=socket.AF_INET):
    with socket.socket(family) as s:
        s.bind((host, 0))
        s.listen()
        yield s.getsockname()[1]


def test_taken_port(place):
    with taken() as port:
        line = fail(place, loader(place, url=f"http://localhost:{port}"))
    assert f"port {port}" in line and "taken" in line and "--listen" in line


def test_taken_port_of_listen(place):
    with taken() as port:
        line = fail(place, loader(place), "--listen", f"127.0.0.1:{port}")
    assert f"port {port}" in line and "taken" in line


def test_foreign_address(place):
    line = fail(place, loader(place), "--listen", "192.0.2.1:4999")
    assert "192.0.2.1" in line and "--listen" in line


def hiding(*programs):
    """The begin of a command for which these programs are not there."""
    hide = [f"mount --bind /dev/null {path} &&" for path in programs if os.path.exists(path)]
    command = ["unshare", "-m", "sh", "-c", " ".join([*hide, 'exec "$@"']), "sh"] if hide else []
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("programs cannot be hidden here: no right to mount")
    return command


def test_missing_lighttpd(place):
    assert os.path.exists("/usr/sbin/lighttpd"), "run ./autogen.sh --deps"
    line = fail(place, loader(place), command=hiding("/usr/sbin/lighttpd"), env={"PATH": "/usr/bin:/bin"})
    assert "lighttpd was not found" in line and "install" in line


def test_no_etc_hosts(place):
    """Nor a name server: localhost is known, to who listens, who checks and who sends."""
    script = f"""
        ip link set lo up; mount --bind /dev/null /etc/hosts; mount --bind /dev/null /etc/resolv.conf
        echo 'hosts: files' >nsswitch && mount --bind nsswitch /etc/nsswitch.conf
        {kodotest.KODO} check registry.yaml; {kodotest.KODO} service registry.yaml & one=$!
        {kodotest.KODO} service node.yaml & two=$!
        for i in $(seq 100); do curl -s 127.0.0.1:4911/counts | grep '"total":2' && break; sleep 0.1; done
        curl -s -o /dev/null '[::1]:4911' && echo both; kill $one $two; wait"""
    command = ["unshare", "-m", "-n", "sh", "-c"]
    if subprocess.run([*command, "mount --bind /dev/null /etc/hosts"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to hide /etc/hosts")
    loader(place, "registry.yaml", **REGISTRY, url="http://localhost:4911")
    loader(place, "node.yaml", **NODE, url="http://localhost:4912", connect=["http://localhost:4911"], cache_data="./data/y.json")
    done = subprocess.run([*command, script], cwd=place, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
    assert '"total":2' in done.stdout and "both" in done.stdout, done
    assert "listen: the name" not in done.stdout, done.stdout


def test_missing_runner(place):
    alone = os.path.join(place, "alone", "kodo")
    os.mkdir(os.path.dirname(alone))
    shutil.copy(kodotest.KODO, alone)
    # one that is installed would be found
    line = fail(place, loader(place), kodo=alone, command=hiding("/usr/local/bin/kodo-reconnect", "/usr/bin/kodo-reconnect"))
    assert "kodo-reconnect was not found" in line and "KODO_RECONNECT" in line


@pytest.mark.parametrize("cache_data", ["/proc/kodo/x.json", "kodo.yaml/x.json"])
def test_state_folder_cannot_be_made(place, cache_data):
    assert "cache_data" in fail(place, loader(place, cache_data=cache_data))


@pytest.mark.parametrize("options, words", [
    ({"registry": False, "feed": True}, ["Cannot feed"]),
    ({"nosuch": 1}, ["nosuch", "kodo.yaml:3", "kodo check says all"]),
    ({"url": "https://localhost"}, ["speaks http", "https://localhost", "listen: 127.0.0.1:3366"]),
    ({"retry": "often"}, ["retry", "kodo.yaml:3"]),
    ({"auth_secret": "x"}, ["auth_secret"]),
])
def test_bad_options(place, options, words):
    line = fail(place, loader(place, **options))
    assert all(word in line for word in words), line


def test_unknown_argument(place):
    assert "nosuch" in fail(place, loader(place), "--nosuch", "1", status=2)
    assert "did you mean --connect?" in fail(place, loader(place), "--conect", "x", status=2)


def test_no_such_loader(place):
    assert "nosuch.yaml" in fail(place, os.path.join(place, "nosuch.yaml"))


def test_bad_yaml(place):
    path = os.path.join(place, "kodo.yaml")
    with open(path, "w") as f:
        f.write("- url: [\n")
    assert "kodo.yaml:" in fail(place, path)


def test_corrupt_cache_file(place):
    os.mkdir(os.path.join(place, "data"))
    cache = os.path.join(place, "data", "x.json")
    with open(cache, "w") as f:
        f.write('{"url": "http://localhost:1", "providers": ')
    line = fail(place, loader(place))
    assert "x.json" in line and "byte" in line
    assert open(cache).read() == '{"url": "http://localhost:1", "providers": '


def fail_beside(service, **options):
    """A second service that wants the state of a running one."""
    path = loader(service.cwd, "second.yaml", cache_data=service.options["cache_data"], **options)
    process = subprocess.run([kodotest.KODO, "service", path], cwd=service.cwd, env=service.env, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=10)
    assert process.returncode == 1 and len(process.stderr.splitlines()) == 1, process.stderr
    assert service.get("/").status == 200
    return process.stderr


def test_state_of_a_running_service(service):
    first = service(REGISTRY)
    line = fail_beside(first, url="http://localhost:4999")
    assert first.url in line and "http://localhost:4999" in line and "cache_data" in line
    assert "runs already" in fail_beside(first, url=first.url)


# --- serving ---

def test_both_families(service):
    s = service(REGISTRY)
    answers = []
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        try:
            socket.socket(family).close()
        except OSError:
            continue                                        # no IPv6 here
        with socket.create_connection((host, s.port), 5) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answers.append(connection.recv(65536)[:12])
    assert answers and all(answer == b"HTTP/1.1 200" or answer == b"HTTP/1.0 200" for answer in answers)


def test_listen_elsewhere(place):
    port = kodotest.free_port()
    s = kodotest.Service(place, {**REGISTRY, "url": "https://registry.example.com"}, ["--listen", f"127.0.0.1:{port}"], port=port)
    try:
        s.start()
        assert s.get("/").json()["url"] == "https://registry.example.com"
        s.write_loader(url="https://registry.example.com:443/")           # the same
        lines = subprocess.run([kodotest.KODO, "check", s.loader, "--listen", f"127.0.0.1:{port}"], cwd=place, capture_output=True,
                               text=True, check=False).stdout
        assert "the next start signs off" not in lines and "error" not in lines, lines
    finally:
        s.kill()


def test_long_path_of_the_state(service):
    name = "a" * 120
    s = service({**REGISTRY, "cache_data": f"./data/{name}/{name}.json"})
    assert s.get("/").status == 200
    assert s.stop() == 0
    assert servicetest.sockets_in(s.cwd) == []


@pytest.mark.parametrize("line, status", [
    (b"FOO / HTTP/1.1", 400), (b"CONNECT x:1 HTTP/1.1", 400), (b"GET nope HTTP/1.1", 400),
    (b"TRACE / HTTP/1.1", 405), (b"PROPFIND / HTTP/1.1", 405),
    (b"GET /flows?q=" + b"x" * 70000 + b" HTTP/1.1", 431),
    (b"POST /connect HTTP/1.1\r\nContent-Length: 999999999", 413), (b"POST /moderation?do=deny HTTP/1.1", 400),
    (b"GET /nosuch/../flows HTTP/1.1", 404), (b"GET /flows%3Fpp=1 HTTP/1.1", 404),
    (b"GET //flows/ HTTP/1.1", 200), (b"GET /%66lows HTTP/1.1", 200),
    (b"GET /flows HTTP/1.1\r\nRange: bytes=0-3", 200),
])
def test_what_lighttpd_would_rather_answer(shared, line, status):
    answer = servicetest.raw_request(shared.port, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status, answer[:500]
    assert b"Content-Type: application/json" in head
    assert status == 200 or b'"status_code":%d,"detail":"' % status in body


@pytest.fixture(scope="module")
def shared():
    with kodotest.folder() as place:
        s = kodotest.Service(place, REGISTRY).start()
        yield s
        s.kill()


def test_a_slow_upload_holds_no_worker(service):
    s = service({**REGISTRY, "workers": 1})
    with socket.create_connection(("localhost", s.port), 5) as slow:
        slow.sendall(b"POST /connect HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{")
        time.sleep(0.2)
        assert s.get("/").seconds < CALM


def test_options_of_the_environment_reach_no_child(service):
    """A worker takes its options from the state; what else is in the environment was resolved by the service."""
    s = service({"registry": True, "feed": True}, env={"KODO_ORGANIZATION": "From the environment", "KODO_WORKERS": "1"})
    assert s.get("/").json()["organization"] == "From the environment"
    for pid in kodotest.children(s.process.pid):
        names = {part.split(b"=")[0].decode() for part in open(f"/proc/{pid}/environ", "rb").read().split(b"\0")}
        assert {name for name in names if name.startswith("KODO_")} <= {"KODO_STATE", "KODO_RECONNECT", "KODO_SERVICE_PID",
                                                                               "KODO_WWW"}
    assert len(roles(s)["worker"]) == 1


def test_idle_is_false_at_the_first_answer(service, peer):
    late = servicetest.RawPeer(servicetest.hang)
    try:
        s = service({**NODE, "connect": [late.url]})
        assert s.get("/").json()["idle"] is False
    finally:
        late.close()


def test_a_changed_loader_is_followed(service):
    """Within a second or so at its registry; a faulty one is refused with its line, and what held goes on to hold."""
    registry = service(REGISTRY)
    one = service({**NODE, "connect": [registry.url], "flows": [kodotest.flow(0)]})
    wait_until(lambda: registry.total() == 1, 5, "it is listed")
    for n in (3, 2):
        began = time.monotonic()
        one.write_loader(organization=f"Another {n}", flows=[kodotest.flow(i) for i in range(n)], retry=-1)
        wait_until(lambda: registry.total() == n, 5)
        assert time.monotonic() - began < 1.5 + kodotest.CALM
        assert one.get("/").json()["organization"] == f"Another {n}"
    good = one.options
    for bad, said in (({**good, "nosuch": 1}, f"options stay as they are: {one.loader}:{len(good) + 1}: "), ({**good, "url": "http://localhost:1"}, "another url")):
        one.options = bad
        one.write_loader()
        wait_until(lambda: said in one.screen(), 5, said)
        time.sleep(1.2)
        assert one.screen().count(said) == 1 and registry.total() == 2 and one.get("/").status == 200
    one.options = good
    one.write_loader(flows=[kodotest.flow(i) for i in range(4)], workers=1, rate_peer=7)
    wait_until(lambda: registry.total() == 4, 5)
    assert "from the next start of kodo service on: workers\n" in one.screen()
    assert one.stop() == 0 and servicetest.processes_of(one.cwd) == []


def test_a_folder_and_dot_env_are_followed(place):
    """Files that come and go, and .env of the working directory."""
    folder, port = os.path.join(place, "loaders"), kodotest.free_port()
    os.mkdir(folder)

    def write(name, options):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(kodotest.yaml_of(options))
    write("a.yaml", {"url": f"http://localhost:{port}", "registry": False, "feed": False, "flows": [kodotest.flow(0)]})
    s = kodotest.Service(place, {}, port=port)
    s.loader, s.write_loader = folder, lambda: None
    try:
        s.start()
        write("b.yaml", {"flows": [kodotest.flow(1), kodotest.flow(2)]})
        wait_until(lambda: s.total() == 3, 4, "a file came")
        with open(os.path.join(place, ".env"), "w", encoding="utf-8") as f:
            f.write("KODO_ORGANIZATION=Of dot env\n")
        wait_until(lambda: s.get("/").json()["organization"] == "Of dot env", 4)
        os.remove(os.path.join(folder, "b.yaml"))
        wait_until(lambda: s.total() == 1, 15, "a file went, 10 s ago")
        assert "ERROR" not in s.screen()
    finally:
        s.kill()


def test_a_loader_that_others_are_still_writing(service):
    one = service({**NODE, "flows": [kodotest.flow(i) for i in range(3)]})
    whole = open(one.loader, encoding="utf-8").read()
    with open(one.loader, "w", encoding="utf-8") as f:
        f.write(whole[:len(whole) - len(whole) // 3])
        f.flush()
        time.sleep(1.5)
        assert one.total() == 3
        f.write(whole[len(whole) - len(whole) // 3:].replace("Flow 2", "Flow Two"))
    wait_until(lambda: "Flow Two" in one.get("/flows").body.decode(), 12, "it is whole")
    assert one.screen().count("is being written") <= 1


def test_a_start_says_where_and_how_to_end(service):
    registry = service(REGISTRY)
    one = service({**NODE, "connect": [registry.url], "flows": [kodotest.flow(0)]})
    wait_until(lambda: f"listed by {registry.url}\n" in one.screen(), 5, "by whom it is listed")
    assert f"Node is at {one.url}, and follows {one.loader}; Ctrl-C ends it\n" in one.screen()
    alone = service(NODE)
    wait_until(lambda: "listed by nobody" in alone.screen(), 5, "it has said so")


def test_executable_loader_runs_again(place):
    port = kodotest.free_port()
    program = os.path.join(place, "loader")
    data = os.path.join(place, "flows")

    def write(n):
        with open(data + ".new", "w") as f:
            f.write(kodotest.yaml_of({"url": f"http://localhost:{port}", "registry": False, "feed": False, "loader_s": 1,
                                      "flows": [kodotest.flow(i) for i in range(n)]}))
        os.replace(data + ".new", data)

    write(2)
    with open(program, "w") as f:
        f.write(f"#!/bin/sh\ncat {data}\n")
    os.chmod(program, 0o755)
    s = kodotest.Service(place, {}, port=port)
    s.loader = program
    s.write_loader = lambda: None
    try:
        s.start()
        assert s.total() == 2
        write(5)
        wait_until(lambda: s.total() == 5, 5)
        with open(data, "w") as f:
            f.write("- nosuch: 1\n")
        wait_until(lambda: "the options stay as they are" in s.screen(), 5)
        assert s.total() == 5
        assert s.stop() == 0
    finally:
        s.kill()
    assert servicetest.processes_of(place) == []


# --- children that die ---

def roles(s):
    """Which process of a service does what."""
    found = {"worker": [], "runner": [], "lighttpd": []}
    for pid in kodotest.children(s.process.pid):
        name = os.path.basename(servicetest.command_line(pid)[0])
        role = {"kodo": "worker", "kodo-reconnect": "runner", "lighttpd": "lighttpd"}.get(name)
        if role:
            found[role].append(pid)
    return found


@pytest.mark.parametrize("role", ["worker", "runner", "lighttpd"])
def test_who_is_killed_is_started_again(service, role):
    s = service(REGISTRY)
    time.sleep(2.1)                                         # one that dies sooner is thought to die of its start, and waits
    before = roles(s)
    for pid in before[role]:
        os.kill(pid, signal.SIGKILL)
    answers = [s.get("/").status for _ in range(5)]
    assert answers == [200] * 5                             # nobody is refused meanwhile
    after = wait_until(lambda: len(roles(s)[role]) == len(before[role]) and roles(s), 1 + CALM)
    assert not set(after[role]) & set(before[role])
    assert {name: after[name] for name in after if name != role} == {name: before[name] for name in before if name != role}
    assert re.search(r"WARNING .*(worker 1|the runner|lighttpd) \(process \d+\) was killed by signal 9", s.screen())
    assert s.stop() == 0


def test_who_dies_of_its_start_is_not_started_in_a_tight_loop(service):
    s = service({**REGISTRY, "workers": 1})
    time.sleep(2.1)
    ended = time.monotonic() + 2.5
    deaths = 0
    while time.monotonic() < ended:
        for pid in roles(s)["worker"]:
            os.kill(pid, signal.SIGKILL)
            deaths += 1
        time.sleep(0.02)
    assert 3 <= deaths <= 7                                 # at once, then after 0.1, 0.2, 0.4, 0.8 s
    assert wait_until(lambda: s.get("/").status == 200, 5)


def test_work_left_while_the_runner_is_dead_is_sent(service, peer):
    s = service(REGISTRY)
    feeder = peer(feed=True)
    for pid in roles(s)["runner"]:
        os.kill(pid, signal.SIGKILL)
    s.post("/connect", kodotest.connect_body(feeder.url, registry=True, feed=True, nodes=[]))
    s.post("/connect", kodotest.connect_body("http://localhost:4999", flows=3))
    wait_until(lambda: feeder.calls("/update"), 2 + CALM)
    assert s.stop() == 0
    wait_until(lambda: not servicetest.processes_of(s.cwd), 1, "no runner outlives the service")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_runner_that_a_worker_started_ends_with_the_service(service, peer, number):
    s = service({**REGISTRY, "connect": [f"http://localhost:{kodotest.free_port()}"], "retry": -1})
    feeder = peer(feed=True)
    s.post("/connect", kodotest.connect_body(feeder.url, registry=True, feed=True, nodes=[]))
    for _ in range(6):                                      # until the service leaves it dead for a while
        # the peer was to be probed: where none read the FIFO yet, the worker has started another, which ends at once
        pid, = wait_until(lambda: len(roles(s)["runner"]) == 1 and roles(s)["runner"], 5)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not kodotest.is_alive(pid), 2)
    s.post("/connect", kodotest.connect_body("http://localhost:4999", flows=3))

    def strangers():
        return [pid for pid in servicetest.processes_of(s.cwd)
                if "--state" in servicetest.command_line(pid) and "--stay" not in servicetest.command_line(pid)]
    stranger, = wait_until(strangers, 2)
    lock = os.path.join(s.state_path(), "runner.lock")
    wait_until(lambda: int(open(lock).read()) == stranger, 2, "it is at work")
    s.process.send_signal(number)
    assert s.process.wait(5) == (0 if number == signal.SIGTERM else -number)
    wait_until(lambda: not servicetest.processes_of(s.cwd), CALM)


# --- ends ---

def test_term_while_a_target_is_down(service):
    s = service({**NODE, "retry": -1, "connect": [f"http://localhost:{kodotest.free_port()}"]})
    wait_until(lambda: "failed with" in s.screen(), 5)
    began = time.monotonic()
    assert s.stop() == 0
    assert time.monotonic() - began < 1
    assert servicetest.processes_of(s.cwd) == [] and servicetest.sockets_in(s.cwd) == []
    assert s.screen().rstrip().endswith("shutdown now")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_end_with_everything_pending(service, number):
    """A target that hangs, a leave that waits for it, an idle client, a half request."""
    target = servicetest.RawPeer(servicetest.hang)
    s = service({**NODE, "log_file_level": "DEBUG", "connect": [target.url]})
    statuses = []
    with socket.create_connection(("localhost", s.port), 5) as idle, socket.create_connection(("localhost", s.port), 5) as half:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        half.sendall(b"POST /connect HTTP/1.1\r\nHost: x\r\nContent-Le")
        wait_until(lambda: target.heads, 5)
        leave = threading.Thread(daemon=True, target=lambda: statuses.append(s.request("DELETE", "/connect").status))
        leave.start()
        time.sleep(0.3)
        began = time.monotonic()
        os.killpg(s.process.pid, number)
        assert s.process.wait(5) == 0
        assert time.monotonic() - began < 1
        leave.join(5)
    target.close()
    assert statuses == [204]                                # who waits is answered at once
    with open(os.path.join(s.cwd, "data", "kodo.log")) as log:
        assert "server stopped by" in log.read()            # the web server was asked to end, not killed
    wait_until(lambda: not servicetest.processes_of(s.cwd), 1)
    assert servicetest.is_refused(s.port)


def test_killed_service_leaves_nothing(service):
    s = service({**NODE, "retry": -1, "connect": [f"http://localhost:{kodotest.free_port()}"]})
    assert len(kodotest.children(s.process.pid)) == 4
    s.process.kill()
    s.process.wait()
    wait_until(lambda: not servicetest.processes_of(s.cwd), 1)
    assert servicetest.is_refused(s.port)
    # and what it has left on disk is in nobody's way
    assert s.start().get("/").status == 200


def test_requests_in_flight_are_answered_at_the_end(service):
    """Clients that ask all the time: each request gets a whole answer or no connection, never half of one."""
    s = service({**REGISTRY, "workers": 2})
    stop, odd, good = threading.Event(), [], [0]

    def ask():
        while not stop.is_set():
            try:
                answer = s.get("/flows")
                good[0] += 1
                if answer.status != 200:
                    odd.append(answer)
            except ConnectionRefusedError:
                return
            except OSError as error:                        # the last in the queue of the kernel
                odd.append(error)
            except Exception as error:
                odd.append(error)
    clients = [threading.Thread(daemon=True, target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    time.sleep(0.5)
    assert s.stop() == 0
    stop.set()
    for client in clients:
        client.join(10)
    resets = [error for error in odd if isinstance(error, ConnectionResetError)]
    assert good[0] > 50
    assert len(resets) <= len(clients) and len(odd) == len(resets), odd
