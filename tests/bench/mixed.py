#!/usr/bin/env python3
"""How fairly requests share the workers: 100 clients at 100,000 flows, each asking again at once for a plain page, words, a regular
expression, or an update. Prints for each kind, and for all, the median, the 99th percentile and their ratio.

usage: mixed.py KODO FOLDER [--flows 100000] [--clients 100] [--seconds 10] [--workers 2]
                [--shares page=40,words=30,regex=20,update=10]
"""
import argparse
import asyncio
import collections
import os
import random
import shutil
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bench  # noqa: E402

EXPRESSIONS = ["^Menus [A-M] 1", "budgets|tickets", "[aeiou]{2}ces$", "(?i)reviews .* 9", "-[0-9]{3}$"]
WORDS = ["planning budget", "invoices 117", "newsletter", "nosuchword", "travel supplier weekly"]
SHARES = {"page": 40, "words": 30, "regex": 20, "update": 10}


def head(method, target, length=0):
    return (f"{method} {target} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
            + (f"Content-Length: {length}\r\n" if length else "") + "\r\n").encode()


def ask(kind, rng, number, turn):
    """The bytes of one request."""
    if kind == "page":
        return head("GET", f"/flows?pp=10&p={rng.randint(0, 500)}")
    if kind == "words":
        return head("GET", "/flows?pp=10&words=" + urllib.parse.quote(rng.choice(WORDS)))
    if kind == "regex":
        return head("GET", "/flows?pp=10&q=" + urllib.parse.quote(f'name =~ "{rng.choice(EXPRESSIONS)}"'))
    if kind == "list":
        return head("GET", "/ard/agents?orderBy=updatedAt&filter=displayName%3D" + urllib.parse.quote(rng.choice(WORDS)))
    if kind == "posted":
        data = bench.dump({"query": {"text": rng.choice(WORDS)}})
        return head("POST", "/ard/search", len(data)) + data
    body = bench.connect(random.Random(number), 900000 + number, 20, mark=f" Round {turn}.")
    body["url"] = f"http://127.0.0.1:1/{number}"
    data = bench.dump(body)
    return head("POST", "/connect", len(data)) + data


async def answer(reader):
    text = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in text.split(b"\r\n")[1:] if b": " in line)
    if fields.get(b"transfer-encoding") == b"chunked":
        while True:
            n = int((await reader.readline()).strip(), 16)
            await reader.readexactly(n + 2)
            if n == 0:
                break
    else:
        await reader.readexactly(int(fields.get(b"content-length", 0)))
    return int(text.split(b" ", 2)[1])


async def client(port, number, shares, end, taken):
    rng = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    turn = 0
    while time.monotonic() < end:
        kind = rng.choices(list(shares), list(shares.values()))[0]
        turn += 1
        data = ask(kind, rng, number, turn)
        began = time.monotonic()
        try:
            writer.write(data)
            status = await answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            continue
        taken.append((kind, status, began, time.monotonic() - began))
    writer.close()


async def load(port, clients, seconds, shares):
    taken = []
    end = time.monotonic() + seconds
    await asyncio.gather(*(client(port, i, shares, end, taken) for i in range(clients)))
    return taken


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


def figures(taken, warm_s=1.0):
    """kind -> (n, n of 503, median, p99) in seconds; the first second is left out."""
    first = min(began for _, _, began, _ in taken)
    rows = collections.defaultdict(list)
    refused = collections.Counter()
    for kind, status, began, seconds in taken:
        if began < first + warm_s:
            continue
        for name in (kind, "all"):
            if status in (200, 201):
                rows[name].append(seconds)
            else:
                refused[name] += 1
    return {name: (len(rows[name]), refused[name], percentile(rows[name], 0.5), percentile(rows[name], 0.99)) for name in [*SHARES, "all"]
            if rows[name] or refused[name]}


def print_figures(found):
    print("| | requests | 503 | median ms | p99 ms | ratio |\n|---|---|---|---|---|---|")
    for name, (n, refused, median, p99) in found.items():
        print(f"| {name} | {n} | {refused} | {median * 1e3:.1f} | {p99 * 1e3:.1f} | {p99 / (median or 1):.1f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kodo")
    parser.add_argument("folder")
    parser.add_argument("--flows", type=int, default=100000)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--shares", default=",".join(f"{kind}={n}" for kind, n in SHARES.items()))
    args = parser.parse_args()
    args.kodo, args.folder = os.path.abspath(args.kodo), os.path.abspath(args.folder)
    shares = {kind: int(n) for kind, n in (part.split("=") for part in args.shares.split(","))}
    shutil.rmtree(args.folder, ignore_errors=True)
    os.makedirs(args.folder)
    with open(os.path.join(args.folder, ".env"), "w", encoding="ascii") as f:
        f.write(f"KODO_WORKERS={args.workers}\nKODO_SCREEN_LEVEL=WARNING\n")
    with bench.service(args.kodo, args.folder) as (port, _):
        bench.fill(port, args.flows)
        time.sleep(1)
        found = figures(asyncio.run(load(port, args.clients, args.seconds, shares)))
        print_figures(found)


if __name__ == "__main__":
    main()
