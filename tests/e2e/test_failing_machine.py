"""Resources that run out, disks that fail: 503 with the remedy in the log, no process that dies or lives on useless."""
import contextlib
import fcntl
import http.client
import os
import re
import resource
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

import pytest

import kodotest
from kodotest import connect_body, flow, node, wait_until
from responder import SANITIZED
from servicetest import command_line

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts, and changes owners")


@contextlib.contextmanager
def mounted(folder, *arguments):
    os.makedirs(folder, exist_ok=True)
    if subprocess.run(["mount", *arguments, folder], check=False, capture_output=True).returncode != 0:
        pytest.skip("no mounting here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def big(n=20, description=60000, port=5000):
    """A body of n nodes, each with one large flow."""
    return connect_body(f"http://localhost:{port}", flows=1, nodes=[
        node(f"http://localhost:{port}/{i}", [flow(i, description="x" * description)]) for i in range(n)])


def is_refusal(answer):
    """503, and when to come again."""
    return answer.status == 503 and int(answer.headers["retry-after"]) > 0 and answer.json()["status_code"] == 503


# --- full disks ---

@needs_root
@pytest.mark.parametrize("kib", [24, 64, 128, 200, 400, 600, 1000])
def test_full_disk(hosted, folders, kib):
    """Whatever the step at which it fills; with room it goes on."""
    disk = os.path.join(folders(), "disk")
    with mounted(disk, "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs"):
        kodo = hosted({"cache_data": f"{disk}/test.json", "trigger": "cron", "log_file": os.path.join(disk, "..", "x.log")})
        for _ in range(2):
            answer = kodo.post("/connect", big())
            assert is_refusal(answer), answer
            assert "the disk is full" in kodo.screen()
        assert is_refusal(kodo.get("/")) or kodo.get("/").json()["idle"] in (True, False)
        subprocess.run(["mount", "-o", "remount,size=40m", disk], check=True)
        assert kodo.post("/connect", big()).status == 201
        assert kodo.get("/counts").json()["total"] == 20


@needs_root
def test_no_room_for_the_log_alone(hosted, folders):
    disk = os.path.join(folders(), "disk")
    with mounted(disk, "-t", "tmpfs", "-o", "size=8k", "tmpfs"):
        with contextlib.suppress(OSError), open(os.path.join(disk, "filler"), "wb") as filler:
            filler.write(b"x" * 8192)
        kodo = hosted({"log_file": f"{disk}/kodo.log", "trigger": "cron"})
        assert kodo.post("/connect", big(2, 100)).status == 201
        assert kodo.get("/counts").json()["total"] == 2


@needs_root
def test_no_inodes(hosted, folders):
    disk = os.path.join(folders(), "disk")
    for inodes in (1, 2, 3, 4, 6):
        with mounted(disk, "-t", "tmpfs", "-o", f"size=40m,nr_inodes={inodes}", "tmpfs"):
            kodo = hosted({"cache_data": f"{disk}/test.json", "trigger": "cron"})
            answer = kodo.post("/connect", big(2, 100))
            assert is_refusal(answer) or answer.status == 201, answer
            if answer.status == 503:
                assert "the disk is full" in kodo.screen() or "No space left" in kodo.screen(), kodo.screen()
            subprocess.run(["mount", "-o", "remount,nr_inodes=1000", disk], check=True)
            assert kodo.post("/connect", big(2, 100)).status in (200, 201)


@needs_root
def test_runner_outlasts_a_full_disk(folders):
    disk = os.path.join(folders(), "disk")
    with mounted(disk, "-t", "tmpfs", "-o", "size=16k", "tmpfs"):
        peer = kodotest.Peer()
        kodo = kodotest.PlainCGI(folders(), {"cache_data": f"{disk}/test.json", "connect": [peer.url]})
        with open(os.path.join(kodo.cwd, "out"), "wb") as out:
            runner = subprocess.Popen([kodotest.RECONNECT, kodo.loader, "--stay"], env=kodo.env, stdout=out, stderr=out)
        try:
            time.sleep(0.7)
            assert runner.poll() is None, open(os.path.join(kodo.cwd, "out"), encoding="utf-8").read()
            subprocess.run(["mount", "-o", "remount,size=40m", disk], check=True)
            wait_until(lambda: peer.calls("/connect"), 15, "the target is connected to")
        finally:
            assert kodotest.end(runner) == 0
            peer.close()


# --- limits ---

def limited(kodo, limit, value, method, target, body=None):
    """A request as plain CGI under a limit: the exit status and the answer; None where not even the program is loaded."""
    data = kodotest.body_bytes(body)
    done = subprocess.run([kodotest.KODO], env={**kodo.env, **kodotest.cgi_env(method, target, None, data)}, input=data or b"", cwd="/",
                          capture_output=True, timeout=60, check=False, preexec_fn=lambda: resource.setrlimit(limit, (value, value)))
    kodo.stderr = done.stderr.decode()
    if "error while loading shared libraries" in kodo.stderr:
        return None, None
    return done.returncode, kodotest.parse_cgi(done.stdout, done.stderr)


def test_limit_of_file_sizes(folders):
    kodo = kodotest.PlainCGI(folders(), {"trigger": "cron", "log_file": "./x.log"})
    kodo.get("/")
    log = os.path.join(kodo.cwd, "x.log")
    with open(log, "ab") as f:
        f.truncate(8 << 20)
    status, answer = limited(kodo, resource.RLIMIT_FSIZE, 8 << 20, "POST", "/connect", big(2, 100))
    assert status == 0 and answer.status == 201
    for kib in (0, 16, 100, 200, 500, 1000):
        status, answer = limited(kodo, resource.RLIMIT_FSIZE, kib << 10, "POST", "/connect", big(port=5001))
        assert status == 0 and is_refusal(answer), (kib, answer)
        assert "ulimit -f" in kodo.stderr, kodo.stderr
        status, answer = limited(kodo, resource.RLIMIT_FSIZE, kib << 10, "GET", "/flows")
        assert status == 0 and answer.status == 200
    assert kodo.post("/connect", big(port=5001)).status == 201


@pytest.mark.skipif(SANITIZED, reason="ASAN takes terabytes of address space")
def test_limit_of_address_space(folders):
    kodo = kodotest.PlainCGI(folders(), {"trigger": "cron"})
    kodo.get("/")
    seen = set()
    for mib in range(20, 260, 8):
        for method, target, body in (("GET", "/flows", None), ("POST", "/connect", big(2, 100)), ("GET", "/", None)):
            status, answer = limited(kodo, resource.RLIMIT_AS, mib << 20, method, target, body)
            if status is None:
                continue
            assert status == 0, (mib, status, kodo.stderr)
            assert answer.status in (200, 201) or is_refusal(answer), (mib, answer)
            seen.add(answer.status)
    assert seen >= {200, 503}
    assert kodo.get("/").status == 200


@pytest.mark.skipif(SANITIZED, reason="opens files of its own")
def test_limit_of_open_files(folders):
    kodo = kodotest.PlainCGI(folders(), {"trigger": "cron"})
    kodo.get("/")
    for n in range(3, 20):
        status, answer = limited(kodo, resource.RLIMIT_NOFILE, n, "POST", "/connect", big(2, 100))
        if status is None:
            continue
        assert status == 0 and (answer.status in (200, 201) or is_refusal(answer)), (n, status, answer, kodo.stderr)
    assert kodo.get("/").status == 200


def test_limit_of_processor_time(folders):
    """Who has used it up ends in order, after the request at hand; the next one has its own."""
    cwd = folders()
    kodo = kodotest.Responder(cwd, {})
    assert kodo.get("/").status == 200
    os.kill(kodo.workers[0].pid, signal.SIGXCPU)
    assert kodo.workers[0].wait(5) == 0
    kodo.workers = []
    kodo.close()
    runner = subprocess.Popen([kodotest.RECONNECT, kodo.loader, "--stay"], env=kodo.env, stderr=subprocess.DEVNULL)
    wait_until(lambda: kodotest.catches(runner.pid, signal.SIGXCPU), 5, "the runner has started")
    os.kill(runner.pid, signal.SIGXCPU)
    assert runner.wait(5) == 0


# --- read-only ---

@needs_root
def test_read_only_disk(folders):
    kodo = kodotest.PlainCGI(folders(), {"trigger": "cron"})
    assert kodo.post("/connect", big(40)).status == 201
    data = os.path.join(kodo.cwd, "data")
    with mounted(data, "--bind", data):
        subprocess.run(["mount", "-o", "remount,bind,ro", data], check=True)
        for command in (["peers"], ["flows"], ["explain", "http://localhost:5000/1"]):
            done = subprocess.run([kodotest.KODO, *command, "--state", kodo.state_path()], capture_output=True, text=True, check=False)
            assert done.returncode == 0 and "localhost:5000" in done.stdout, (command, done)
        done = subprocess.run([kodotest.KODO, "export", "--state", kodo.state_path()], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and len(done.stdout) > 40 * 60000, done.stderr
        done = subprocess.run([kodotest.KODO, "check", "--state", kodo.state_path()], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "error   state: " in done.stdout and "nodes: 40, flows: 40" in done.stdout, done
        assert kodo.get("/flows?pp=1000").json()["filtered"] == 40
        assert is_refusal(kodo.post("/connect", big(2, 100, 5001)))
        assert "read-only" in kodo.screen()
        done = subprocess.run([kodotest.KODO, "check", "--hosted", kodo.loader], env=kodo.env, capture_output=True, text=True, check=False)
        errors = [line for line in done.stdout.splitlines() if line.startswith("error")]
        assert len(errors) == 2 and all("Read-only file system; mount its disk for writing" in line for line in errors), done.stdout


@needs_root
def test_disk_becomes_read_only_and_writable(responder, folders):
    data = os.path.join(folders(), "disk")
    with mounted(data, "-t", "tmpfs", "tmpfs"):
        kodo = responder({"trigger": "cron", "cache_data": f"{data}/test.json"})
        assert kodo.get("/").status == 200
        worker = kodo.workers[0]
        kodo.workers[0].send_signal(signal.SIGTERM)
        worker.wait()
        subprocess.run(["mount", "-o", "remount,ro", data], check=True)
        kodo.workers[0] = kodo.start()
        assert kodo.get("/").status == 200
        assert is_refusal(kodo.post("/connect", big(2, 100)))
        subprocess.run(["mount", "-o", "remount,rw", data], check=True)
        assert kodo.post("/connect", big(2, 100)).status == 201
        assert kodo.get("/counts").json()["total"] == 2


# --- starts ---

@needs_root
def test_boot_ids_that_differ(folders):
    """Cron sees the boot id, the web server does not, or another one: that is no start at each request."""
    kodo = kodotest.PlainCGI(folders(), {"trigger": "cron", "registry": True})
    other = os.path.join(kodo.cwd, "boot_id")

    def changes(text):
        """The number of changes of the state, a start being one, after a request that sees this boot id."""
        with open(other, "w", encoding="ascii") as f:
            f.write(text)
        env = {**kodo.env, **kodotest.cgi_env("GET", "/")}
        script = f"mount --bind {other} /proc/sys/kernel/random/boot_id && exec {kodotest.KODO}"
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], env=env, capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("no mounting here")
        done = subprocess.run([kodotest.KODO, "check", "--state", kodo.state_path()], capture_output=True, text=True, check=False)
        return int(re.search(r"state: (\d+)$", done.stdout, re.M).group(1))
    one, two = "11111111-2222-3333-4444-555555555555\n", "99999999-2222-3333-4444-555555555555\n"
    first = changes(one)
    assert [changes(text) for text in ("", one, "", one)] == [first] * 4
    second = changes(two)
    assert second > first                                   # the machine was started
    assert [changes(text) for text in ("", one, two)] == [second] * 3


def test_start_after_a_killed_parent(service):
    """Its web server ends a moment later, and has the port until then."""
    one = service({})
    for _ in range(2):
        one.process.kill()
        one.process.wait()
        one.start()
    assert one.stop() == 0
    with socket.create_server(("127.0.0.1", one.port)) as listener:
        threading.Timer(0.7, listener.close).start()
        one.start()
    assert one.stop() == 0


@needs_root
def test_root_makes_no_state_of_its_own(folders):
    """A runner or a service that root starts in the folder of somebody else; and commands that root gives."""
    kodo = kodotest.PlainCGI(folders(), {"trigger": "cron"})
    os.chmod(os.path.dirname(kodo.cwd), 0o755)
    for path in (kodo.cwd, kodo.loader):
        os.chown(path, NOBODY, NOBODY)
    for command in ([kodotest.RECONNECT, kodo.loader, "--for", "1"], [kodotest.KODO, "service", kodo.loader]):
        done = subprocess.run(command, env=kodo.env, cwd=kodo.cwd, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode != 0 and "runuser -u nobody" in done.stderr, done
        assert not os.path.exists(os.path.join(kodo.cwd, "data"))
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    subprocess.run([*as_nobody, kodotest.RECONNECT, kodo.loader, "--resolve"], env=kodo.env, check=True)
    precious = os.path.join(os.path.dirname(kodo.cwd), "precious")
    with open(precious, "w", encoding="ascii") as f:
        f.write("root's")
    for name in ("lock.mdb", "write.lock"):
        os.rename(os.path.join(kodo.state_path(), name), os.path.join(kodo.cwd, name))
        os.symlink(precious, os.path.join(kodo.state_path(), name))
        for command in (["peers"], ["check"], ["evict", "http://localhost:5000"]):
            done = subprocess.run([kodotest.KODO, *command, "--state", kodo.state_path()], capture_output=True, text=True, check=False)
            assert done.returncode == 1 and "is a symbolic link; remove it" in done.stdout + done.stderr, done
        assert open(precious, encoding="ascii").read() == "root's"
        os.rename(os.path.join(kodo.cwd, name), os.path.join(kodo.state_path(), name))
    subprocess.run([kodotest.KODO, "peers", "--state", kodo.state_path()], check=True)
    for name in os.listdir(kodo.state_path()):
        assert os.lstat(os.path.join(kodo.state_path(), name)).st_uid == NOBODY, name


# --- a writer that is stopped ---

def test_reading_behind_a_stopped_writer(responder):
    kodo = responder({"trigger": "cron"}, workers=4)
    assert kodo.get("/").status == 200
    holder = subprocess.Popen([sys.executable, "-c", "import fcntl, sys, time\nf = open(sys.argv[1], 'r+')\n"
                               "fcntl.flock(f, fcntl.LOCK_EX)\nprint('held', flush=True)\ntime.sleep(60)",
                               os.path.join(kodo.state_path(), "write.lock")], stdout=subprocess.PIPE)
    holder.stdout.readline()
    over = threading.Event()

    def post(number):
        while not over.is_set():
            kodo.post("/connect", big(1, 10, 5000 + number))
    posters = [threading.Thread(daemon=True, target=post, args=(i,)) for i in range(6)]
    for poster in posters:
        poster.start()
    try:
        seconds = []
        end = time.monotonic() + 8
        while time.monotonic() < end:
            began = time.monotonic()
            assert kodo.get("/").status == 200
            seconds.append(time.monotonic() - began)
        assert statistics.median(seconds) < 0.2 and max(seconds) < 4, (statistics.median(seconds), max(seconds))
    finally:
        over.set()
        holder.kill()
        for poster in posters:
            poster.join()
    assert kodo.post("/connect", big(1, 10)).status in (200, 201)


class Lock:
    """The write lock of a state, as the system sees it."""

    def __init__(self, state):
        self.file = open(os.path.join(state, "write.lock"), "rb+")

    def holder(self):
        """Of its byte 2; None: nobody."""
        asked = fcntl.fcntl(self.file, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 2, 1, 0))
        kind, _, _, _, pid = struct.unpack("hhqqi4x", asked)
        return None if kind == fcntl.F_UNLCK else pid

    def stop_holder(self, may=lambda pid: True):
        """Stop one that writes now."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pid = self.holder()
            if pid is None or not may(pid):
                continue
            with contextlib.suppress(ProcessLookupError):       # a command may have ended meanwhile
                os.kill(pid, signal.SIGSTOP)
                wait_until(lambda: kodotest.process_state(pid) in ("T", "Z", None), 5)
                if self.holder() == pid:
                    return pid
                os.kill(pid, signal.SIGCONT)
        raise AssertionError("nobody writes")

    def close(self):
        self.file.close()


class Posters:
    """Threads that go on to post; what they were answered."""

    def __init__(self, kodo, n, has_commands=False):
        self.kodo, self.over, self.answers = kodo, threading.Event(), []
        self.threads = [threading.Thread(daemon=True, target=self.run, args=(i,)) for i in range(n)]
        self.threads += [threading.Thread(daemon=True, target=self.run_commands)] if has_commands else []
        for thread in self.threads:
            thread.start()

    def run(self, number):
        while not self.over.is_set():
            with contextlib.suppress(OSError, AssertionError, ValueError, http.client.HTTPException):   # of the one that is killed
                answer = self.kodo.post("/connect", big(2, 20, 5000 + number), timeout=30)
                self.answers.append((time.monotonic(), answer))
            time.sleep(0.02)

    def run_commands(self):
        """Writers that are no workers."""
        while not self.over.is_set():
            for verb in ("hide", "allow"):
                subprocess.run([kodotest.KODO, verb, "url:http://localhost:1", "--state", self.kodo.state_path()], check=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def reads(kodo, until):
    """The sorted times of reads until then."""
    seconds = []
    while time.monotonic() < until:
        began = time.monotonic()
        assert kodo.get("/flows?pp=5").status == 200
        seconds.append(time.monotonic() - began)
        time.sleep(0.01)
    return sorted(seconds)


def are_quick(seconds):
    return statistics.median(seconds) < 0.05 and seconds[int(len(seconds) * 0.99)] < 0.05 and seconds[-1] < 1


@pytest.mark.parametrize("kind,workers", [("pool", 1), ("pool", 2), ("pool", 4), ("pool", 8), ("lighttpd", 4), ("lighttpd", 8)])
def test_reading_behind_a_writer_that_is_stopped_while_it_writes(responder, service, kind, workers):
    """A worker, or a command. No worker waits for it: reads are as quick as ever, writers are told at once to come again; when it is killed all goes on."""
    if kind == "pool":
        kodo = responder({"trigger": "cron"}, workers=workers)        # as spawn-fcgi starts them
        pids = [one.pid for one in kodo.workers]
    else:
        kodo = service({"workers": workers, "registry": True, "feed": True, "private": True})
        pids = [pid for pid in kodotest.children(kodo.process.pid) if os.path.basename(command_line(pid)[0]) == "kodo"]
    assert kodo.post("/connect", big(1, 10)).status == 201
    lock = Lock(kodo.state_path())
    posters = Posters(kodo, 2 * workers, has_commands=workers == 1)
    try:
        stopped = lock.stop_holder(lambda pid: (pid in pids) == (workers > 1))      # of a pool of one something else
        since = time.monotonic()
        time.sleep(0.1)
        tries = [reads(kodo, since + 4)]
        while not are_quick(tries[-1]) and len(tries) < 3:      # others have work for the machine, too
            tries.append(reads(kodo, time.monotonic() + 4))
        assert are_quick(tries[-1]), [one[-20:] for one in tries]
        refused = [answer for at, answer in posters.answers if since + 0.2 < at < since + 4]
        assert len(refused) > 50 and {answer.status for answer in refused} == {503}
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert statistics.median(answer.seconds for answer in refused) < 0.2
        os.kill(stopped, signal.SIGKILL)
        killed = time.monotonic()
        wait_until(lambda: any(at > killed and answer.status == 201 for at, answer in list(posters.answers)), 10, "writers go on")
    finally:
        posters.end()
        lock.close()
        if kind == "pool":
            for one in [one for one in kodo.workers if one.poll() is not None]:
                kodo.workers.remove(one)
    assert kodo.post("/connect", big(1, 10)).status in (200, 201)


def test_plain_cgi_behind_a_writer_that_is_stopped(folders):
    """Its processes are workers of a web server, too; a runner waits for it, and is done when it goes on."""
    kodo = kodotest.PlainCGI(folders(), {"trigger": "cron"})
    assert kodo.post("/connect", big(1, 10)).status == 201
    lock, posters = Lock(kodo.state_path()), Posters(kodo, 2)
    try:
        stopped = lock.stop_holder()
        time.sleep(0.2)
        for _ in range(5):
            assert kodo.get("/").seconds < 1
            answer = kodo.post("/connect", big(1, 10))
            assert answer.status == 503 and answer.headers["retry-after"] == "1" and answer.seconds < 1, answer
        done = subprocess.Popen([kodotest.KODO, "hide", "url:http://localhost:1", "--state", kodo.state_path()], stdout=subprocess.DEVNULL)
        time.sleep(1)
        assert done.poll() is None
        os.kill(stopped, signal.SIGCONT)
        assert done.wait(20) == 0
    finally:
        posters.end()
        lock.close()
    assert kodo.post("/connect", big(1, 10)).status in (200, 201)


# --- damage ---

def test_torn_copy(folders):
    """Parts of two moments of the file, as a copy of a running state has: kodo check says so, and LMDB does not abort."""
    kodo = kodotest.PlainCGI(folders(), {"trigger": "cron"})
    data = os.path.join(kodo.state_path(), "data.mdb")

    def moment(numbers):
        for i in numbers:
            assert kodo.post("/connect", big(1 + i % 9, [100, 3000, 30000][i % 3], 5000 + i % 7)).status in (200, 201)
        with open(data, "rb") as f:
            return f.read()
    first, second = moment(range(20)), moment(range(20, 34))
    for i in range(1, 25):
        cut = len(first) * i // 25 // 4096 * 4096
        with open(data, "wb") as f:
            f.write((first[:cut] + second[cut:] if i % 2 else second[:cut] + first[cut:]).ljust(len(second), b"\0"))
        os.unlink(os.path.join(kodo.state_path(), "lock.mdb"))
        done = subprocess.run([kodotest.KODO, "check", "--state", kodo.state_path()], capture_output=True, text=True, check=False)
        assert done.returncode == 0 or (done.returncode == 1 and re.search("^error .*; ", done.stdout, re.M)), (i, done)


def test_body_that_cannot_be_read(place):
    """A fault of the machine, which no client has made: a folder in place of stdin cannot be read."""
    kodo = kodotest.PlainCGI(place, {})
    assert kodo.get("/").status == 200
    fault = os.open("/", os.O_RDONLY)
    try:
        done = subprocess.run([kodotest.KODO], env={**kodo.env, **kodotest.cgi_env("POST", "/connect", None, b"{}")}, stdin=fault,
                              capture_output=True, timeout=20, check=False)
    finally:
        os.close(fault)
    answer = kodotest.parse_cgi(done.stdout, done.stderr)
    assert answer.status == 503 and answer.headers["retry-after"] == "1", done
