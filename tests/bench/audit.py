"""What the audit costs: processor time of a worker for POST /connect with it and without, asked in turns, as a ratio.

usage: KODO=fcgi-app/kodo SRCDIR=.. python3 tests/bench/audit.py [ROUNDS]
"""
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.environ["SRCDIR"], "tests", "e2e"))

import kodotest  # noqa: E402

REQUESTS = 200


def used_s(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e9


def spent(kodo, bodies):
    before = used_s(kodo.workers[0].pid)
    for body in bodies:
        assert kodo.post("/connect", body).status == 201
    return (used_s(kodo.workers[0].pid) - before) / len(bodies)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with kodotest.folder() as a, kodotest.folder() as b:
        pair = [kodotest.Responder(a, {"trigger": "cron"}), kodotest.Responder(b, {"trigger": "cron", "audit_max_mib": 0})]
        for flows in (1, 50):
            bodies = [kodotest.body_bytes(kodotest.connect_body(f"http://localhost:{6000 + i}", flows)) for i in range(REQUESTS)]
            seconds = [[spent(kodo, bodies) for kodo in pair] for _ in range(rounds)][1:]
            us = [statistics.median(column) * 1e6 for column in zip(*seconds)]
            ratio = statistics.median(x / y for x, y in seconds)
            print(f"{flows} flows: {us[0]:.0f} us a request, {us[1]:.0f} us without: {ratio:.3f} times")
        for kodo in pair:
            kodo.close()


if __name__ == "__main__":
    main()
