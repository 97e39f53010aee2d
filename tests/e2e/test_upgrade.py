"""A program of the next format (tests/upgrade) takes over a state: no request is lost, workers and runner become it, and there is a way back."""
import glob
import os
import shutil
import stat
import subprocess
import threading
import time

import pytest

import kodotest
from kodotest import connect_body, flow, wait_until

NEXT = os.path.join(os.environ.get("BUILDDIR", kodotest.TREE), "tests", "upgrade", "kodo")
NEXT_RECONNECT = NEXT + "-reconnect"
FAR = "http://127.0.0.1:2"
OPTIONS = {"feed": False, "retry": 0, "flows": [flow(i) for i in range(3)], "quota_nodes": 0}


def command(program, *arguments, env=None):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **(env or {})})


def good(program, *arguments, **more):
    done = command(program, *arguments, **more)
    assert done.returncode == 0, done
    return done.stdout


class Site(kodotest.Responder):
    """Workers that run a copy of the program, which can be replaced."""

    def __init__(self, cwd, options, **more):
        os.mkdir(os.path.join(cwd, "bin"))
        self.program = os.path.join(cwd, "bin", "kodo")
        self.reconnect = os.path.join(cwd, "bin", "kodo-reconnect")
        self.install(kodotest.KODO, kodotest.RECONNECT)
        super().__init__(cwd, options, **more)

    def install(self, kodo, reconnect):
        """As a package manager does: by rename."""
        for source, to in ((kodo, self.program), (reconnect, self.reconnect)):
            shutil.copy(source, to + ".new")
            os.rename(to + ".new", to)

    def start(self):
        with open(self.stderr_path, "ab") as err:
            worker = subprocess.Popen([self.program] + self.arguments, cwd="/", env=self.env, stdin=self.listener, stdout=err, stderr=err)
        wait_until(lambda: kodotest.catches(worker.pid, 15), 10, "a worker has started", pause=0.002)
        return worker

    def runs(self, program):
        """How many workers run the file that is at that place now."""
        here = os.stat(program).st_ino
        return sum(os.stat(f"/proc/{worker.pid}/exe").st_ino == here for worker in self.workers)

    def check(self, program=None):
        return command(program or self.program, "check", "--state", self.state_path())


@pytest.fixture
def site(folders):
    made = []

    def make(options=None, **more):
        made.append(Site(folders(), {**OPTIONS, **(options or {})}, **more))
        assert made[-1].get("/").status == 200
        return made[-1]
    yield make
    for one in made:
        one.close()


class Load:
    """Requests at a rate, of readers and of posters of nodes of their own; `lost` are those without a good answer."""

    def __init__(self, one, rate=500, threads=4):
        self.one = one
        self.lost, self.done, self.acknowledged = [], 0, {}
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(daemon=True, target=self.run, args=(n, threads / rate)) for n in range(threads)]
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()

    def run(self, which, pause):
        due = time.monotonic()
        n = 0
        while not self.stop.is_set():
            due = max(due + pause, time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()))
            n += 1
            try:
                if n % 5 == 0:
                    url = f"http://127.0.0.1:{3000 + which}"
                    body = connect_body(url, 1)
                    body["nodes"][0]["flows"][0]["name"] = f"load {n}"
                    answer = self.one.post("/connect", body, timeout=30)
                else:
                    answer = self.one.get(("/flows?format=json", "/", "/counts")[n % 3], timeout=30)
            except OSError as e:
                answer = e
            with self.lock:
                self.done += 1
                if getattr(answer, "status", 0) not in (200, 201):
                    self.lost.append((n, answer))
                elif n % 5 == 0:
                    self.acknowledged[url] = f"load {n}"

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return self.done / (time.monotonic() - self.began)


