#!/usr/bin/env python3
"""Random histories of real services: how long after the last step and the healing is every registry right?

usage: run.py BUILDDIR [--count 600] [--from 1] [--jobs 6] [--results histories.tmp]
       run.py BUILDDIR --seed N [--repeat 1] [--story]

Prints the distribution; BUILDDIR/histories.tmp/worst.txt tells the ten worst in words, the logs of those over 10 s lie in folders beside it.
Exit status 1 if more than one in 1,000 histories (at least: more than one) takes over 10 s, or any over 30 s. Those in which a state was
deleted, or replaced by a copy that does not know who connects to it, or a clock was months ahead, are counted apart: one digest check, 60 s plus 20 %, may be needed before.
"""
import argparse
import collections
import concurrent.futures
import os
import shutil
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e")]

WORST = 10
# name -> (seconds that one in 1,000 may exceed, seconds that none may)
LOST = "a state lost or a clock months ahead"
BOUNDS = {"all others": (10, 30), LOST: (72 + 10, 72 + 10)}


def distribution(name, results):
    seconds = sorted(r.seconds for r in results)
    shares = ", ".join(f"{100 * sum(s <= most for s in seconds) / len(seconds):.2f} % within {most} s" for most in (10, 15, 30))
    return (f"# {name}: {len(seconds)} histories right after {seconds[len(seconds) // 2]:.1f} s (median), "
            f"{seconds[len(seconds) * 99 // 100]:.1f} s (99 %), {seconds[-1]:.1f} s (worst); {shares}")


def faults_of(results, some_s, none_s):
    """Why these results are not good enough."""
    over = [r for r in results if r.seconds > some_s]
    found = [f"seed {r.seed}: {r.fault or f'right after {r.seconds:.1f} s'}" for r in results if r.fault or r.seconds > none_s]
    if len(over) > max(1, len(results) / 1000):
        found.append(f"{len(over)} of {len(results)} over {some_s} s: seeds {' '.join(str(r.seed) for r in over)}")
    return found


def by_kind(results, most_s=10):
    """Of the histories with each kind of step, how many were late?"""
    counts = collections.Counter(kind for r in results for kind in r.kinds)
    late = collections.Counter(kind for r in results if r.seconds > most_s for kind in r.kinds)
    return f"# over {most_s} s, by what happened: " + ", ".join(f"{kind} {late[kind]} of {n}" for kind, n in sorted(counts.items()))


def summary(results):
    """(lines, faults)"""
    lines, faults = [], []
    for name, bounds in BOUNDS.items():
        some = [r for r in results if r.has_lost == (name == LOST)]
        if some:
            lines.append(distribution(name, some))
            faults += faults_of(some, *bounds)
    lines.append(by_kind(results))
    return lines, faults


def write_worst(path, results):
    with open(path, "w", encoding="utf-8") as f:
        for r in sorted(results, key=lambda r: -r.seconds)[:WORST]:
            f.write(f"{r.fault or f'right after {r.seconds:.1f} s'}{f', {LOST}' if r.has_lost else ''}; {r.story}\n")


def run_all(seeds, jobs, call, show=print):
    """The results of call(seed), in the order of ending."""
    results = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(call, seed) for seed in seeds]):
            r = done.result()
            results.append(r)
            if r.fault or r.seconds > 5 or len(seeds) < 20 or len(results) % 50 == 0:
                show(f"{len(results):4} seed {r.seed}: {r.fault or f'{r.seconds:.1f} s'}{f' ({LOST})' if r.has_lost else ''}")
    return results


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("builddir", type=os.path.abspath)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--from", dest="first", type=int, default=1)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--results", default="histories.tmp")
    parser.add_argument("--story", action="store_true", help="only print it")
    args = parser.parse_args()
    os.environ.setdefault("KODO", os.path.join(args.builddir, "fcgi-app", "kodo"))
    os.environ.setdefault("KODO_RECONNECT", os.path.join(args.builddir, "cron", "kodo-reconnect"))
    import history
    import network
    seeds = (args.seed or list(range(args.first, args.first + args.count))) * args.repeat
    if args.story:
        print("\n".join(history.History(seed).story() for seed in seeds))
        return 0
    shutil.rmtree(args.results, ignore_errors=True)
    os.makedirs(args.results)
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, lambda *_: network.stop.set())
    library = os.path.join(args.builddir, "tests", "histories", "clock.so")
    results = run_all(seeds, args.jobs, lambda seed: network.run(seed, library, args.results),
                      lambda line: print(line, flush=True))
    lines, faults = summary(results)
    write_worst(os.path.join(args.results, "worst.txt"), results)
    print("\n".join(lines + faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
