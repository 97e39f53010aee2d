#!/usr/bin/env python3
"""Measure kodo beside a no-op FastCGI responder of the same body size under the same lighttpd: what `make bench` starts.

usage: bench.py KODO NOOP MEMMEM FOLDER [--flows "55 100000"] [--seconds 2] [--rounds 3] [--some] [--only TEXT] [--feed]

For each number of flows a registry of that size is made in FOLDER (the same one each time), served by `kodo service` with 2
workers, and asked by wrk with 8 clients, in turns with the no-op (2 processes on one socket, the same lighttpd configuration):
kodo, no-op, kodo, no-op ... The medians of the rounds are printed as a Markdown table. `alone` is the median latency of a single
client, that is, without queueing; of it the no-op's own is what the web server and the client take. --some leaves out most
requests that DESIGN.md has targets for. After the table come the times that the program itself took (explain=1) beside a bare
memmem over the same texts, words beside SQLite's FTS5, new flows, counts after a change, memory, sizes; with --feed also how fast posts of 50 flows are taken in, on
disk and in /dev/shm. Needs wrk and lighttpd. Standard library only.
"""
import argparse
import contextlib
import http.client
import json
import os
import platform
import random
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = 8
NODE_FLOWS = 20
NODES_A_POST = 50
WORD = "newsletter"         # in about one of 50 descriptions
QUERIES = ["nosuchword", 'organization=="Organization 007"', '@tag("legal")', 'name ~ "budgets"', 'name =~ "^Menus [A-M] 1"']
PEAKS = ["/flows?pp=1000000", "/flows?pp=1000000&by=organization,name:d", "/flows?by=tags&p=3"]
WORDS = ["planning", "planning budget", "invoices 117", "newsletter", "nosuchword"]     # one of six, two of them, a rare one
TEXTS = [WORD, "nosuchword", "budgets"]     # many, none, one of 20

SUBJECTS = """invoices contracts campaigns meetings audiences budgets newsletters travel candidates suppliers tickets recipes
podcasts patents prices reviews surveys menus shipments translations""".split()
VERBS = """Summarizes Compares Drafts Monitors Translates Classifies Plans Explains Schedules Reconciles Forecasts Checks
Rewrites Collects Ranks""".split()
ENDS = """for the weekly report|and flags what needs a person|in the tone of the brand|with a source for every number
before they are sent out|across all markets and languages|from mails, chats and calendars|and suggests the next step
without leaving the browser|so that nobody has to copy tables by hand|and keeps a log of each decision|within the limits of
the budget|for teams that work in several time zones|and tells how sure it is|as a draft for the editor"""
ENDS = [e.strip() for e in ENDS.replace("\nthe budget", " the budget").replace("\n", "|").split("|")]
NAMES = """anna tobias mehmet sofia claire lukas maria jonas elena paul nina oskar greta felix laura""".split()
TAGS = """planning budget search copywriting brand analytics forecasting legal hr travel finance support sales research health
logistics energy media video audio""".split()


def flow(rng, n, mark=""):
    subject, verb = rng.choice(SUBJECTS), rng.choice(VERBS)
    return {"url": f"/{verb.lower()}-{subject}-{n}", "name": f"{subject.capitalize()} {rng.choice('ABCDEFGHIJ')} {n % 997}",
            "description": f"{verb} {subject} {rng.choice(ENDS)}, {rng.choice(ENDS)}.{mark}" + (
                f" Made for the {WORD}." if rng.random() < 0.02 else ""),
            "author": f"{rng.choice(NAMES)}.{rng.choice(NAMES)}@agents.example.com", "tags": sorted(rng.sample(TAGS, 3))}