@pytest.mark.parametrize("slow_ms", [0, 1500], ids=["at once", "slow"])
def test_under_load(site, slow_ms):
    one = site(workers=3)
    one.post("/connect", connect_body(FAR, 500))
    before = good(one.program, "flows", "", "--state", one.state_path(), "--pp", "1000", "-o", "json")
    assert before.count('"url"') == 503
    load = Load(one)
    time.sleep(1)
    with open(one.state_path() + ".format-1201.tar.part", "w", encoding="ascii") as f:
        f.write("of one that was killed")
    one.install(NEXT, NEXT_RECONNECT)
    old = [os.stat(f"/proc/{worker.pid}/exe").st_ino for worker in one.workers]
    began = time.monotonic()
    # as cron starts it
    done = command(one.reconnect, one.loader, "--once", env={"KODO_TEST_SLOW_MS": str(slow_ms)})
    took = time.monotonic() - began
    assert done.returncode == 0, done
    wait_until(lambda: one.runs(one.program) == 3, 10, "all workers are of the next format")
    time.sleep(1)
    rate = load.end()
    print(f"\n{load.done} requests, {rate:.0f} a second, {len(load.lost)} lost; the upgrade took {took:.2f} s")
    assert load.lost == [] and load.done > 800
    assert [worker.poll() for worker in one.workers] == [None] * 3
    assert os.stat(one.program).st_ino not in old
    # all that was acknowledged is there, and the new format has it
    items = one.get("/flows?pp=1000&format=json").json()["items"]
    names = {item["url"].split("/flows")[0]: item["name"] for item in items if "127.0.0.1:300" in item["url"]}
    assert all(int(names[url].split()[1]) >= int(name.split()[1]) for url, name in load.acknowledged.items())
    assert len(items) == 503 + len(load.acknowledged)
    assert "error  " not in one.check().stdout
    assert "brought from format 1201 to 1301" in one.log() + one.screen() + done.stderr
    # and the way back: the backup before it, by the former program
    backup, = glob.glob(one.state_path() + ".format-1201.tar*")
    assert stat.S_IMODE(os.stat(backup).st_mode) == 0o600
    refused = command(kodotest.KODO, "flows", "", "--state", one.state_path())
    assert refused.returncode == 1 and "newer than this program" in refused.stderr and f"kodo restore {backup}" in refused.stderr, refused
    check = one.check(kodotest.KODO)
    assert check.returncode == 1 and "newer than this program" in check.stdout, check
    for worker in one.workers:
        kodotest.end(worker)
    good(kodotest.KODO, "restore", backup, "--state", one.state_path())
    assert good(kodotest.KODO, "counts", "--state", one.state_path()).splitlines()[1].split() == ["total", str(503 + len(load.acknowledged))]
    one.workers.clear()


def test_who_waits_for_changes(site):
    """A request that waits is answered when its worker becomes the next program."""
    one = site(workers=1)
    view = one.get("/changes").json()["view"]
    answers = []
    waiting = [threading.Thread(daemon=True, target=lambda: answers.append(one.get(f"/changes?since={view}&wait=20"))) for _ in range(5)]
    for thread in waiting:
        thread.start()
    time.sleep(0.5)
    one.install(NEXT, NEXT_RECONNECT)
    began = time.monotonic()
    assert command(one.reconnect, one.loader, "--once").returncode == 0
    for thread in waiting:
        thread.join()
    assert time.monotonic() - began < 8 and [answer.status for answer in answers] == [200] * 5
    assert one.get("/").status == 200 and one.runs(one.program) == 1


def test_first_request_after_the_upgrade(site):
    """A worker that had no request before the state was of the newer format."""
    one = site(workers=1)
    idle = one.start()
    try:
        one.install(NEXT, NEXT_RECONNECT)
        assert command(one.reconnect, one.loader, "--once").returncode == 0
        kodotest.end(one.workers.pop())
        one.workers.append(idle)
        answers = [one.post("/connect", connect_body(FAR, 1)), *(one.get("/") for _ in range(5))]
        assert [answer.status for answer in answers] == [201] + [200] * 5 and one.runs(one.program) == 1 and idle.poll() is None
    finally:
        kodotest.end(idle)
        one.workers.clear()


def test_old_file_stays(site, folders):
    """A worker whose file is still of the former format answers 503 with the reason in its log, and neither ends nor starts itself again and again."""
    one = site(workers=1)
    assert command(NEXT_RECONNECT, one.loader, "--once").returncode == 0
    pid = one.workers[0].pid
    assert [one.get("/").status for _ in range(20)] == [503] * 20
    assert one.workers[0].poll() is None and one.workers[0].pid == pid
    assert "a newer program has brought it from format 1201 to 1301" in one.log() + one.screen()
    assert one.screen().count("newer than this program") + one.log().count("newer than this program") <= 4
    # once it is installed all is well
    one.install(NEXT, NEXT_RECONNECT)
    kodotest.end(one.workers[0])
    one.workers[0] = one.start()
    assert one.get("/").status == 200


SEEN = """#!/bin/sh
{ ls -l /proc/$$/fd; wc -c; } >>"$0.seen"
printf 'Status: 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\nnewer'
"""


@pytest.mark.parametrize("is_large", [False, True], ids=["small", "too large"])
def test_what_is_handed_over(site, is_large):
    """Bodies within body_max_mib alone, and no connection of the worker."""
    one = site({"body_max_mib": 1}, workers=1)
    with open(one.program + ".new", "w", encoding="ascii") as f:
        f.write(SEEN)
    os.chmod(one.program + ".new", 0o755)
    assert command(NEXT_RECONNECT, one.loader, "--once").returncode == 0
    os.rename(one.program + ".new", one.program)
    answer = one.post("/connect", b"x" * (3 << 20 if is_large else 1000))
    wait_until(lambda: one.workers[0].poll() is not None, 10, "the worker has become the newer program")
    with open(one.program + ".seen", encoding="ascii") as f:
        seen = f.read()
    if is_large:
        assert answer.status == 413 and str(3 << 20) not in seen, (answer, seen)
    else:
        assert answer.status == 200 and "\n1000\n" in seen and "socket:" not in seen.split("1000\n")[0], (answer, seen)


