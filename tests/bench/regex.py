#!/usr/bin/env python3
"""What machine code gives to regular expressions: the same queries where the system allows it and where it does not.

usage: regex.py KODO FOLDER [--flows "100000 1000000"] [--rounds 9]

For each number of flows a registry as that of bench.py is made in FOLDER and copied; `kodo service` serves one, and the other
under prctl(PR_SET_MDWE), which forbids machine code (Linux 6.3). Both are asked in turns; the times are those that the program
itself took (explain=1), the ratio is of each pair: minimum, median, maximum. "refused" is the answer that the query takes too
many steps. Needs lighttpd. Standard library only.
"""
import argparse
import contextlib
import ctypes
import json
import os
import shutil
import statistics
import sys
import urllib.parse

import bench

PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
# what people write: an anchor, alternatives, an end, any case, a word, two words; not all of it is in the data
QUERIES = [r'name =~ "^Menus [A-M] 1"', r'description =~ "invoice|receipt"', r'author =~ "@example\.com$"',
           r'author =~ "@agents\.example\.com$"', r'author =~ "^(anna|paul)\."', r'name =~ "(?i)chat"',
           r'description =~ "(?i)german|french"', r'url =~ "/v[0-9]+/"', r'url =~ "-[0-9]{3}$"', r'name =~ "[0-9]+$"',
           r'description =~ "\bbudget\b"', r'description =~ "^(Plans|Drafts) .*tickets"', r'description =~ "without .* by hand"',
           r'organization =~ "^Organization 0[0-4]"']


def forbid_machine_code():
    if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        os._exit(99)


def ask_ms(port, query):
    """None: refused."""
    status, body = bench.request(port, "GET", "/flows?explain=1&q=" + urllib.parse.quote(query, safe=""))
    if status not in (200, 400):
        sys.exit(f"regex: {query} is answered {status}")
    return json.loads(body)["explain"]["us"] / 1000 if status == 200 else None


def words(numbers, digits):
    return " / ".join(f"{n:.{digits}f}" for n in (min(numbers), statistics.median(numbers), max(numbers)))


def compare(ports, query, rounds):
    pairs = [[ask_ms(port, query) for port in ports] for _ in range(rounds + 1)][1:]
    columns = [[pair[i] for pair in pairs] for i in (0, 1)]
    cells = ["refused" if None in times else words(times, 1) for times in columns]
    ratio = "" if "refused" in cells else words([pair[1] / pair[0] for pair in pairs], 2)
    print(f"| `{query.replace('|', chr(92) + '|')}` | {' | '.join(cells)} | {ratio} |", flush=True)


def run(flows, args):
    folders = [os.path.join(args.folder, f"regex-{flows}{end}") for end in ("", "-forbidden")]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folders[0])
    with bench.service(args.kodo, folders[0]) as (port, _):
        bench.fill(port, flows)
    shutil.copytree(folders[0], folders[1], ignore=shutil.ignore_patterns("wake"))
    print(f"\n{flows:,} flows\n\n| query | machine code, ms | interpreted, ms | ratio |\n|---|---|---|---|")
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(bench.service(args.kodo, folder, prepare))[0]
                 for folder, prepare in zip(folders, (None, forbid_machine_code))]
        for query in QUERIES:
            compare(ports, query, args.rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kodo", type=os.path.abspath)
    parser.add_argument("folder", type=os.path.abspath)
    parser.add_argument("--flows", default="100000 1000000")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    print(bench.describe_machine())
    for flows in args.flows.split():
        run(int(flows), args)


if __name__ == "__main__":
    main()