def connect(rng, number, flows, node_flows=NODE_FLOWS, mark=""):
    """The body of a provider with that many flows."""
    url = f"http://provider-{number}.example.com:3370"
    organization = f"Organization {number % 200:03}"
    nodes = []
    for first in range(0, flows, node_flows):
        nodes.append({"url": f"http://node-{number}-{first // node_flows}.example.com:3366", "organization": organization,
                      "flows": [flow(rng, n, mark) for n in range(first, min(first + node_flows, flows))]})
    return {"url": url, "organization": organization, "registry": False, "feed": False, "idle": True, "now": "2026-01-13T14:00:00Z",
            "message": [], "nodes": nodes}


def dump(value):
    return json.dumps(value, separators=(",", ":")).encode()


# --- the two servers ---

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def request(port, method, target, body=None):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        c.request(method, target, body=body)
        answer = c.getresponse()
        return answer.status, answer.read()
    finally:
        c.close()


def wait_for(port, process, seconds=20):
    last = time.monotonic() + seconds
    while time.monotonic() < last and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if request(port, "GET", "/")[0] < 500:
                return
        time.sleep(0.02)
    sys.exit(f"bench: nothing answers on port {port}; see the files in the folder")


def stop(processes, number=signal.SIGTERM):
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def service(kodo, folder, prepare=None):
    """kodo service with default options; gives its port and the folder of its state. prepare runs in it before its start."""
    port = free_port()
    with open(os.path.join(folder, "screen"), "ab") as screen:
        env = {k: v for k, v in os.environ.items() if not k.startswith("KODO")}
        process = subprocess.Popen([kodo, "service", "--url", f"http://127.0.0.1:{port}", "--cache_data", "./state.json", "--page-max", "10000000",
                                    "--organization", "Bench"], cwd=folder, env=env, stdout=screen, stderr=screen,
                                   stdin=subprocess.DEVNULL, preexec_fn=prepare)
    try:
        wait_for(port, process)
        yield port, os.path.join(folder, "state.lmdb")
    finally:
        stop([process])


def noop_conf(text, folder, port):
    """The configuration that kodo service has written, with other places."""
    lines = []
    for line in text.split("\n"):
        name = line.split(" ")[0]
        if name == "server.document-root":
            line = f'server.document-root = "{folder}"'
        elif name == "server.upload-dirs":
            line = f'server.upload-dirs = ( "{folder}" )'
        elif name == "server.systemd-socket-activation":
            line = f'server.port = {port}\nserver.bind = "127.0.0.1"'
        elif name == "fastcgi.server":
            line = f'fastcgi.server = ( "/" => (( "socket" => "{folder}/noop.sock", "check-local" => "disable" )) )'
        lines.append(line)
    return "\n".join(lines)


@contextlib.contextmanager
def noop(program, conf, folder):
    port = free_port()
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "noop.sock")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1024)
        started = [subprocess.Popen([program], stdin=listener) for _ in range(2)]
    with open(os.path.join(folder, "noop.conf"), "w", encoding="utf-8") as f:
        f.write(noop_conf(conf, folder, port))
    lighttpd = shutil.which("lighttpd") or "/usr/sbin/lighttpd"
    with open(os.path.join(folder, "screen"), "ab") as screen:
        started.append(subprocess.Popen([lighttpd, "-D", "-f", os.path.join(folder, "noop.conf")], stdin=subprocess.DEVNULL,
                                        stderr=screen))
    try:
        wait_for(port, started[-1])
        yield port
    finally:
        stop(started)


# --- the registry ---

def fill(port, flows):
    """POST providers until that many flows are there; seconds."""
    rng = random.Random(20260113)
    began = time.monotonic()
    step = NODE_FLOWS * NODES_A_POST
    for number, first in enumerate(range(0, flows, step)):
        status, answer = request(port, "POST", "/connect", dump(connect(rng, number, min(step, flows - first))))
        if status != 201:
            sys.exit(f"bench: POST /connect was answered {status} {answer[:300]!r}")
    total = json.loads(request(port, "GET", "/flows?pp=1")[1])["total"]
    if total != flows:
        sys.exit(f"bench: the registry has {total} flows instead of {flows}")
    return time.monotonic() - began


