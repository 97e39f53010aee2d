#!/usr/bin/env python3
"""Faults, one at a time: what `make faults` starts. Every call of the system and of malloc, in every kind of process, fails once.

usage: faults.py [--count N] [--seed N] [--only WORD] [--jobs N] [--strict]

Three parts. Processes that live for one request or command: each call of each function (faults.c) in them fails, in a fresh copy of
a state. A worker, and a runner with --stay: a fault, or all from it on for a while; afterwards both must do their work, or have
ended. Crashes: the writes of a history to data.mdb are recorded, and what a power cut may leave of them at each moment is opened;
unsynced writes may be there, be missing or be torn.

Wrong is: a process that ends by a signal; an answer but 2xx, or 503 with Retry-After; an answer 2xx whose change is lost; a state
that is useless afterwards, or a process that lives and is. No answer is right where the answer itself could not be written.
4xx to what is right (out of memory read as a bad body) is counted, and wrong with --strict.

The programs: $KODO, $KODO_RECONNECT. --count: at most so many faults, spread evenly (10,000). A fault's name is FUNCTION:N:ERRNO.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import errno
import json
import mmap
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import kodotest  # noqa: E402

SHORT = -1
FUNCTIONS_MAX, CONTROL = 128, struct.Struct("<QiiiiiI")
LINE = re.compile(r"^(?:HALF\([^,]+, |F\([^,]+, |M\(|E\()(\w+),", re.M)
with open(os.path.join(HERE, "faults.c"), encoding="ascii") as source:
    FUNCTIONS = LINE.findall(source.read())
DISK = [errno.ENOSPC, errno.EIO]
ERRORS = {  # what each may fail with; others: EIO
    "write": [errno.ENOSPC, errno.EIO, SHORT], "pwrite": [errno.ENOSPC, errno.EIO, errno.EDQUOT, SHORT],
    "writev": [errno.ENOSPC, errno.EIO, errno.EFBIG, SHORT], "read": [errno.EIO, errno.EINTR, SHORT], "pread": [errno.EIO, SHORT],
    "open": [errno.EMFILE, errno.ENOSPC, errno.EACCES, errno.EROFS], "mmap": [errno.ENOMEM], "posix_memalign": [errno.ENOMEM],
    "strdup": [errno.ENOMEM], "posix_spawn": [errno.EAGAIN, errno.ENOMEM], "mkdir": DISK, "mkfifo": DISK, "mkostemp": DISK,
    "rename": DISK, "link": DISK, "fallocate": [errno.ENOSPC, errno.EOPNOTSUPP], "ftruncate": DISK, "fsync": [errno.EIO, errno.ENOSPC],
    "fdatasync": [errno.EIO, errno.ENOSPC], "socket": [errno.EMFILE], "accept": [errno.EMFILE], "epoll_create1": [errno.EMFILE],
    "pipe2": [errno.EMFILE], "flock": [errno.ENOLCK, errno.EINTR], "fcntl": [errno.ENOLCK, errno.EINVAL],
    "poll": [errno.EINTR, errno.ENOMEM], "ppoll": [errno.EINTR], "epoll_pwait": [errno.EINTR], "pthread_create": [errno.EAGAIN],
    "connect": [errno.ECONNREFUSED, errno.ENETUNREACH], "getcwd": [errno.ENOENT], "malloc": [errno.ENOMEM], "calloc": [errno.ENOMEM],
    "realloc": [errno.ENOMEM], "pthread_mutex_lock": [errno.EINVAL],
}
OWN = "http://localhost:4321"


def name_of(error):
    return "short" if error == SHORT else errno.errorcode[error]


class Control:
    """The file that a process under faults shares with us."""

    def __init__(self, path, records=False):
        self.path = path
        with open(path, "wb") as f:
            f.write(bytes(FUNCTIONS_MAX * 8 + CONTROL.size))
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)
        self.records = records
        self.disarm()

    def put(self, at, function, error, goes_on):
        CONTROL.pack_into(self.map, FUNCTIONS_MAX * 8, at, function, error, goes_on, 0, self.records, 0)

    def arm(self, function, n, error, goes_on=False):
        """The n-th call from now on fails."""
        i = FUNCTIONS.index(function)
        self.put(self.counts()[function] + n, i, error, goes_on)

    def disarm(self):
        self.put(0, -1, 0, False)

    def hits(self):
        return CONTROL.unpack_from(self.map, FUNCTIONS_MAX * 8)[4]

    def counts(self):
        return dict(zip(FUNCTIONS, struct.unpack_from(f"<{len(FUNCTIONS)}Q", self.map)))

    def env(self, library):
        return {"KODO_FAULTS": self.path, "LD_PRELOAD": library}


# --- what is done under faults ---

def body(port, n, size=200):
    return json.dumps(kodotest.connect_body(f"http://localhost:{port}", nodes=[kodotest.node(
        f"http://localhost:{port}/{i}", [kodotest.flow(i, description="x" * size)]) for i in range(n)])).encode()


class Step:
    """A process: a request as plain CGI, or a command. provider: its nodes must be there after a 2xx."""

    def __init__(self, name, method=None, target=None, data=b"", command=None, provider=None, fresh=False):
        self.name, self.method, self.target, self.data, self.command = name, method, target, data, command
        self.provider, self.fresh = provider, fresh

    def run(self, site, env):
        if self.command is None:
            more = kodotest.cgi_env(self.method, self.target, {"Accept": "application/json"}, self.data or None)
            command = [kodotest.KODO]
        else:
            more, command = {}, [word.format(state=site.state, loader=site.loader) for word in self.command]
        try:
            done = subprocess.run(command, env={**site.env, **more, **env}, input=self.data, cwd=site.folder, capture_output=True,
                                  timeout=60, check=False)
        except subprocess.TimeoutExpired:
            return None
        return done


STEPS = [
    Step("first start", "GET", "/", fresh=True),
    Step("first post", "POST", "/connect", body(7000, 2), provider=7000, fresh=True),
    Step("get /", "GET", "/"),
    Step("query", "GET", "/flows?q=Flow&by=name:d"),
    Step("page of flows", "GET", "/flows?pp=1000"),
    Step("counts", "GET", "/counts"),
    Step("map", "GET", "/map"),
    Step("post", "POST", "/connect", body(7000, 5), provider=7000),
    Step("large post", "POST", "/connect", body(7001, 40, 20000), provider=7001),
    Step("post again", "POST", "/connect", body(5000, 3), provider=5000),
    Step("disconnect", "POST", "/disconnect", json.dumps({"provider": "http://localhost:5001", "url": ["http://localhost:5001"]}).encode()),
    Step("runner", command=[kodotest.RECONNECT, "{loader}", "--once"]),
    Step("check", command=[kodotest.KODO, "check", "--state", "{state}"]),
    Step("peers", command=[kodotest.KODO, "peers", "--state", "{state}"]),
    Step("flows", command=[kodotest.KODO, "flows", "--state", "{state}"]),
    Step("export", command=[kodotest.KODO, "export", "--state", "{state}"]),
]


class Site:
    """A folder with a loader, and a state made once, copied for each fault."""

    def __init__(self, folder, library, target):
        self.folder, self.library = folder, library
        self.loader, self.state = os.path.join(folder, "kodo.yaml"), os.path.join(folder, "data", "test.lmdb")
        self.good = os.path.join(folder, "good")
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "KODO_LOADER": self.loader, "KODO_RECONNECT": "/bin/true",
                    "KODO_WWW": os.path.join(kodotest.SRCDIR, "www")}
        with open(self.loader, "w", encoding="ascii") as f:
            f.write(kodotest.yaml_of({"url": OWN, "cache_data": "./data/test.json", "connect": [target], "timeout": 2, "wait": 0}))
        for port in (5000, 5001):
            Step("", "POST", "/connect", body(port, 3)).run(self, {})
        shutil.copytree(self.state, self.good)
        self.control = Control(os.path.join(folder, "control"))

    def restore(self, fresh):
        shutil.rmtree(os.path.join(self.folder, "data"), ignore_errors=True)
        if not fresh:
            shutil.copytree(self.good, self.state)

    def ask(self, method="GET", target="/flows?pp=1000", data=b""):
        done = Step("", method, target, data).run(self, {})
        return None if done is None or done.returncode != 0 else kodotest.parse_cgi(done.stdout, done.stderr)

    def what_is_useless(self, step, acknowledged):
        """After a fault, without it: the state answers, is whole, and knows what was acknowledged."""
        answer = self.ask()
        if answer is None or answer.status != 200:
            return f"GET is answered {answer}"
        urls = [item["node"] if "node" in item else item.get("url", "") for item in answer.json()["items"]]
        text = "\n".join(urls) + answer.text()
        if acknowledged and step.provider and f"localhost:{step.provider}/" not in text:
            return "an acknowledged change is lost"
        if self.ask("POST", "/connect", body(7777, 1)).status not in (200, 201):
            return "POST is refused"
        done = subprocess.run([kodotest.KODO, "check", "--state", self.state], env=self.env, capture_output=True, text=True, check=False)
        errors = [line for line in done.stdout.splitlines() if line.startswith("error")]
        return f"kodo check: {errors[:2]} {done.stderr[:200]}" if errors or done.returncode < 0 else None


def judge(step, done):
    """What is wrong with the end of a process; and the kind of its answer."""
    if done is None:
        return "it hangs", "hang"
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}: {done.stderr[-300:]!r}", "signal"
    if b"Sanitizer" in done.stderr or b"Assertion" in done.stderr:
        return f"{done.stderr[-300:]!r}", "assert"
    if step.command is not None:
        return (None, "done") if done.returncode == 0 else (None if done.stderr or done.stdout else "it fails without a word", "failed")
    try:
        answer = kodotest.parse_cgi(done.stdout, done.stderr)
    except (AssertionError, ValueError, IndexError):
        return (None, "none") if done.returncode != 0 or done.stdout else ("no answer, and exit status 0", "none")
    kind = f"{answer.status // 100}xx" if answer.status < 500 else str(answer.status)
    if answer.status == 503 and "retry-after" not in answer.headers:
        return "503 without Retry-After", kind
    return (f"answered {answer.status}: {answer.text()[:100]}", kind) if answer.status >= 500 and answer.status != 503 else (None, kind)


def try_fault(site, step, fault):
    function, n, error = fault
    site.restore(step.fresh)
    site.control.map[:FUNCTIONS_MAX * 8] = bytes(FUNCTIONS_MAX * 8)
    site.control.arm(function, n, error)
    done = step.run(site, site.control.env(site.library))
    hit = site.control.hits() > 0
    site.control.disarm()
    wrong, kind = judge(step, done)
    if wrong == "no answer, and exit status 0" and function in ("write", "poll", "dup2"):
        wrong = None                                    # the answer could not be written
    if wrong is None:
        wrong = site.what_is_useless(step, kind == "2xx")
    return hit, kind, wrong


def faults_of(site, step):
    site.restore(step.fresh)
    site.control.map[:FUNCTIONS_MAX * 8] = bytes(FUNCTIONS_MAX * 8)
    done = step.run(site, site.control.env(site.library))
    assert judge(step, done) in ((None, "2xx"), (None, "done")), (step.name, done)
    return [(function, n, error) for function, count in site.control.counts().items() for n in range(1, count + 1)
            for error in ERRORS.get(function, [errno.EIO])]


def run_faults(arguments):
    """One process of ours: its share of the faults of one step."""
    step, faults, library, target = arguments
    results = []
    with tempfile.TemporaryDirectory(prefix="kodo-faults-") as folder:
        site = Site(folder, library, target)
        step = STEPS[step]
        for fault in faults if faults is not None else faults_of(site, step):
            results.append((fault, *try_fault(site, step, fault)) if faults is not None else fault)
    return results


# --- processes that go on ---

def replace_dead(kodo):
    """As `kodo service` or a web server does. How the worker ended, if that is wrong: libfcgi asserts that it gets memory, we do not."""
    worker = kodo.workers[0]
    if worker.poll() is None:
        return None
    kodo.site.control.disarm()
    kodo.workers[0] = kodo.start()
    last = kodo.screen()[-500:]
    if worker.returncode >= 0 or (worker.returncode == -signal.SIGABRT and "fcgiapp.c" in last):
        return None
    return f"ended by {signal.Signals(-worker.returncode).name}: {last!r}"


def ask_worker(kodo, number, seconds):
    """The statuses of a POST and a GET; what is wrong with an end of the worker."""
    try:
        kinds = [kodo.post("/connect", body(number, 2), timeout=seconds).status, kodo.get("/flows", timeout=seconds).status]
    except (AssertionError, OSError, ValueError, IndexError) as broken:
        kinds = [type(broken).__name__]
        with contextlib.suppress(subprocess.TimeoutExpired):
            kodo.workers[0].wait(1)
    return kinds, replace_dead(kodo)


def worker_trial(site, kodo, fault, goes_on):
    """A fault in a worker; then it must answer, or have been replaced. How it was answered, and what is wrong."""
    function, n, error = fault
    kinds, wrongs = [], []
    site.control.arm(function, n, error, goes_on)
    for number in range(2 if goes_on else 1):
        got, wrong = ask_worker(kodo, 6000 + number, 1 if goes_on else 5)
        kinds += got
        wrongs.append(wrong)
    hit = site.control.hits() > 0
    site.control.disarm()
    for _ in range(2):
        after, wrong = ask_worker(kodo, 6001, 20)
        wrongs.append(wrong)
    if not set(after) <= {200, 201}:
        wrongs.append(f"it lives and answers {after}")
    if 500 in kinds:
        wrongs.append(f"answered {kinds}")
    return hit, kinds, next((wrong for wrong in wrongs if wrong), None)


def run_worker(arguments):
    faults, library, target = arguments
    results = []
    with tempfile.TemporaryDirectory(prefix="kodo-faults-") as folder:
        site = Site(folder, library, target)
        shutil.rmtree(os.path.join(folder, "data"))
        kodo = kodotest.Responder(folder, env={**site.env, **site.control.env(library)})
        kodo.site = site
        try:
            kodo.post("/connect", body(6000, 2))
            kodo.get("/flows")
            before = site.control.counts()
            kodo.post("/connect", body(6000, 2))
            kodo.get("/flows")
            if faults is None:
                after = site.control.counts()
                return [(f, n, e, goes_on) for f in FUNCTIONS for n in range(1, after[f] - before[f] + 1)
                        for e in ERRORS.get(f, [errno.EIO]) for goes_on in ((False, True) if n == 1 else (False,))]
            for function, n, error, goes_on in faults:
                results.append(((function, n, error), *worker_trial(site, kodo, (function, n, error), goes_on)))
                if results[-1][3]:
                    kodo.workers[0].kill()
                    kodo.workers[0].wait()
                    kodo.workers[0] = kodo.start()
        finally:
            for worker in kodo.workers:
                worker.kill()
                worker.wait()
            kodo.listener.close()
    return results


class Stay:
    """A runner with --stay, and the target that must hear of each change."""

    def __init__(self, site, peer):
        self.site, self.peer, self.n = site, peer, 0
        self.runner = self.start()

    def start(self):
        self.site.control.disarm()
        with open(os.path.join(self.site.folder, "runner"), "ab") as out:
            return subprocess.Popen([kodotest.RECONNECT, self.site.loader, "--stay"], stdout=out, stderr=out, cwd=self.site.folder,
                                    env={**self.site.env, **self.site.control.env(self.site.library)})

    def is_heard(self, seconds):
        """Does the target hear of a change?"""
        before = len(self.peer.calls())
        self.n += 1
        self.site.ask("POST", "/connect", body(6000, 1, 10 + self.n))
        end = time.monotonic() + seconds
        while len(self.peer.calls()) == before and time.monotonic() < end and self.runner.poll() is None:
            time.sleep(0.005)
        return len(self.peer.calls()) > before

    def trial(self, fault):
        self.site.control.arm(*fault)
        heard = self.is_heard(1)
        hit, wrong = self.site.control.hits() > 0, None
        self.site.control.disarm()
        if self.runner.poll() is not None:
            wrong = f"ended by {signal.Signals(-self.runner.returncode).name}" if self.runner.returncode < 0 else None
            heard = "ended"
            self.runner = self.start()
        if not self.is_heard(20):
            wrong = wrong or f"it lives ({self.runner.poll()}) and sends nothing"
            self.runner.kill()
            self.runner.wait()
            self.runner = self.start()
        return hit, {True: "heard at once", False: "heard later"}.get(heard, heard), wrong


def run_stay(arguments):
    faults, library, _ = arguments
    peer = kodotest.Peer()
    with tempfile.TemporaryDirectory(prefix="kodo-faults-") as folder:
        stay = Stay(Site(folder, library, peer.url), peer)
        try:
            assert stay.is_heard(10) and stay.is_heard(10)
            before = stay.site.control.counts()
            stay.is_heard(10)
            after = stay.site.control.counts()
            if faults is None:
                return [(f, n, e) for f in FUNCTIONS for n in range(1, after[f] - before[f] + 1) for e in ERRORS.get(f, [errno.EIO])]
            return [(fault, *stay.trial(fault)) for fault in faults]
        finally:
            stay.runner.kill()
            stay.runner.wait()
            peer.close()


# --- crashes ---

HEAD = struct.Struct("<qqqq")


def read_log(path):
    with open(path, "rb") as f:
        text = f.read()
    at, entries = 0, []
    while at < len(text):
        kind, is_sync, offset, size = HEAD.unpack_from(text, at)
        at += HEAD.size
        entries.append((chr(kind), is_sync, offset, text[at:at + size]))
        at += size
    return entries


def apply(image, entry, part=None):
    kind, _, offset, data = entry
    if kind == "t":
        del image[offset:]
        image.extend(bytes(max(0, offset - len(image))))
    elif kind == "w":
        data = data if part is None else data[:part]
        image.extend(bytes(max(0, offset + len(data) - len(image))))
        image[offset:offset + len(data)] = data


def images_of(entries, acknowledged, rng, count):
    """What a power cut may leave: all that was synced, and some of the rest, perhaps torn. With the posts that must be there."""
    durable, pending, images = bytearray(), [], []
    moments = sorted(rng.sample(range(len(entries) + 1), min(count, len(entries) + 1)) + rng.choices(range(len(entries) + 1), k=count))
    at = 0
    for moment in moments:
        while at < moment:
            entry = entries[at]
            if entry[0] == "s":
                for one in pending:
                    apply(durable, one)
                pending = []
            elif entry[1]:
                apply(durable, entry)
            else:
                pending.append(entry)
            at += 1
        image = bytearray(durable)
        for one in pending:
            if rng.random() < 0.5:
                size = len(one[3])
                torn = rng.randrange(0, size + 1) // 512 * 512 if rng.random() < 0.3 else None
                apply(image, one, torn)
        images.append((moment, bytes(image), [port for end, port in acknowledged if end <= moment]))
    return images


def run_crashes(arguments):
    count, seed, library, target = arguments
    rng, results = random.Random(seed), []
    with tempfile.TemporaryDirectory(prefix="kodo-faults-") as folder:
        site = Site(folder, library, target)
        site.restore(True)
        control = Control(os.path.join(folder, "record"), records=True)
        acknowledged = []
        for i in range(14):
            done = Step("", "POST", "/connect", body(7000 + i % 10, 1 + i % 4, rng.choice([50, 3000, 30000]))).run(site, control.env(library))
            assert kodotest.parse_cgi(done.stdout).status in (200, 201), done
            acknowledged.append((len(read_log(control.path + ".log")), 7000 + i % 10))
        for moment, image, ports in images_of(read_log(control.path + ".log"), acknowledged, rng, count):
            site.restore(True)
            os.makedirs(site.state, 0o700)
            with open(os.path.join(site.state, "data.mdb"), "wb") as f:
                f.write(image)
            answer = site.ask()
            wrong = None
            if answer is None or answer.status != 200:
                wrong = f"GET is answered {answer}"
            elif any(f"localhost:{port}/" not in answer.text() for port in ports):
                wrong = f"of {ports} one is lost"
            elif site.ask("POST", "/connect", body(7777, 1)).status != 201:
                wrong = "POST is refused"
            else:
                done = subprocess.run([kodotest.KODO, "check", "--state", site.state], env=site.env, capture_output=True, check=False)
                wrong = None if done.returncode == 0 or b"\nerror" not in b"\n" + done.stdout else done.stdout[:300]
            results.append((("crash image", moment, 0), True, "image", wrong))
    return results


# --- all of it ---

class Report:
    def __init__(self, strict):
        self.strict, self.n, self.bad = strict, 0, []

    def take(self, name, results):
        kinds = collections.Counter()
        for fault, hit, kind, wrong in results:
            if not hit:
                continue
            self.n += 1
            kinds[str(kind)] += 1
            if wrong is None and kind == "4xx" and self.strict:
                wrong = "refused as a fault of the client"
            if wrong is not None:
                self.bad.append((name, fault, wrong))
        if name == "worker":
            kinds = {"faults": sum(kinds.values())}
        print(f"{name:16}", ", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items())), flush=True)


def spread(items, share, rng):
    """share of the items, all kinds of them."""
    return items if share >= 1 else sorted(rng.sample(items, int(len(items) * share)))


def parts(items, n):
    return [items[i::n] for i in range(n) if items[i::n]]


def run_all(args, pool, library, target, report):
    rng = random.Random(args.seed)
    steps = [i for i, step in enumerate(STEPS) if args.only in step.name]
    lists = list(pool.map(run_faults, [(i, None, library, target) for i in steps]))
    lasting = [(name, run, next(iter(pool.map(run, [(None, library, target)]))))
               for name, run in (("worker", run_worker), ("stay", run_stay)) if args.only in name]
    possible = sum(map(len, lists)) + sum(len(faults) for _, _, faults in lasting)
    share = args.count * 0.9 / max(1, possible)
    print(f"{possible} faults are possible, with {len(FUNCTIONS)} functions; about {min(1, share):.0%} are tried", flush=True)
    for i, faults in zip(steps, lists):
        results = pool.map(run_faults, [(i, part, library, target) for part in parts(spread(faults, share, rng), args.jobs)])
        report.take(STEPS[i].name, [one for part in results for one in part])
    for name, run, faults in lasting:
        results = pool.map(run, [(part, library, target) for part in parts(spread(faults, share, rng), args.jobs)])
        report.take(name, [one for part in results for one in part])
    if args.only in "crash":
        results = pool.map(run_crashes, [(args.count // 20 // args.jobs, args.seed + i, library, target) for i in range(args.jobs)])
        report.take("crash", [one for part in results for one in part])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--strict", action="store_true")
    args = parser.parse_args()
    began = time.monotonic()
    peer = kodotest.Peer()
    with tempfile.TemporaryDirectory(prefix="kodo-faults-") as folder:
        library = os.path.join(folder, "faults.so")
        subprocess.run([os.environ.get("CC", "cc").split()[0], "-O1", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "faults.c"),
                        "-ldl"], check=True)
        report = Report(args.strict)
        with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
            run_all(args, pool, library, peer.url, report)
    peer.close()
    for name, fault, wrong in report.bad:
        print(f"WRONG {name}, {fault[0]}:{fault[1]}:{name_of(fault[2]) if fault[2] else ''}: {wrong}")
    print(f"{report.n} faults, {len(report.bad)} of them wrong, {time.monotonic() - began:.0f} s")
    return 1 if report.bad else 0


if __name__ == "__main__":
    sys.exit(main())
