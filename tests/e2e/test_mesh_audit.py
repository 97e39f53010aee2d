"""A mesh's audit beside what was done: the lines of all services are matched with the steps of the test and with what each runner says that
it has sent. Nothing is missing, nothing is there besides.

MESH=long (`make check-mesh`): ten times as many steps, and services that end and start again.
"""
import collections
import json
import os
import random
import re
import subprocess
import time

import pytest

import kodotest
from kodotest import connect_body, greeting, wait_until
from meshtest import LONG, REGISTRY, Network

STEPS, SEEDS = (200, [1, 2, 3]) if LONG else (25, [1])
ROUTES = ("/connect", "/update", "/disconnect", "/reconnect")
SENT = re.compile(r" - (succeed|failed) with (\S+?)(/connect|/update|/disconnect|/reconnect)(?:: (.*))?$", re.M)


class Story:
    """Random steps, and the lines that each must leave: member -> [(by, method, route, url, status, reason, nodes)]."""

    def __init__(self, net, seed):
        self.net, self.dice = net, random.Random(seed)
        self.expected = collections.defaultdict(collections.Counter)
        self.strangers = {}             # url -> the registry that it has connected to
        self.removed = collections.Counter()        # by url: removals, which others may learn of by an answer, too

    def expect(self, m, by, method=None, route=None, url=None, status=None, reason=None, nodes=()):
        self.expected[m][(by, method, route, url, status, reason, tuple(nodes))] += 1

    def post(self, m, path, body, url, status, reason=None, nodes=()):
        answer = m.post(path, body)
        assert answer.status == status, (path, body, answer)
        self.expect(m, "request", "POST", path, url, status, reason, nodes)

    def registry(self):
        return self.dice.choice(self.net.r)

    def stranger(self):
        return f"http://localhost:{self.dice.randint(1, 1000)}"

    def do_change(self):
        self.dice.choice(self.net.n).change()

    def do_connect(self):
        url = self.stranger()
        m = self.strangers.setdefault(url, self.registry())
        self.post(m, "/connect", connect_body(url), url, 201, nodes=[url])

    def do_update(self):
        url = self.dice.choice([*self.strangers, self.stranger()])
        m, known = self.strangers.get(url, self.net.r[0]), url in self.strangers
        self.post(m, "/update", connect_body(url, 2), url, 200 if known else 404, None if known else "unknown", [url])

    def do_disconnect(self):
        if self.strangers:
            url, m = self.strangers.popitem()
            self.post(m, "/disconnect", {"provider": url, "url": [url]}, url, 200, nodes=[url])
            self.removed[url] += 1

    def do_evict(self):
        if self.strangers:
            url, m = self.strangers.popitem()
            self.command(m, "evict", url, "--no-wait")
            self.expect(m, "command", url=url, reason="admin", nodes=[url])
            self.removed[url] += 1

    def do_reconnect(self):
        self.post(self.registry(), "/reconnect", greeting("http://localhost:2001"), "http://localhost:2001", 404, "unknown")

    def do_nonsense(self):
        self.post(self.registry(), self.dice.choice(ROUTES), b"{", None, 400, "invalid")

    def do_node(self):
        """A node takes nothing in."""
        self.post(self.dice.choice(self.net.n), "/connect", connect_body("http://localhost:2002"), "http://localhost:2002", 404, "no_registry",
                  ["http://localhost:2002"])

    def do_hide(self):
        m, node = self.registry(), self.dice.choice(self.net.n)
        wait_until(lambda: any(row[0] == node.name for row in m.shown()), 30, "it is shown")
        for verb in ("hide", "allow"):
            assert m.post(f"/moderation?do={verb}&pattern=url:{node.url}", None).status == 200
            self.expect(m, "request", "POST", "/moderation", None, 200)
        self.expect(m, "kodo", url=None, reason="moderated", nodes=[node.url])

    def do_leave(self):
        node = self.dice.choice(self.net.n)
        assert node.request("DELETE", "/connect").status == 204
        self.expect(node, "request", "DELETE", "/connect", None, 204)
        self.removed[node.url] += 1
        self.command(node, "connect", "--no-wait")

    def do_read(self):
        for target in ("/", "/flows", "/connect", "/map?format=json", "/counts", "/changes?since=0", "/status?format=json"):
            self.registry().get(target)

    def do_restart(self):
        if LONG:
            self.net.wait_quiet(60)
            m = self.dice.choice(self.net.members())
            m.stop()
            m.start()

    def command(self, m, *arguments):
        subprocess.run([kodotest.KODO, *arguments, "--state", m.state_path()], check=True, stdout=subprocess.DEVNULL, timeout=30)

    def run(self):
        kinds = [getattr(self, name) for name in dir(self) if name.startswith("do_")]
        for i in range(STEPS):
            (kinds[i] if i < len(kinds) else self.dice.choice(kinds))()
            time.sleep(self.dice.choice([0, 0, 0.1, 0.5]))
        while self.strangers:
            self.do_disconnect()


