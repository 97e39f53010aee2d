"""What the tests of networks share: services in a shape, what each shows, what each was sent."""
import collections
import concurrent.futures
import contextlib
import os
import re
import signal
import subprocess
import time

import kodotest
from kodotest import wait_until
from servicetest import command_line

LONG = os.environ.get("MESH") == "long"         # `make check-mesh`
QUIET = 10 if LONG else 3                       # seconds in which nothing may be sent
SECONDS = 15                                    # that converging may take on a busy machine, where it takes one

REGISTRY = {"registry": True, "feed": True, "workers": 1}
PROVIDER = {"registry": True, "feed": False, "workers": 1}
NODE = {"registry": False, "feed": False, "workers": 1, "loader_s": 1}

RECEIVED = re.compile(r" - (connect|/update|/disconnect|/reconnect) from (\S+)")


class Member(kodotest.Service):
    """A service of a network."""

    def __init__(self, cwd, name, options):
        super().__init__(cwd, {"organization": name, **options})
        self.name = name
        self.round = 0
        if not options["registry"]:
            self.loader = os.path.join(cwd, "loader")
            self.options["flows"] = self.offer()

    def write_loader(self, **more):
        """Of a node it is a program: a running service reads no other loader again."""
        if self.options["registry"]:
            super().write_loader(**more)
            return
        self.options.update(more)
        new = self.loader + ".new"
        with open(new, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\ncat <<'END'\n" + kodotest.yaml_of(self.options) + "END\n")
        os.chmod(new, 0o755)
        os.replace(new, self.loader)

    def offer(self):
        return [kodotest.flow(i, name=f"{self.name} {i} round {self.round}") for i in range(2)]

    def launch(self):
        """As start, without waiting."""
        self.write_loader()
        with open(self.screen_path, "ab") as screen:
            self.process = subprocess.Popen([self.program, "service", self.loader], cwd=self.cwd, env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, start_new_session=True)

    def start_connected(self):
        """Start it, and wait until a target has taken what it offers; other lines may follow that one."""
        before = len(self.log())
        self.start()
        try:
            wait_until(lambda: "succeed with" in self.log()[before:], SECONDS, f"{self.name} is connected")
        except AssertionError as error:
            raise AssertionError(f"{error}; its log:\n{self.log()[before:]}") from None

    def change(self):
        """Another name for each flow that it offers."""
        self.round += 1
        self.write_loader(flows=self.offer())

    def rows(self):
        """What it would show if it were alone."""
        return {(self.name, self.url + "/flows" + f["url"], f["name"]) for f in self.options.get("flows", ())}

    def shown(self):
        items = self.get("/flows?pp=1000&format=json").json()["items"]
        rows = {(i["organization"], i["url"], i["name"]) for i in items}
        assert len(rows) == len(items), items
        return rows

    def received(self):
        """(what, from whom) of each message in the log."""
        return [match.groups() for match in map(RECEIVED.search, self.log().splitlines()) if match]

    def log(self):
        path = os.path.join(self.cwd, "data", "kodo.log")
        return open(path, encoding="utf-8").read() if os.path.exists(path) else ""

    def signal_all(self, sig):
        for pid in [self.process.pid] + kodotest.children(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)

    @contextlib.contextmanager
    def stopped(self):
        self.signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal_all(signal.SIGCONT)


class Network:
    """Registries r[0], r[1], ... with what they connect to, and nodes n[0], n[1], ... each at one of them.

    sees: for each registry the nodes that it must show, as a set of numbers. Without it those that feed show all.
    """

    def __init__(self, folders, kinds, links, homes=None, sees=None):
        self.r = [Member(folders(), f"R{i}", kind) for i, kind in enumerate(kinds)]
        homes = range(len(kinds)) if homes is None else homes
        self.n = [Member(folders(), f"N{i}", NODE) for i in range(len(homes))]
        for i, j in links:
            self.r[i].options.setdefault("connect", []).append(self.r[j].url)
        for node, home in zip(self.n, homes):
            node.options["connect"] = [self.r[home].url]
        self.links = {frozenset((self.r[i].url, self.r[j].url)) for i, j in links}
        self.sees = None if sees is None else {r: [self.n[i] for i in some] for r, some in zip(self.r, sees)}
        self.left = set()

    def members(self):
        return self.r + self.n

    def __enter__(self):
        try:
            # in two lots, so that most find their targets there
            for lot in (self.r, self.n):
                for member in lot:
                    member.launch()
                for member in lot:
                    wait_until(member.is_answering, SECONDS, f"{member.name} answers")
        except BaseException:
            self.__exit__()                                 # nobody else would
            raise
        return self

    def __exit__(self, *_):
        for member in self.members():
            with contextlib.suppress(Exception):
                member.signal_all(signal.SIGCONT)
                member.kill()

    def expected(self):
        return set().union(*(m.rows() for m in self.members() if m not in self.left))

    def is_seen_at(self, node, registry):
        return registry.options["feed"] if self.sees is None else node in self.sees[registry]

    def wait_converged(self, expected=None, seconds=SECONDS):
        """All registries that feed show the same: what the nodes offer that have not left."""
        for member in self.r:
            if self.sees is not None or member.options["feed"]:
                rows = self.expected() if expected is None else expected
                if self.sees is not None:
                    rows = set().union(*(n.rows() for n in self.sees[member] if n not in self.left))
                try:
                    wait_until(lambda: member.shown() == rows, seconds, "converged")
                except AssertionError:
                    shown = member.shown()
                    raise AssertionError(f"{member.name} {member.url} lacks {sorted(rows - shown)}, "
                                         f"shows too much {sorted(shown - rows)}\n{self.story()}") from None

    def wait_idle(self, seconds=SECONDS):
        for member in self.members():
            wait_until(member.is_idle, seconds, f"{member.name} idle")

    def counts(self):
        """How many messages went over each link so far, both ways."""
        n = collections.Counter()
        for member in self.members():
            for _, sender in member.received():
                n[frozenset((member.url, sender))] += 1
        return n

    def wait_quiet(self, seconds=SECONDS, pause=0.7):
        """Until nothing is on the way and nothing was received for a while."""
        end = time.monotonic() + seconds
        self.wait_idle(seconds)
        before = self.counts()
        since = time.monotonic()
        while time.monotonic() - since < pause:
            time.sleep(0.1)
            now = self.counts()
            if now != before:
                before, since = now, time.monotonic()
            assert time.monotonic() < end, f"no end of messages\n{self.story()}"

    def assert_silent(self, seconds=QUIET):
        before = self.counts()
        time.sleep(seconds)
        more = self.counts() - before
        assert not more, f"{self.counted(more)}\n{self.story()}"
        self.wait_converged(seconds=0)

    def counted(self, counts):
        names = {m.url: m.name for m in self.members()}
        return {"-".join(sorted(names.get(url, url) for url in link)): n for link, n in counts.items()}

    def story(self):
        """The last messages of each, for who reads a failure."""
        lines = []
        for member in self.members():
            text = [line for line in member.log().splitlines() if RECEIVED.search(line) or "failed" in line][-12:]
            lines += [f"{member.name} {member.url}:"] + ["  " + line for line in text]
        return "\n".join(lines)


def percentile(seconds, part=0.99):
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * part))]


def at_once(calls, threads=8):
    """Do them at once; their values."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


def kill_runner(one):
    for pid in kodotest.children(one.process.pid):
        if os.path.basename(command_line(pid)[0]) == "kodo-reconnect":
            os.kill(pid, signal.SIGKILL)
