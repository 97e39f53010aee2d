#!/usr/bin/env python3
"""Measure kodo beside a no-op FastCGI responder of the same body size under the same lighttpd: what `make bench` starts.

usage: bench.py KODO NOOP FOLDER [--flows "55 100000"] [--seconds 2] [--rounds 3] [--all] [--only TEXT]

For each number of flows a registry of that size is made in FOLDER (the same one each time), served by `kodo service` with 2
workers, and asked by wrk with 8 clients, in turns with the no-op (2 processes on one socket, the same lighttpd configuration):
kodo, no-op, kodo, no-op ... The medians of the rounds are printed as a Markdown table. `alone` is the median latency of a single
client, that is, without queueing; of it the no-op's own is what the web server and the client take. --all adds requests that
DESIGN.md has targets for. Needs wrk and lighttpd. Standard library only.
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
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = 8
NODE_FLOWS = 20
NODES_A_POST = 50
WORD = "newsletter"         # in about one of 50 descriptions
ORGANIZATION = "Organization 007"

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
def service(kodo, folder):
    """kodo service with default options; gives its port and the folder of its state."""
    port = free_port()
    with open(os.path.join(folder, "screen"), "ab") as screen:
        env = {k: v for k, v in os.environ.items() if not k.startswith("KODO")}
        process = subprocess.Popen([kodo, "service", "--url", f"http://127.0.0.1:{port}", "--cache_data", "./state.json",
                                    "--organization", "Bench"], cwd=folder, env=env, stdout=screen, stderr=screen,
                                   stdin=subprocess.DEVNULL)
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
    if args.all:
        found[2:2] = [("GET /flows?p=PAGES/2", f"/flows?p={flows // 20}", None)]
        found += [("GET /flows?q=nosuchword", "/flows?q=nosuchword", None),
                  (f'GET /flows?q=organization=="{ORGANIZATION}"',
                   "/flows?q=organization%3D%3D%22" + ORGANIZATION.replace(" ", "%20") + "%22", None),
                  ("GET /flows?by=organization,name:d&p=3", "/flows?by=organization,name:d&p=3", None)]
    posts = [("POST /connect, 5 flows", 5, 5)] + ([("POST /connect, 50 nodes of 20 flows", 1000, 20)] if args.all else [])
    for number, (label, n, node_flows) in enumerate(posts):
        path = os.path.join(folder, f"bodies-{number}")
        write_bodies(path, n, node_flows, 100 if n == 5 else 8)
        found.append((label, "/connect", path))
    return [row for row in found if args.only in row[0]]


def private_kib(state):
    """Anonymous memory: pages of the map are the kernel's cache and shared by all workers."""
    most = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/environ", "rb") as f:
                if f"KODO_STATE={state}\0".encode() not in f.read():
                    continue
            with open(f"/proc/{name}/smaps_rollup", encoding="ascii") as f:
                most = max(most, next(int(line.split()[1]) for line in f if line.startswith("Anonymous:")))
    return most


def describe_machine():
    model = platform.machine()
    with contextlib.suppress(OSError):
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), model)
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {model}, {memory_gib:.0f} GiB, Linux {platform.release()}"


HEAD = """| flows | request | bytes | req/s | median ms | p99 ms | alone ms | no-op req/s | no-op alone ms | ratio |
|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"""


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
        size = os.path.getsize(os.path.join(state, "data.mdb")) / 2**20
        notes.append(f"{flows:,} flows: {seconds:.1f} s to fill, {size:.0f} MiB on disk, "
                     f"{private_kib(state) / 1024:.1f} MiB private memory of the largest worker")
    return notes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kodo")
    parser.add_argument("noop")
    parser.add_argument("folder")
    parser.add_argument("--flows", default="55 100000")
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    args.kodo, args.noop, args.folder = map(os.path.abspath, (args.kodo, args.noop, args.folder))
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk is missing; run ./autogen.sh --deps, or apt-get install wrk")
    load = os.getloadavg()[0]
    print(f"{describe_machine()}; {CLIENTS} clients, 2 workers, {args.rounds} x {args.seconds} s in turns; load before: "
          f"{load:.1f}\n\n{HEAD}", flush=True)
    notes = []
    for flows in map(int, args.flows.replace(",", "").split()):
        notes += bench(flows, args)
    print("\n" + "\n".join(f"- {note}" for note in notes))
    if load > 1:
        print(f"- others were at work (load {load:.1f} at the start): measure again on a quiet machine")
    shutil.rmtree(args.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