def audit(m):
    done = subprocess.run([kodotest.KODO, "audit", "-o", "json", "--state", m.state_path()], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def sent(members):
    """receiver -> what others say that they have sent: {(url of the sender, route, is it taken): n}; and how often no answer came."""
    found, unanswered = collections.defaultdict(collections.Counter), collections.Counter()
    for m in members:
        for verb, to, route, words in SENT.findall(m.log()):
            if verb == "failed" and not re.match(r"\d{3} ", words):
                unanswered[to] += 1
            else:
                found[to][(m.url, route, verb == "succeed")] += 1
    return found, unanswered


def of_answers(lines, urls):
    """Withdrawals that the runner was told of by a member's answer: node -> n."""
    return collections.Counter(node["url"] for line in lines if is_of_answer(line, urls) for node in line["nodes"])


def who(line):
    """By, and url. What is hidden follows in the process that was asked or in the runner, and whose word it was may be any member's."""
    return ("kodo", None) if line.get("reason") == "moderated" else (line["by"], line.get("url"))


def is_of_answer(line, urls):
    return (line["by"], line["outcome"], line.get("reason")) == ("runner", "withdrawn", "said") and line["url"] in urls


@pytest.mark.parametrize("seed", SEEDS)
def test_audit_of_a_mesh(folders, seed):
    options = {**REGISTRY, "log_file_level": "DEBUG"}
    with Network(folders, [options] * 3, [(i, j) for i in range(3) for j in range(3) if i != j]) as net:
        net.wait_converged()
        net.wait_quiet()                        # a runner that is ended says nothing of what is on the way
        for node in net.n:
            node.options["log_file_level"] = "DEBUG"
        for node in net.n:                      # of a running service the log stays as it was
            node.stop()
            node.start()
        net.wait_converged()
        story = Story(net, seed)
        story.run()
        net.wait_quiet(90)
        for m in net.members():
            m.stop()
        urls = {m.url for m in net.members()}
        found, unanswered = sent(net.members())
        for m in net.members():
            lines = audit(m)
            peers = collections.Counter((line["url"], line["route"], line["outcome"] == "taken") for line in lines
                                        if line["by"] == "request" and line.get("url") in urls)
            missing, more = found[m.url] - peers, peers - found[m.url]
            assert not missing and sum(more.values()) <= unanswered[m.url], (m.name, missing, more, unanswered[m.url])
            own = collections.Counter(
                (*who(line)[:1], line.get("method"), line.get("route"), *who(line)[1:],
                 line.get("status"), line.get("reason"), tuple(node["url"] for node in line.get("nodes", ()))) for line in lines
                if line.get("url") not in urls or (line["by"] != "request" and not is_of_answer(line, urls)))
            told = of_answers(lines, urls)
            assert not told - story.removed, (m.name, told, story.removed)
            assert own == story.expected[m], (m.name, story.expected[m] - own, own - story.expected[m])
        assert sum(sum(count.values()) for count in found.values()) > 20