def write_bodies(path, flows, node_flows, providers):
    """Bodies of POST /connect that change with each use, for report.lua."""
    rng = random.Random(7)
    with open(path, "wb") as f:
        for number in range(providers):
            f.write(dump(connect(rng, 900000 + number, flows, node_flows, " Round @ROUND@.")) + b"\n")


# --- measuring ---

def wrk(port, target, seconds, clients=CLIENTS, bodies=None):
    command = ["wrk", f"-t{min(2, clients)}", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s",
               os.path.join(HERE, "report.lua"), f"http://127.0.0.1:{port}{target}"]
    done = subprocess.run(command + (["--", bodies] if bodies else []), capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.split("\n") if line.startswith('{"requests"')]
    if not lines:
        sys.exit(f"bench: wrk failed: {done.stdout[-500:]} {done.stderr[-500:]}")
    got = json.loads(lines[0])
    if got["bad"] or not got["requests"]:
        sys.exit(f"bench: {target}: {got['bad']} requests of {got['requests']} failed")
    return {"rate": got["requests"] * 1e6 / got["us"], "p50": got["p50"] / 1000, "p99": got["p99"] / 1000}


def size_of(port, target, bodies):
    if bodies is None:
        status, answer = request(port, "GET", target)
    else:
        with open(bodies, "rb") as f:
            status, answer = request(port, "POST", target, f.readline().replace(b"@ROUND@", b"0"))
    if status not in (200, 201):
        sys.exit(f"bench: {target}: {status} {answer[:300]!r}")
    return len(answer)


def measure(kodo_port, noop_port, target, bodies, args):
    size = size_of(kodo_port, target, bodies)
    kodo, empty = [], []
    for _ in range(args.rounds):
        kodo.append(wrk(kodo_port, target, args.seconds, bodies=bodies))
        empty.append(wrk(noop_port, f"/?n={size}", args.seconds, bodies=bodies))
    middle = lambda runs, key: statistics.median(run[key] for run in runs)
    return {"size": size, "rate": middle(kodo, "rate"), "p50": middle(kodo, "p50"), "p99": middle(kodo, "p99"),
            "noop": middle(empty, "rate"),
            "ratio": statistics.median(k["rate"] / e["rate"] for k, e in zip(kodo, empty)),
            "alone": wrk(kodo_port, target, 1, 1, bodies)["p50"],
            "noop_alone": wrk(noop_port, f"/?n={size}", 1, 1, bodies)["p50"]}


def targets(folder, flows, args):
    """(label, target, bodies) of what is measured; what writes comes last."""
    found = [("GET /", "/", None), ("GET /flows", "/flows", None), (f"GET /flows?q={WORD}", f"/flows?q={WORD}", None),
             ("GET /counts", "/counts", None)]
    if not args.some:
        found[2:2] = [(f"GET /flows?p={flows * 9 // 100}", f"/flows?p={flows * 9 // 100}", None)]
        found += [(f"GET /flows?q={q}", "/flows?q=" + urllib.parse.quote(q, safe=""), None) for q in QUERIES]
        found += [("GET /flows?by=organization,name:d&p=3", "/flows?by=organization,name:d&p=3", None)]
    posts = [("POST /connect, 5 flows", 5, 5)] + ([] if args.some else [("POST /connect, 50 nodes of 20 flows, other descriptions", 1000, 20)])
    for number, (label, n, node_flows) in enumerate(posts):
        path = os.path.join(folder, f"bodies-{number}")
        write_bodies(path, n, node_flows, 100 if n == 5 else 8)
        found.append((label, "/connect", path))
    return [row for row in found if args.only in row[0]]


def workers(state):
    """Processes of the state's workers."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/environ", "rb") as f:
                if f"KODO_STATE={state}\0".encode() in f.read():
                    yield name


def private_kib(state):
    """Anonymous memory of the largest: pages of the map are the kernel's cache and shared by all workers."""
    most = 0
    for name in workers(state):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/smaps_rollup", encoding="ascii") as f:
                most = max(most, next(int(line.split()[1]) for line in f if line.startswith("Anonymous:")))
    return most


