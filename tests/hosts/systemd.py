#!/usr/bin/env python3
"""The units of conf/systemd under a real systemd, behind nginx: what `make check-systemd` starts. Root; about 2 minutes.

usage: systemd.py SRCDIR BUILDDIR WORK      install into an overlay of this machine's root, and boot that (systemd-nspawn)
       systemd.py inside                    what the booted system runs: the tests themselves

The overlay lies in memory and has a network of its own, so nothing of it stays, and no port is taken. The last line is
`N passed, N failed`.
"""
import http.client
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import kodotest  # noqa: E402
from kodotest import connect_body, wait_until  # noqa: E402

NAME = "kodo.example.org"
CONF = "/usr/local/share/kodo/conf"
WORKERS = [f"kodo@{n}" for n in (1, 2, 3, 4)]
RESULT = "/result.txt"
TESTS_INSIDE = "/kodo-tests"             # the tree's own place may be below /tmp, which is empty inside

UNIT = """
[Unit]
After=network.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
Environment=HOME=/root LC_ALL=C.UTF-8
ExecStart={command}
StandardOutput=append:{result}
StandardError=inherit
[Install]
WantedBy=multi-user.target
"""


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


# --- inside: as README's chapter on hosting says ---

def request(method, path, body=None, port=80):
    body = None if body is None else kodotest.body_bytes(body)
    return kodotest.http_request(port, method, path, body=body, headers={"Host": NAME, "Content-Type": "application/json"})


def set_loader(**options):
    with open("/srv/kodo/kodo.yaml", "w", encoding="utf-8") as f:
        f.write(kodotest.yaml_of({"url": f"http://{NAME}", "registry": True, "feed": True, "private": True, "retry": -1, **options}))


def pid_of(unit):
    return int(run("systemctl", "show", "--property=MainPID", "--value", unit))


def test_socket_and_processes():
    """kodo.socket and kodo@N behind nginx: requests, outbound work by kodo-reconnect.service, kodo check without an error."""
    peer = kodotest.Peer()
    set_loader(connect=[peer.url])
    run("systemctl", "enable", "--now", "kodo.socket", *WORKERS, "kodo-reconnect")
    os.remove("/etc/nginx/sites-enabled/default")
    shutil.copy(f"{CONF}/nginx/kodo.conf", "/etc/nginx/sites-enabled/")
    run("systemctl", "restart", "nginx")
    assert request("GET", "/").json()["registry"] is True
    assert request("POST", "/connect", connect_body("http://localhost:9", 3)).status == 201
    assert request("GET", "/flows").json()["total"] == 3
    wait_until(lambda: any(c[2]["nodes"] for c in peer.calls("/connect") + peer.calls("/update")), 20, "kodo-reconnect notified the peer")
    # a loader of another owner that was just written counts as being written
    time.sleep(11)
    said = run("runuser", "-u", "kodo", "--", "kodo", "check", "--hosted", "/srv/kodo/kodo.yaml")
    assert "ERROR" not in said and "error" not in said, said
    peer.close()