class Served(kodotest.Service):
    """`kodo service` of a copy of the programs."""
    install = Site.install

    def start(self, seconds=15):
        os.mkdir(os.path.join(self.cwd, "bin"))
        self.program, self.reconnect = (os.path.join(self.cwd, "bin", name) for name in ("kodo", "kodo-reconnect"))
        self.install(kodotest.KODO, kodotest.RECONNECT)
        self.write_loader()
        with open(self.screen_path, "ab") as screen:
            self.process = subprocess.Popen([self.program, "service", self.loader], cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=screen, stderr=screen, start_new_session=True)
        wait_until(self.is_answering, seconds, f"{self.url} answers")
        return self

    def former(self):
        """Children that run a program which is no longer there."""
        links = [os.readlink(f"/proc/{pid}/exe") for pid in kodotest.children(self.process.pid)]
        return [link for link in links if link.endswith(" (deleted)")]


def test_kodo_service(folders):
    """Its workers and its runner become the next program under the former service, and go on."""
    one = Served(folders(), {**OPTIONS, "workers": 2}).start()
    try:
        children = kodotest.children(one.process.pid)
        load = Load(one, rate=200)
        one.install(NEXT, NEXT_RECONNECT)
        assert len(one.former()) == 3
        done = command(one.reconnect, one.loader, "--resolve")
        assert done.returncode == 0, done
        wait_until(lambda: one.former() == [], 10, "workers and runner are of the next format")
        rate = load.end()
        print(f"\n{load.done} requests, {rate:.0f} a second, {len(load.lost)} lost")
        assert load.lost == [] and sorted(kodotest.children(one.process.pid)) == sorted(children)
        assert one.total() == 3 + len(load.acknowledged)
        assert one.stop() == 0
    finally:
        one.kill()


def test_check_says_what_will_happen(site):
    one = site(workers=1)
    out = one.check(NEXT).stdout
    line = next(line for line in out.splitlines() if "in format 1201" in line)
    assert line.startswith("warning ") and "brings it to format 1301" in line and one.state_path() + ".format-1201.tar" in line and "MiB are free" in line
    # reading commands say so, and change nothing; a backup is taken all the same
    done = command(NEXT, "flows", "", "--state", one.state_path())
    assert done.returncode == 1 and "the next start, request or run of the runner" in done.stderr
    backup = os.path.join(one.cwd, "b.tar")
    good(NEXT, "backup", backup, "--state", one.state_path())
    new = os.path.join(one.cwd, "new.lmdb")
    good(NEXT, "restore", backup, "--state", new)
    assert "3 of 3 flows" in good(NEXT, "flows", "", "--state", new)
    assert sorted(os.listdir(one.cwd)) == sorted(["b.tar", "bin", "data", "fcgi.sock", "kodo.yaml", "new.lmdb", "stderr"])
    done = command(kodotest.KODO, "restore", backup, "--state", new)
    assert done.returncode == 0 and "3 of 3 flows" in good(kodotest.KODO, "flows", "", "--state", new)
    assert one.get("/").status == 200 and one.runs(kodotest.KODO) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="for root alone")
def test_check_says_who_may_not(site):
    """The backup goes beside the state, where its owner may not write."""
    one = site()
    for path in [one.state_path(), *glob.glob(os.path.join(one.state_path(), "*"))]:
        os.chown(path, 54321, 54321)
    above = os.path.dirname(one.state_path())
    while above != "/":
        if os.stat(above).st_mode & 0o005 != 0o005:
            os.chmod(above, 0o755)
        above = os.path.dirname(above)
    done = subprocess.run([NEXT, "check", "--state", one.state_path()], capture_output=True, text=True, check=False, user=54321, group=54321, extra_groups=[])
    assert done.returncode == 1 and "cannot be written by uid 54321" in done.stdout, done


def test_nothing_is_changed_if_it_fails(site):
    """A step that fails, a backup that has no room: the former program goes on with the state as it was."""
    one = site(workers=1)
    good(one.program, "key", "--state", one.state_path())
    before = good(one.program, "counts", "--state", one.state_path())
    done = command(NEXT_RECONNECT, one.loader, "--once", env={"KODO_TEST_FAILS": "1"})
    assert done.returncode == 1 and "cannot be brought from format 1201 to 1301" in done.stderr, done
    os.unlink(one.state_path() + ".format-1201.tar")
    done = subprocess.run(["/bin/bash", "-c", f'ulimit -f 20; exec "{NEXT_RECONNECT}" {one.loader} --once'], capture_output=True, text=True,
                          check=False, timeout=30)
    assert done.returncode == 1 and "as there is no backup" in done.stderr, done
    assert not glob.glob(one.state_path() + ".format-*")
    assert good(one.program, "counts", "--state", one.state_path()) == before and one.get("/").status == 200