def peak_mib(port, state, target):
    """The most that a worker has while it answers."""
    most, done = [private_kib(state)], threading.Event()

    def watch():
        while not done.wait(0.002):
            most.append(private_kib(state))
    watcher = threading.Thread(daemon=True, target=watch)
    watcher.start()
    try:
        size = len(request(port, "GET", target)[1])
    finally:
        done.set()
        watcher.join()
    return f"{max(most) / 1024:.1f} MiB for {target} ({size / 2**20:.1f} MiB)"


# --- what wrk does not see ---

def folded_texts(port):
    """What a full text search looks at, as one text; and the bytes of all items."""
    items = request(port, "GET", "/flows?pp=10000000")[1]
    body = json.loads(items)
    texts = "\0".join(" ".join([i["organization"] or "", i["name"], i["author"] or "", i["description"] or "", *i["tags"]])
                      for i in body["items"])
    return texts.lower().encode(), len(items)


def explained_ms(port, target):
    runs = [json.loads(request(port, "GET", target + "&explain=1")[1])["explain"]["us"] / 1000 for _ in range(9)]
    return statistics.median(runs)


def scans(port, texts, args):
    """Full text beside memmem over the same text."""
    path = os.path.join(args.folder, "texts")
    with open(path, "wb") as f:
        f.write(texts)
    lines = []
    for word in TEXTS:
        kodo = explained_ms(port, f"/flows?q={word}")
        bare = float(subprocess.run([args.memmem, path, word], capture_output=True, text=True, check=True).stdout)
        lines.append(f"q={word}: {kodo:.2f} ms, bare memmem {bare:.2f} ms, ratio {kodo / bare:.2f}")
    return lines


def words_beside_fts5(port):
    """words= beside SQLite's FTS5 over the same texts: the top 10 by rank, and the number of hits, in turns."""
    db = sqlite3.connect(":memory:")
    try:
        db.execute("create virtual table f using fts5(name, tags, author, organization, description, prefix='2 3')")
    except sqlite3.OperationalError as fault:
        return [f"words=: no FTS5 here ({fault})"]
    for item in json.loads(request(port, "GET", "/flows?pp=10000000")[1])["items"]:
        db.execute("insert into f values (?, ?, ?, ?, ?)", (item["name"], " ".join(item["tags"]), item["author"], item["organization"],
                                                          item["description"]))
    lines = []
    for words in WORDS:
        ours, theirs = [], []
        for _ in range(9):
            answer = json.loads(request(port, "GET", f"/flows?explain=1&words={urllib.parse.quote(words)}")[1])
            ours.append(answer["explain"]["us"] / 1000)
            began = time.monotonic()
            match = " ".join(word + "*" for word in words.split())          # as ours, the begin of a word is enough
            db.execute("select rowid from f where f match ? order by bm25(f, 8, 4, 2, 2, 1) limit 10", (match,)).fetchall()
            hits = db.execute("select count(*) from f where f match ?", (match,)).fetchone()[0]
            theirs.append((time.monotonic() - began) * 1000)
        lines.append(f"words={words}: {answer['filtered']:,} hits, {statistics.median(ours):.2f} ms (best {min(ours):.2f}); "
                     f"FTS5 {hits:,} hits, {statistics.median(theirs):.2f} ms (best {min(theirs):.2f})")
    return lines


def counts_ms(port):
    """(after a change, unchanged)"""
    rng, times = random.Random(3), ([], [])
    for n in range(7):
        request(port, "POST", "/connect", dump(connect(rng, 800000, 1, 1, f" Change {n} {time.time()}.")))
        for which in (0, 1):
            began = time.monotonic()
            request(port, "GET", "/counts")
            times[which].append((time.monotonic() - began) * 1000)
    return [statistics.median(t) for t in times]


