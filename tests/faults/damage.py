#!/usr/bin/env python3
"""A damaged data.mdb: what `make damage` starts. Bytes of a real state are changed, and everything is done with it that people and peers do.

usage: damage.py [--count N] [--seed N] [--jobs N] [--keep FOLDER]

Each file gets one to four changes (a bit, a byte, a run of zeros or of 0xff, a sector of another page), in packed rows, in the used part of
leaf pages, or anywhere, LMDB's own numbers included. Then: GET /, /flows with q, by and p, /counts, /changes, /map, POSTs of changed nodes,
the runner, kodo check, export, explain, peers. Each ends in an answer, an error with a word, or the one line of a state that LMDB cannot
read (exit status 70, store_open.c).

Wrong is: a process that ends by a signal in code of ours, that a sanitizer stops, that hangs, or takes more than a gigabyte. Counted apart:
what dies inside of LMDB, which trusts its pages. Where it died is known with a build of --enable-sanitizers alone; else every signal counts.
The programs: $KODO, $KODO_RECONNECT. --keep: where files that went wrong are put.
"""
import argparse
import collections
import concurrent.futures
import json
import mmap
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

import kodotest  # noqa: E402

OWN = "http://localhost:4321"
PAGE, HEAD = 4096, 16
LEAF = 0x02
PACKED = bytes.fromhex("01004e4b")          # PACKED_MAGIC, little-endian
SECONDS, BYTES = 60, 1 << 30
SHARE = 20                                  # files of one state
FRAME = re.compile(r"#\d+ 0x[0-9a-f]+ in (\w+)")
OF_LIBC = re.compile(r"__|raise|abort|mem|str|_IO|on_|say_")


def nodes(port, n, mark=""):
    return [kodotest.node(f"http://localhost:{port}/{i}", [kodotest.flow(j, description=f"says {mark}{j} \"x\"\n") for j in range(6)])
            for i in range(n)]


def body(port, n, mark="", **more):
    return json.dumps(kodotest.connect_body(f"http://localhost:{port}", nodes=nodes(port, n, mark), **more)).encode()


def kodo(sent, **more):
    return {"feed": True, "registry": True, "kodo": {"life": 7, "sent": sent, **more}}


GONE = {f"http://localhost:6/{i}": 1763000000000000 + i for i in range(4)}
MADE = [
    ("/connect", body(5000, 4)), ("/connect", body(5001, 3, "b")), ("/connect", body(5002, 3, "c", **kodo(1, gone=GONE))),
    ("/connect", body(5003, 2, "d", feed=True, registry=True)),
    ("/update", body(5002, 1, "e", **kodo(2, part={"id": "a", "from": 0, "of": 12}))),
    ("/disconnect", json.dumps({"provider": "http://localhost:5001", "url": ["http://localhost:5001/1"]}).encode()),
]
STEPS = [
    ("GET", "/"), ("GET", "/flows"), ("GET", "/flows?q=says&by=name:d&p=1&pp=5"), ("GET", "/flows?q=name%20~%20%22Flow%22&by=url&pp=100"),
    ("GET", "/flows?q=%40tag(%22x%22)%20or%20author%3D%3Dnull&by=tags:d,author"), ("GET", "/counts"), ("GET", "/changes?since=0"),
    ("GET", "/changes?since=0&q=says"), ("GET", "/map"), ("GET", "/connect"), ("check",), ("export",), ("peers",),
    ("explain", "http://localhost:5000/1"), ("POST", "/connect", body(5000, 4, "new")),
    ("POST", "/update", body(5002, 2, "new", **kodo(3, view="0"))),
    ("POST", "/disconnect", json.dumps({"provider": "http://localhost:5003", "url": ["http://localhost:5003"]}).encode()), ("runner",),
    ("evict", "http://localhost:5001", "--no-wait"), ("GET", "/flows?pp=100"), ("check",),
]


def limit():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not os.environ.get("SANITIZED"):
        resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))


class Site:
    def __init__(self, folder, target):
        self.folder, self.loader = folder, os.path.join(folder, "kodo.yaml")
        self.state, self.good = os.path.join(folder, "data", "test.lmdb"), os.path.join(folder, "good")
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "KODO_LOADER": self.loader, "KODO_RECONNECT": "/bin/true",
                    "KODO_WWW": os.path.join(kodotest.SRCDIR, "www"),
                    "ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=1024:handle_abort=1:handle_sigbus=0"}
        with open(self.loader, "w", encoding="ascii") as f:
            f.write(kodotest.yaml_of({"url": OWN, "cache_data": "./data/test.json", "connect": [target], "timeout": 1, "wait": 0}))
        for target, data in MADE:
            assert self.run(("POST", target, data)).returncode == 0
        for _ in range(2):
            self.run(("runner",))
        shutil.copytree(self.state, self.good, ignore=shutil.ignore_patterns("wake"))

    def run(self, step):
        more, data = {}, b""
        if step[0] in ("GET", "POST"):
            data = step[2] if len(step) > 2 else b""
            more, command = kodotest.cgi_env(step[0], step[1], {"Accept": "application/json"}, data or None), [kodotest.KODO]
        elif step[0] == "runner":
            command = [kodotest.RECONNECT, self.loader, "--once", "--for", "2"]
        else:
            command = [kodotest.KODO, *step, "--state", self.state]
        try:
            return subprocess.run(command, env={**self.env, **more}, input=data, cwd=self.folder, capture_output=True, timeout=SECONDS,
                                  check=False, preexec_fn=limit)
        except subprocess.TimeoutExpired:
            return None


