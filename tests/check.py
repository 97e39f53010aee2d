#!/usr/bin/env python3
"""Run the test suites and count: what `make check` starts. Standard library only (the end-to-end tests need pytest).

usage: check.py --srcdir DIR --builddir DIR [--suite "NAME ..."] [-k EXPRESSION] PROGRAM ...

Suites: unit/NAME is the program tests/unit/NAME (cmocka), mesh/mesh the simulator of networks, e2e/NAME is tests/e2e/NAME.py (pytest),
fuzz/fuzz_X replays the inputs of tests/fuzz/corpus/X.pack (tests/fuzz/pack.py), one test however many they are.
--suite takes those of that name, or else all whose names begin so. -k goes to pytest.
hosts/NAME is tests/hosts/NAME.py; they need root and web servers, so they run only where --suite names them.

One line a suite with counts and time, the output of those that failed, and as the last line: N passed, N failed.
Exit status 1 if a test failed or none ran.

The tests' environment: KODO, KODO_RECONNECT, SRCDIR, BUILDDIR, all absolute.
"""
import argparse
import concurrent.futures
import glob
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

SECONDS = {"unit": 300, "fuzz": 300, "e2e": 1800 if os.environ.get("MESH") == "long" else 900, "hosts": 1800}
JOBS = 2                    # of unit and fuzz
# they measure times, or use fixed ports
ALONE = ["e2e/test_abuse", "e2e/test_failing_peers", "e2e/test_fair", "e2e/test_fair_scans", "e2e/test_latency", "e2e/test_pages_browser",
         "e2e/test_pages_browser_sizes", "e2e/test_upgrade", "e2e/test_wire"]
# all other end-to-end tests wait more than they work, and run beside others, each lane with ports of its own; the longest of them first
LONGEST = ["e2e/test_mesh", "e2e/test_alive", "e2e/test_ceilings", "e2e/test_leaving", "e2e/test_failing_machine", "e2e/test_responder_life",
           "e2e/test_moderation", "e2e/test_probe", "e2e/test_big_exchange", "e2e/test_retry_after", "e2e/test_words", "e2e/test_service",
           "e2e/test_runner", "e2e/test_trust", "e2e/test_old_peers", "e2e/test_paging", "e2e/test_commands", "e2e/test_jwt",
           "e2e/test_attacks", "e2e/test_health", "e2e/test_install", "e2e/test_walkthrough"]
PORTS = ["22000 24000", "24000 26000", "26000 28000", "28000 30000", "30000 32000"]      # others stand for peers that are not there


class Result:
    def __init__(self, passed=0, failed=0, skipped=0, why=""):
        self.passed, self.failed, self.skipped, self.why = passed, failed, skipped, why
        self.output = ""
        self.seconds = 0.0


def environment(builddir, srcdir):
    # a test's own make knows nothing of the jobs of the one that runs this
    outer = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return dict(
        outer, SRCDIR=srcdir, BUILDDIR=builddir,
        KODO=os.path.join(builddir, "fcgi-app", "kodo"), KODO_RECONNECT=os.path.join(builddir, "cron", "kodo-reconnect"),
        CMOCKA_MESSAGE_OUTPUT="TAP", PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8",
        UBSAN_OPTIONS=os.environ.get("UBSAN_OPTIONS", "print_stacktrace=1"),
        no_proxy="localhost,127.0.0.1,::1", NO_PROXY="localhost,127.0.0.1,::1")


def run(command, kind, env, folder):
    """Run command; give (exit status or text of what ended it, stdout, all output). Nothing of its group outlives it."""
    paths = [os.path.join(folder, name) for name in ("stdout", "stderr")]
    # files and no pipes: a daemon left behind by a test would keep a pipe open
    with open(paths[0], "wb") as out, open(paths[1], "wb") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, start_new_session=True)
        try:
            status = process.wait(SECONDS[kind])
            if status < 0:
                status = f"ended by {signal.Signals(-status).name}"
        except subprocess.TimeoutExpired:
            status = f"ran longer than {SECONDS[kind]} s"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
    texts = [open(path, encoding="utf-8", errors="replace").read() for path in paths]
    return status, texts[0], "".join(texts)


def ended(status):
    return status if isinstance(status, str) else f"exit status {status}"


def run_unit(command, env, folder, args):
    status, tap, output = run(command, "unit", env, folder)
    # cmocka 1.1.5 writes "not ok 3 # SKIP" for what is skipped, later ones "ok 3 # SKIP"
    verdicts = re.findall(r"^(not ok|ok)\b(.*)$", tap, re.M)
    skipped = sum("# SKIP" in rest for _, rest in verdicts)
    failed = sum(word == "not ok" and "# SKIP" not in rest for word, rest in verdicts)
    passed = len(verdicts) - failed - skipped
    planned = sum(int(n) for n in re.findall(r"^1\.\.(\d+)", tap, re.M))
    result = Result(passed, failed, skipped)
    if planned == 0:
        result.failed, result.why = failed + 1, f"no results; {ended(status)}"
    elif passed + failed + skipped < planned or (status != 0 and failed == 0):
        result.failed, result.why = failed + 1, f"{planned} tests planned; {ended(status)}"
    result.output = output
    return result


