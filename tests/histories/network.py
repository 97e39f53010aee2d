"""Performs a history on real services, and measures how long after the healing every registry shows what it must."""
import collections
import contextlib
import http.client
import os
import re
import shutil
import signal
import struct
import subprocess
import threading
import time

import kodotest
import servicetest
import history

POLL_S = 0.25
HOLD_S = 5                  # it must stay right for as long
LIMIT_S = 90                # then it is never right
ANSWERS_S = 30              # a service that starts, on a busy machine
FAILED_MAX = 40             # attempts at one peer within a minute: starts and messages of the peer begin the backoff anew
FAILED = re.compile(r"(.{16}).* failed with (\S+/)\w+: ")


stop = threading.Event()    # set it, and all histories end soon


class Late(Exception):
    """A registry did not become right in time."""


def pause(seconds):
    if stop.wait(max(0.0, seconds)):
        raise InterruptedError


class Service(kodotest.Service):
    """A member of a history. Its loader is a program, which a running service reads again every second."""

    def __init__(self, cwd, number, ports, clock_library):
        self.clock_path = os.path.join(cwd, "clock")
        env = {"TEST_CLOCK": self.clock_path, "LD_PRELOAD": clock_library, "ASAN_OPTIONS": "verify_asan_link_order=0"}
        super().__init__(cwd, {}, port=ports[number], env=env)
        self.name, self.ports = f"s{number}", ports
        self.loader = os.path.join(cwd, "loader")
        self.state = os.path.join(cwd, "data", "state.lmdb")
        self.options = {"organization": self.name, "cache_data": "./data/state.json", "workers": 1, "loader_s": 1,
                        "screen_level": "WARNING", "log_file_level": "DEBUG"}
        self.etag = self.rows = None
        self.do_clock(0)

    # --- the steps of a history ---

    def do_loader(self, s):
        registry, feed = history.ROLES[s.role]
        self.port_to_be = self.ports[s.port]
        self.options.update(url=url_of(self.ports, s.port), registry=registry, feed=feed, cache_reset=s.reset, flows=offer(self.name, s.flows),
                            connect=[url_of(self.ports, p) for p in sorted(s.targets)])
        with open(self.loader + ".new", "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\ncat <<'END'\n" + kodotest.yaml_of(self.options) + "END\n")
        os.chmod(self.loader + ".new", 0o755)
        os.replace(self.loader + ".new", self.loader)

    def do_start(self, _):
        self.port, self.url, self.etag = self.port_to_be, self.options["url"], None
        with open(self.screen_path, "ab") as screen:
            self.process = subprocess.Popen([kodotest.KODO, "service", self.loader], cwd=self.cwd, env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, start_new_session=True)

    def do_kill(self, _):
        """Also what its processes were starting just then."""
        while self.signal_all(signal.SIGKILL):
            pass
        if self.process is not None:
            self.process.wait()

    def do_term(self, _):
        self.stop(20)
        kodotest.wait_until(lambda: not servicetest.processes_of(self.cwd), 10, f"no process of {self.name} is left")

    do_away = do_kill

    def do_copy(self, _):
        shutil.rmtree(self.state + ".copy", ignore_errors=True)
        copy_files(self.state, self.state + ".copy")

    def do_wipe(self, _):
        shutil.rmtree(self.state, ignore_errors=True)

    def do_restore(self, _):
        self.do_wipe(_)
        copy_files(self.state + ".copy", self.state)

    def do_stop(self, _):
        self.signal_all(signal.SIGSTOP)

    def do_cont(self, _):
        self.signal_all(signal.SIGCONT)

    def do_leave(self, _):
        self.wait_answering()
        kodotest.wait_until(lambda: self.request("DELETE", "/connect").status == 204, ANSWERS_S, f"{self.name} leaves")

    def do_kill_part(self, name):
        for pid in kodotest.children(self.process.pid):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as f:
                if os.path.basename(f.read().split(b"\0")[0]).decode() == name:
                    os.kill(pid, signal.SIGKILL)

    def do_clock(self, seconds):
        """In place: running programs have mapped it."""
        with open(self.clock_path, "r+b" if os.path.exists(self.clock_path) else "wb") as f:
            f.write(struct.pack("=q", seconds))

    # --- around them ---

    def signal_all(self, sig):
        """How many there were."""
        pids = servicetest.processes_of(self.cwd)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        return len(pids)

    def wait_answering(self):
        kodotest.wait_until(self.is_answering, ANSWERS_S, f"{self.name} answers", pause=0.05)

    def log(self):
        path = os.path.join(self.cwd, "data", "kodo.log")
        return open(path, encoding="utf-8", errors="replace").read() if os.path.exists(path) else ""

    def shown(self):
        """(organization, url, name) of each flow that it shows; None: it does not answer."""
        try:
            answer = self.get("/flows?pp=1000&format=json", headers={"If-None-Match": self.etag} if self.etag else {}, timeout=5)
        except (OSError, http.client.HTTPException):
            return None
        if answer.status == 200:
            self.etag = answer.headers.get("etag")
            self.rows = {(i["organization"], i["url"], i["name"]) for i in answer.json()["items"]}
        return self.rows if answer.status in (200, 304) else None