def used_ms(processes):
    """Processor time that they have used."""
    used = 0
    for number in processes:
        with open(f"/proc/{number}/schedstat") as f:
            used += int(f.read().split()[0])
    return used / 1e6


def posts(port, state):
    """Of 50 nodes of 20 flows: other descriptions, all new, and all gone with a sign-off, in turns: the ratio holds on a busy machine."""
    processes = list(workers(state))
    times = {"other descriptions": [], "all new": [], "all gone with a sign-off": []}
    for n in range(25):
        body = connect(random.Random(n), 810000 + n, NODE_FLOWS * NODES_A_POST)
        turn = [("/connect", connect(random.Random(5), 809999, NODE_FLOWS * NODES_A_POST, mark=f" Round {n} {time.time()}.")),
                ("/connect", body), ("/disconnect", {"provider": body["url"], "url": [body["url"]]})]
        for of_kind, (target, sent) in zip(times.values(), turn):
            sent, used, began = dump(sent), used_ms(processes), time.monotonic()
            status, answer = request(port, "POST", target, sent)
            of_kind.append(((time.monotonic() - began) * 1000, used_ms(processes) - used))
            if status not in (200, 201):
                sys.exit(f"bench: POST {target} is answered {status} {answer[:300]!r}")
    # the first one of descriptions makes its flows
    medians = {kind: [statistics.median(column) for column in zip(*of_kind[1:])] for kind, of_kind in times.items()}
    return "POST of 50 nodes of 20 flows: " + "; ".join(
        f"{kind} {wall:.1f} ms, {used:.1f} of them processor time" + (
            "" if kind == "other descriptions" else f" ({used / medians['other descriptions'][1]:.1f} times)")
        for kind, (wall, used) in medians.items())


def unmodified_ms(port, target):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request("GET", target)
    answer = c.getresponse()
    answer.read()
    tag, times = answer.headers["etag"], []
    for _ in range(50):
        began = time.monotonic()
        c.request("GET", target, headers={"if-none-match": tag})
        answer = c.getresponse()
        answer.read()
        times.append((time.monotonic() - began) * 1000)
        if answer.status != 304:
            sys.exit(f"bench: {target} with its own ETag is answered {answer.status}")
    c.close()
    return statistics.median(times)


def plain_cgi_ms(args):
    """Median of GET / by CGI, from the start of the process to its end."""
    folder = os.path.join(args.folder, "cgi")
    os.makedirs(folder, exist_ok=True)
    loader = os.path.join(folder, "kodo.yaml")
    with open(loader, "w", encoding="utf-8") as f:
        f.write("- url: http://localhost:4399\n- cache_data: ./state.json\n- flows:\n  - url: /a\n    name: A\n")
    env = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "REQUEST_URI": "/", "SCRIPT_NAME": "", "PATH_INFO": "/",
           "SERVER_PROTOCOL": "HTTP/1.1", "KODO_LOADER": loader, "KODO_RECONNECT": "/bin/true", "PATH": os.environ["PATH"]}
    actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    times = []
    for _ in range(60):
        began = time.monotonic()
        status = os.waitpid(os.posix_spawn(args.kodo, [args.kodo], env, file_actions=actions), 0)[1]
        times.append((time.monotonic() - began) * 1000)
        if status != 0:
            sys.exit(f"bench: plain CGI ended with {status}")
    return statistics.median(times[10:])