def run_fuzz(command, env, folder, args):
    """One test a target, however many inputs; each alone only if all at once fail, to name those at fault."""
    fuzz, inputs = os.path.join(args.srcdir, "tests", "fuzz"), os.path.join(folder, "inputs")
    pack = os.path.join(fuzz, "corpus", os.path.basename(command[0]).replace("fuzz_", "", 1) + ".pack")
    result = Result(failed=1)
    status, _, result.output = run([sys.executable, os.path.join(fuzz, "pack.py"), "unpack", pack, inputs], "fuzz", env, folder)
    files = sorted(glob.glob(os.path.join(inputs, "*"))) if status == 0 else []
    if not files:
        result.why = f"no inputs in {pack}"
        return result
    status, _, result.output = run(command + files, "fuzz", env, folder)
    if status == 0:
        return Result(passed=1)
    result.why = f"{len(files)} inputs together: {ended(status)}"
    for path in files:
        status, _, text = run(command + [path], "fuzz", env, folder)
        if status != 0:
            result.output += f"{os.path.basename(path)}: {ended(status)}\n{text}\n"
    return result


def run_pytest(command, env, folder, args):
    report = os.path.join(folder, "report.xml")
    options = ["-m", "pytest", "-q", "--tb=short", "--color=no", "-p", "no:cacheprovider", f"--junitxml={report}"]
    options += ["-k", args.k] if args.k else []
    status, _, output = run([sys.executable] + options + command, "hosts" if "/hosts/" in command[0] else "e2e", env, folder)
    if status == 5 and args.k:                              # nothing of this file was asked for
        return None
    result = Result()
    result.output = output
    if os.path.exists(report):
        for suite in xml.etree.ElementTree.parse(report).getroot().iter("testsuite"):
            count = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
            result.failed += count["failures"] + count["errors"]
            result.skipped += count["skipped"]
            result.passed += max(0, count["tests"] - count["failures"] - count["errors"] - count["skipped"])
    # 5: no test was run, which is as wanted where all of a file's are skipped
    if status not in (0, 5) and result.failed == 0 or result.passed + result.failed + result.skipped == 0:
        result.failed, result.why = result.failed + 1, ended(status)
        if "No module named pytest" in output:
            result.output += "run ./autogen.sh --deps, or install python3-pytest, python3-httpx and python3-feedparser, and configure again\n"
    return result


RUNNERS = {"unit": run_unit, "mesh": run_unit, "fuzz": run_fuzz, "e2e": run_pytest, "hosts": run_pytest}


def run_suite(name, command, env, args):
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kodo-check-") as folder:
        result = RUNNERS[name.split("/")[0]](command, env, folder, args)
    if result is not None:
        result.seconds = time.monotonic() - began
    return result


def suites(args):
    """(name, command) of all, in the order of running."""
    found = []
    for program in args.programs:
        kind, name = program.split("/")[-2:]
        found.append((f"{kind}/{name}", [os.path.join(args.builddir, program)]))
    for kind in ["e2e"] + ["hosts"] * ("hosts" in args.suite):
        for path in sorted(glob.glob(os.path.join(glob.escape(args.srcdir), "tests", kind, "test_*.py"))):
            found.append((f"{kind}/{os.path.basename(path)[:-3]}", [path]))
    names = [name for name, _ in found]
    unknown = [word for word in args.suite.split() if not any(name.startswith(word) for name in names)]
    unknown += [f"{name} of ALONE or LONGEST" for name in ALONE + LONGEST if name not in names]
    if unknown:
        sys.exit(f"check.py: there is no suite {', nor '.join(unknown)}")
    wanted = {name for word in args.suite.split() for name in ([word] if word in names else names) if name.startswith(word)}
    return [(name, command) for name, command in found if not args.suite or name in wanted]


def show(name, result):
    counts = f"{result.passed} passed"
    counts += f", {result.failed} failed" if result.failed else ""
    counts += f", {result.skipped} skipped" if result.skipped else ""
    print(f"{'FAIL' if result.failed else 'ok':4} {name:34} {counts:36} {result.seconds:7.2f} s", flush=True)
    if result.failed:
        text = (f"{result.why}\n" if result.why else "") + result.output
        print("".join(f"     | {line}\n" for line in text.rstrip().split("\n")), end="", flush=True)


def run_all(args):
    env = environment(args.builddir, args.srcdir)
    todo = suites(args)
    results = []

    def record(name, result):
        if result is not None:
            show(name, result)
            results.append(result)

    def is_small(name):
        return not name.startswith(("e2e/", "hosts/"))

    def is_alone(name):
        return name in ALONE or name.startswith("hosts/")

    ports = queue.SimpleQueue()
    for some in PORTS:
        ports.put(some)

    def run_one(name, command):
        mine = ports.get()
        try:
            return run_suite(name, command, dict(env, TEST_PORTS=mine), args)
        finally:
            ports.put(mine)

    beside = sorted((some for some in todo if not is_small(some[0]) and not is_alone(some[0])),
                    key=lambda some: LONGEST.index(some[0]) if some[0] in LONGEST else len(LONGEST))
    small = sorted((some for some in todo if is_small(some[0])), key=lambda some: not some[0].startswith("mesh/"))
    for several, jobs in ((small, JOBS), (beside, len(PORTS))):
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for name, future in [(name, pool.submit(run_one, name, command)) for name, command in several]:
                record(name, future.result())
    for name, command in todo:
        if is_alone(name):
            record(name, run_suite(name, command, env, args))
    return results


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--srcdir", required=True, type=os.path.abspath)
    parser.add_argument("--builddir", required=True, type=os.path.abspath)
    parser.add_argument("--suite", default="")
    parser.add_argument("-k", default="")
    parser.add_argument("programs", nargs="*")
    args = parser.parse_args()
    results = run_all(args)
    passed, failed = sum(r.passed for r in results), sum(r.failed for r in results)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