def used_parts(image):
    """Of leaf pages that hold something: where their keys and values are."""
    for at in range(2 * PAGE, len(image), PAGE):
        flags, lower, upper = (int.from_bytes(image[at + i:at + i + 2], "little") for i in (10, 12, 14))
        if flags == LEAF and HEAD <= lower <= upper <= PAGE:
            yield at + upper, at + PAGE


def damage(image, rng):
    """Change a copy of the image; what was changed, in words."""
    image, places = bytearray(image), []
    rows = [found.start() for found in re.finditer(re.escape(PACKED), image)]
    parts = list(used_parts(image))
    for _ in range(rng.choice([1, 1, 2, 4])):
        where = rng.choice(["row", "leaf", "leaf", "any"])
        if where == "row":
            at = rng.choice(rows) + rng.randrange(1200)
        elif where == "leaf":
            at = rng.randrange(*rng.choice(parts))
        else:
            at = rng.randrange(len(image))
        at = min(at, len(image) - 1)
        how = rng.choice(["bit", "bit", "byte", "zeros", "ones", "sector"])
        size = 1 if how in ("bit", "byte") else min(rng.choice([2, 4, 16]), len(image) - at)
        if how == "sector":
            at, size = at // 512 * 512, 512
            other = rng.randrange(len(image) // 512) * 512
            image[at:at + size] = image[other:other + size]
        elif how == "bit":
            image[at] ^= 1 << rng.randrange(8)
        else:
            image[at:at + size] = {"zeros": bytes(size), "ones": b"\xff" * size}.get(how, bytes([rng.randrange(256)]))
        places.append(f"{how} at {at} ({where})")
    return bytes(image), ", ".join(places)


def judge(done):
    """How a process ended: (kind, what is wrong or None)."""
    if done is None:
        return "hangs", "it hangs"
    error = done.stderr.decode(errors="replace")
    if done.returncode == 70 and b"data.mdb is damaged" in done.stderr:
        return "says that data.mdb is damaged", None
    if done.returncode >= 0 and "Sanitizer" not in error:
        return "goes on" if done.returncode == 0 else "an error", None
    frames = [name for name in FRAME.findall(error) if not OF_LIBC.match(name)]
    if frames and frames[0].startswith("mdb_"):
        return f"dies in LMDB ({frames[0]})", None
    return "dies", f"{done.returncode} {frames[:4]} {error[-300:] if not frames else ''}"


def run_files(arguments):
    count, seed, target, keep = arguments
    rng, kinds, wrong = random.Random(seed), collections.Counter(), []
    with tempfile.TemporaryDirectory(prefix="kodo-damage-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        site = Site(folder, target)
        with open(os.path.join(site.good, "data.mdb"), "rb") as f:
            good = f.read()
        for n in range(count):
            image, words = damage(good, rng)
            shutil.rmtree(site.state)
            shutil.copytree(site.good, site.state)
            with open(os.path.join(site.state, "data.mdb"), "wb") as f:
                f.write(image)
            found = collections.Counter()
            for step in STEPS:
                kind, what = judge(site.run(step))
                found[kind] += 1
                if what is not None:
                    wrong.append(f"file {seed}.{n} ({words}), {' '.join(map(str, step[:2]))}: {what}")
            kinds["files"] += 1
            kinds["processes"] += sum(found.values())
            kinds.update({f"files of which one {kind}": 1 for kind in found if kind not in ("goes on", "an error")})
            kinds["files that are read to their end"] += set(found) <= {"goes on", "an error"}
            if keep and any(f"file {seed}.{n} " in line for line in wrong):
                shutil.copy(os.path.join(site.state, "data.mdb"), os.path.join(keep, f"{seed}.{n}"))
    return kinds, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", default="")
    args = parser.parse_args()
    with open(kodotest.KODO, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as program:
        if program.find(b"__asan_init") != -1:
            os.environ["SANITIZED"] = "1"
    began, peer = time.monotonic(), kodotest.Peer()
    kinds, wrong = collections.Counter(), []
    if args.keep:
        os.makedirs(args.keep, exist_ok=True)
    shares = [min(SHARE, args.count - first) for first in range(0, args.count, SHARE)]
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        runs = [pool.submit(run_files, (n, args.seed * 1000 + i, peer.url, args.keep)) for i, n in enumerate(shares)]
        for run in concurrent.futures.as_completed(runs):
            some, bad = run.result()
            kinds += some
            wrong += bad
            for line in bad:
                print(f"WRONG {line}")
            print(f"{kinds['files']} files, {len(wrong)} wrong, {time.monotonic() - began:.0f} s", flush=True)
    peer.close()
    print(", ".join(f"{kind}: {n}" for kind, n in kinds.items()))
    print(f"{kinds['files']} files, {len(wrong)} wrong, {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
