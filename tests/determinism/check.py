#!/usr/bin/env python3
"""Histories of the simulator, applied from their entries alone by three processes that differ in all that must not matter.

usage: check.py BUILDDIR [HISTORIES [SECONDS [FIRST]]]            FIRST: seed of the first one, 5000

Each process compares the result and the digest of the state after every entry with those of the simulator, so all four agree. They have
other keys of hashes (random in each process), other allocators, other clocks, other pages in their files, and one applies several entries
in a transaction. The last line: histories and entries. Exit status 1 at the first difference; the log is left then.
"""
import os
import subprocess
import sys
import tempfile
import time

KINDS = ["ours", "roles", "lies", "far", "one", "two", "long"]
AT_ONCE = 10                                                    # histories in a log: some MiB
# arguments and environment of each process
PROCESSES = [
    (["--clock", "90000000"], {"MALLOC_PERTURB_": "85"}),
    (["--clock", "-40000000", "--litter"], {"MALLOC_PERTURB_": "170", "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000"}),
    (["--batch", "9"], {"MALLOC_TOP_PAD_": "4096", "MALLOC_MMAP_THRESHOLD_": "1000000", "TZ": "Asia/Kolkata"}),
]


def run(command, env=None):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}exit status {done.returncode}")
    return done.stdout


def main():
    build, histories = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 50
    first = int(sys.argv[4]) if len(sys.argv) > 4 else 5000
    end = time.monotonic() + (float(sys.argv[3]) if len(sys.argv) > 3 else 1e9)
    n_histories = n_entries = 0
    folder = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    log = os.path.join(folder, "entries.log")
    while n_histories < histories and time.monotonic() < end:
        kind, count = KINDS[n_histories // AT_ONCE % len(KINDS)], min(AT_ONCE, histories - n_histories)
        run([f"{build}/tests/mesh/mesh", "--kind", kind, "--from", str(first + n_histories), "--count", str(count), "--log", log])
        said = {run([f"{build}/tests/determinism/replay", log, *arguments], env) for arguments, env in PROCESSES}
        if len(said) != 1:
            sys.exit(f"{log}: not all have applied the same: {said}")
        n_entries += int(said.pop().split()[0])
        n_histories += count
    os.unlink(log)
    os.rmdir(folder)
    print(f"{n_histories} histories, {n_entries} entries, applied by {len(PROCESSES)} processes with equal results and digests", flush=True)


main()