def test_no_request_is_lost():
    """A process that is killed starts again; restarts of all of them while requests run lose none."""
    statuses, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                statuses.append(request("GET", "/flows").status)
            except (OSError, http.client.HTTPException) as error:
                statuses.append(str(error))
    threads = [threading.Thread(daemon=True, target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    old = pid_of("kodo@2")
    for _ in range(3):
        run("systemctl", "restart", *WORKERS)
    wait_until(lambda: len(statuses) > 1000, 20, "requests ran")
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}, {s: statuses.count(s) for s in set(statuses)}
    new = pid_of("kodo@2")
    assert new not in (0, old)
    os.kill(new, 9)
    wait_until(lambda: pid_of("kodo@2") not in (0, new), 10, "kodo@2 is there again")
    assert request("GET", "/flows").json()["total"] == 3


def test_expressions_are_compiled():
    """The units allow memory that is executable, which regular expressions need: interpreted, this one is refused."""
    words = "made with planner agents, media search, weather, security and medical analysis, e-mails and writers, for those who like music"
    for n in range(20):
        url = f"http://localhost:{1000 + n}"
        flows = [kodotest.flow(k, description=words) for k in range(1000)]
        assert request("POST", "/connect", {**kodotest.greeting(url), "nodes": [kodotest.node(url, flows)]}).status == 201
    answer = request("GET", "/flows?q=description%20%3D~%20%22(%3Fi)made%20.*%20music%22")
    assert answer.status == 200 and answer.json()["filtered"] == 20000, answer.body[:300]


def test_timer():
    """kodo-cron.timer instead of kodo-reconnect.service: a change reaches the peer within a minute."""
    peer = kodotest.Peer()
    run("systemctl", "disable", "--now", "kodo-reconnect")
    set_loader(connect=[peer.url], trigger="cron")
    run("systemctl", "restart", *WORKERS)
    assert request("GET", "/").status == 200                # the first request sees the new loader
    time.sleep(1)
    assert not peer.seen
    run("systemctl", "enable", "--now", "kodo-cron.timer")
    wait_until(lambda: peer.calls("/connect"), 65, "the timer started kodo-reconnect")
    run("systemctl", "disable", "--now", "kodo-cron.timer")
    run("systemctl", "stop", "kodo-cron.service")
    peer.close()


def test_service():
    """kodo.service instead of all: its own lighttpd, outbound work, an end within its time."""
    peer = kodotest.Peer()
    run("systemctl", "disable", "--now", "kodo.socket", *WORKERS)
    set_loader(url=f"http://{NAME}:3366", connect=[peer.url])
    run("systemctl", "enable", "--now", "kodo.service")
    wait_until(lambda: peer.calls("/connect"), 20, "it connected")
    assert request("GET", "/", port=3366).json()["url"] == f"http://{NAME}:3366"
    assert request("POST", "/connect", connect_body("http://localhost:9", 3), port=3366).status == 201
    began = time.monotonic()
    run("systemctl", "stop", "kodo.service")
    assert time.monotonic() - began < 5
    assert run("systemctl", "show", "--property=Result", "--value", "kodo.service").strip() == "success"
    peer.close()


TESTS = [test_socket_and_processes, test_no_request_is_lost, test_expressions_are_compiled, test_timer, test_service]


def inside():
    failed = 0
    for test in TESTS:
        began = time.monotonic()
        try:
            test()
            print(f"ok   {test.__name__} {time.monotonic() - began:.1f} s", flush=True)
        except Exception:                                   # whatever it is, the machine is to be ended
            failed += 1
            print(f"FAIL {test.__name__}\n{traceback.format_exc()}", flush=True)
            print(subprocess.run(["journalctl", "--no-pager", "-n", "40"], capture_output=True, text=True, check=False).stdout, flush=True)
    print(f"{len(TESTS) - failed} passed, {failed} failed", flush=True)


# --- outside ---

def install(root, builddir):
    """What README's chapter on hosting begins with; and nothing else of this machine is started there."""
    run("make", "-s", "-C", builddir, "install", f"DESTDIR={root}", "prefix=/usr/local")
    run("chroot", root, "useradd", "--system", "--home-dir", "/srv/kodo", "kodo")
    run("chroot", root, "install", "-d", "-o", "kodo", "-g", "kodo", "-m", "750", "/srv/kodo", "/srv/kodo/data")
    for path in os.listdir(f"{root}{CONF}/systemd"):
        shutil.copy(f"{root}{CONF}/systemd/{path}", f"{root}/etc/systemd/system/")
    for wants in ("multi-user.target.wants", "timers.target.wants"):
        shutil.rmtree(f"{root}/etc/systemd/system/{wants}", ignore_errors=True)


def prepare(root, srcdir, builddir):
    install(root, builddir)
    with open(f"{root}/etc/hosts", "a", encoding="ascii") as f:
        f.write(f"\n127.0.0.1 localhost {NAME}\n")
    for folder in ("e2e", "hosts"):
        shutil.copytree(os.path.join(srcdir, "tests", folder), f"{root}{TESTS_INSIDE}/{folder}")
    put_unit(root, f"/usr/bin/python3 {TESTS_INSIDE}/hosts/systemd.py inside")


def put_unit(root, command):
    """What root runs when it boots; then it ends."""
    with open(f"{root}/etc/systemd/system/kodo-test.service", "w", encoding="utf-8") as f:
        f.write(UNIT.format(command=command, result=RESULT))
    run("systemctl", f"--root={root}", "enable", "kodo-test.service")


def boot(root, seconds):
    """In a container with a network of its own, until it ends."""
    hierarchy = "1" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "0"
    run("systemd-nspawn", "-q", "-D", root, "-M", f"kodo-test-{os.getpid()}", "--private-network", "--register=no", "--keep-unit",
        "--link-journal=no", "--console=pipe", "-b", env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": hierarchy}, timeout=seconds)


def main():
    if sys.argv[1:] == ["inside"]:
        return inside()
    srcdir, builddir, work = map(os.path.abspath, sys.argv[1:])
    os.makedirs(work, exist_ok=True)
    run("mount", "-t", "tmpfs", "tmpfs", work)
    root = f"{work}/root"
    try:
        for name in ("upper", "work", "root"):
            os.mkdir(f"{work}/{name}")
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={work}/upper,workdir={work}/work", root)
        prepare(root, srcdir, builddir)
        boot(root, 300)
        with open(root + RESULT, encoding="utf-8") as f:
            said = f.read()
    finally:
        subprocess.run(["umount", "-q", root], check=False)
        run("umount", work)
    print(said, end="")
    return 0 if said.endswith(" 0 failed\n") else 1


if __name__ == "__main__":
    sys.exit(main())