def feed(flows, args):
    """Posts of 50 flows, each a provider of its own, until so many are there."""
    lines = []
    for place in (args.folder, "/dev/shm"):
        folder = os.path.join(place, f"kodo-feed-{os.getpid()}")
        os.makedirs(folder)
        rng = random.Random(1)
        bodies = [dump(connect(rng, 500000 + n, 50, 50)) for n in range(flows // 50)]
        try:
            with service(args.kodo, folder) as (port, state):
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                began = time.monotonic()
                for body in bodies:
                    c.request("POST", "/connect", body)
                    answer = c.getresponse()
                    answer.read()
                    if answer.status != 201:
                        sys.exit(f"bench: POST /connect is answered {answer.status}")
                lines.append(f"{flows:,} flows fed by {len(bodies):,} posts of 50: {time.monotonic() - began:.1f} s in {place}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return lines


def describe_machine():
    model = platform.machine()
    with contextlib.suppress(OSError):
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), model)
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {model}, {memory_gib:.0f} GiB, Linux {platform.release()}"


HEAD = """| flows | request | bytes | req/s | median ms | p99 ms | alone ms | no-op req/s | no-op alone ms | ratio |
|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"""


def measure_inside(port, state, flows, seconds, args):
    texts, bytes_items = folded_texts(port)
    size = os.path.getsize(os.path.join(state, "data.mdb"))
    changed, unchanged = counts_ms(port)
    lines = [f"{seconds:.1f} s to fill, {size / 2**20:.0f} MiB on disk, {size / bytes_items:.2f} times the items' JSON",
             *scans(port, texts, args),
             posts(port, state),
             *words_beside_fts5(port),
             f"counts after a change {changed:.1f} ms, unchanged {unchanged:.1f} ms",
             f"304 to by=tags {unmodified_ms(port, '/flows?by=tags'):.2f} ms",
             f"private memory of the largest worker: {private_kib(state) / 1024:.1f} MiB"]
    lines += ["at most " + peak_mib(port, state, target) for target in PEAKS]
    request(port, "POST", "/connect", dump(connect(random.Random(4), 800001, 1, 1)))
    lines.append("at most " + peak_mib(port, state, "/counts"))
    return [f"{flows:,} flows: {line}" for line in lines]


def bench(flows, args):
    folder = os.path.join(args.folder, str(flows))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    notes = []
    with service(args.kodo, folder) as (port, state):
        seconds = fill(port, flows)
        with open(os.path.join(state, "lighttpd.conf"), encoding="utf-8") as f:
            conf = f.read()
        with noop(args.noop, conf, os.path.join(args.folder, "noop")) as noop_port:
            for label, target, bodies in targets(folder, flows, args):
                m = measure(port, noop_port, target, bodies, args)
                print(f"| {flows:,} | `{label}` | {m['size']:,} | {m['rate']:,.0f} | {m['p50']:.2f} | {m['p99']:.2f} | {m['alone']:.2f} | "
                      f"{m['noop']:,.0f} | {m['noop_alone']:.2f} | {m['ratio']:.2f} |", flush=True)
        notes += measure_inside(port, state, flows, seconds, args)
    return notes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kodo")
    parser.add_argument("noop")
    parser.add_argument("memmem")
    parser.add_argument("folder")
    parser.add_argument("--flows", default="55 100000")
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--some", action="store_true")
    parser.add_argument("--feed", action="store_true")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    args.kodo, args.noop, args.memmem, args.folder = map(os.path.abspath, (args.kodo, args.noop, args.memmem, args.folder))
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk is missing; run ./autogen.sh --deps, or apt-get install wrk")
    load = os.getloadavg()[0]
    print(f"{describe_machine()}; {CLIENTS} clients, 2 workers, {args.rounds} x {args.seconds} s in turns; load before: "
          f"{load:.1f}\n\n{HEAD}", flush=True)
    notes = []
    notes.append(f"plain CGI `GET /`, process start to exit: {plain_cgi_ms(args):.1f} ms")
    for flows in map(int, args.flows.replace(",", "").split()):
        notes += bench(flows, args)
        if args.feed:
            notes += feed(flows, args)
    print("\n" + "\n".join(f"- {note}" for note in notes))
    if load > 1:
        print(f"- others were at work (load {load:.1f} at the start): measure again on a quiet machine")
    shutil.rmtree(args.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