def copy_files(source, target):
    """What is a file: there is a FIFO as well, which would never end."""
    if not os.path.isdir(source):
        return                              # it was killed before it had a state
    os.makedirs(target, exist_ok=True)
    for name in os.listdir(source):
        if os.path.isfile(os.path.join(source, name)):
            shutil.copy2(os.path.join(source, name), os.path.join(target, name))
    shutil.copymode(source, target)


def url_of(ports, port):
    return f"http://localhost:{ports[port]}"


def offer(name, variant):
    """One to three flows of that round; 0: none."""
    return [kodotest.flow(i, name=f"{name} flow {i} round {variant}") for i in range(1 + variant % 3 if variant else 0)]


class Network:
    """The services of a history, in folders below path."""

    def __init__(self, h, path, clock_library):
        self.h = h
        self.ports = [kodotest.free_port() for _ in h.ports]
        self.services = []
        for m in h.members:
            cwd = os.path.join(path, f"s{m.number}")
            os.mkdir(cwd)
            self.services.append(Service(cwd, m.number, self.ports, clock_library))
        self.timeline = []                  # (seconds after the healing, text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in self.services:
            with contextlib.suppress(Exception):
                s.do_kill(None)
        kodotest.given_ports.difference_update(self.ports)

    def perform(self, act):
        began, at = time.monotonic(), 0.0
        for step in act.steps:
            at += step.pause
            pause(began + at - time.monotonic())
            if step.what != "heal":
                getattr(self.services[step.number], "do_" + step.what)(step.settings or step.value)
        for number in act.up:
            self.services[number].wait_answering()

    def wanted(self, sources):
        return {(f"s{number}", url_of(self.ports, port) + "/flows" + f["url"], f["name"])
                for number, port, flows in sources for f in offer(f"s{number}", flows)}

    def measure(self, act):
        """Seconds from now until all is right and stays so. Late: it is not within LIMIT_S."""
        began = right_since = time.monotonic()
        wanted = {number: self.wanted(sources) for number, sources in act.view.items()}
        faults = {}
        while True:
            now = time.monotonic()
            new = {number: self.fault_of(number, rows) for number, rows in wanted.items()}
            self.timeline += [(now - began, f"s{number} {new[number] or 'is right'}") for number in new if new[number] != faults.get(number)]
            if any(new.values()):
                right_since = None
            elif right_since is None:
                right_since = now
            faults = new
            if right_since is not None and now - right_since >= HOLD_S:
                return right_since - began
            if right_since is None and now - began > LIMIT_S:
                raise Late
            pause(POLL_S)

    def fault_of(self, number, wanted):
        shown = self.services[number].shown()
        if shown is None:
            return "does not answer"
        words = [f"{word} {row[0]} at {row[1][:-len('/flow-0')]} ({row[2]})"
                 for word, rows in (("lacks", wanted - shown), ("shows too much:", shown - wanted)) for row in sorted(rows)]
        return "; ".join(words)

    def check(self):
        """What must hold besides: states are whole, and nobody was tried again and again."""
        for s in [self.services[number] for number in self.h.acts[-1].up]:
            done = subprocess.run([kodotest.KODO, "check", "--state", s.state], capture_output=True, text=True, timeout=60, check=False)
            found = [line for line in done.stdout.splitlines() if not line.startswith(("ok ", "summary "))]
            assert done.returncode == 0, f"kodo check at {s.name}: {'; '.join(found)}{done.stderr}"
            failed = collections.Counter(match.groups() for match in map(FAILED.match, s.log().splitlines()) if match)
            assert max(failed.values(), default=0) <= FAILED_MAX, f"a storm at {s.name}: {failed.most_common(1)}"

    def save(self, path):
        """Its logs and its story, for whoever asks why."""
        os.makedirs(path, exist_ok=True)
        for s in self.services:
            for name in ("screen", "data/kodo.log", "data/kodo.log.1"):
                with contextlib.suppress(OSError):
                    shutil.copy2(os.path.join(s.cwd, name), os.path.join(path, f"{s.name}.{os.path.basename(name)}"))
        with open(os.path.join(path, "story.txt"), "w", encoding="utf-8") as f:
            f.write(self.tell())

    def tell(self):
        names = ", ".join(f"u{p} is {url_of(self.ports, p)}" for p in self.h.ports)
        seen = "\n".join(f"{seconds:7.2f} s after the healing: {text}" for seconds, text in self.timeline)
        return f"seed {self.h.seed}: {names}\n{self.h.story()}\n{seen}\n"


class Result:
    def __init__(self, h, seconds, fault, story):
        self.seed, self.has_lost, self.kinds, self.seconds, self.fault, self.story = h.seed, h.has_lost, h.kinds(), seconds, fault, story


def run(seed, clock_library, keep=None, keep_after_s=10):
    """One history. Those that are right later than keep_after_s leave their logs in the folder keep."""
    h = history.History(seed)
    with kodotest.folder() as path, Network(h, path, clock_library) as net:
        seconds, fault = 0.0, None
        try:
            for act in h.acts:
                net.perform(act)
                seconds = max(seconds, net.measure(act))
            net.check()
        except Late:
            seconds, fault = LIMIT_S, "never right"
        except Exception as error:                          # a service that does not start, or does not end
            fault = f"{type(error).__name__}: {error}"
        if keep and (fault or seconds > keep_after_s):
            net.save(os.path.join(keep, str(seed)))
        return Result(h, seconds, fault, net.tell())
