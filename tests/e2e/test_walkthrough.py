"""The walk-through of conf/walkthrough, step by step, with real services on free ports."""
import contextlib
import os
import re
import signal
import subprocess
import time

import pytest

import kodotest
import servicetest
from kodotest import http_request, wait_until

CONF = os.path.join(kodotest.SRCDIR, "conf", "walkthrough")


class Walk:
    def __init__(self, place, arguments):
        self.place, self.arguments = place, arguments
        self.ports = {"3366": kodotest.free_port(), "3367": kodotest.free_port(), "3368": kodotest.free_port()}
        self.node, self.registry, self.provider = self.ports.values()
        self.running = {}
        for name in os.listdir(CONF):
            text = open(os.path.join(CONF, name), encoding="utf-8").read()
            text = re.sub(r"(localhost:)(336[678])\b", lambda m: m.group(1) + str(self.ports[m.group(2)]), text)
            with open(os.path.join(place, name), "w", encoding="utf-8") as f:
                f.write(text)

    def start(self, name, port):
        screen = open(os.path.join(self.place, f"{name}.screen"), "ab")
        env = {key: value for key, value in os.environ.items() if not key.startswith("KODO")}
        with screen:
            process = subprocess.Popen([kodotest.KODO, "service", os.path.join(self.place, f"{name}.yaml"), *self.arguments], cwd=self.place,
                                       stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, env=env, start_new_session=True)
        self.running[name] = process
        return wait_until(lambda: self.get(port, "/"), 10, f"{name} answers")

    def get(self, port, path):
        answer = http_request(port, "GET", path)
        assert answer.status == 200, answer
        return answer.json()

    def totals(self):
        return tuple(self.get(port, "/flows?pp=1")["total"] for port in (self.node, self.registry, self.provider))

    def end(self, *names):
        """SIGTERM; each ends within a second, whatever it was waiting for."""
        began = time.monotonic()
        for name in names:
            self.running[name].send_signal(signal.SIGTERM)
        for name in names:
            assert self.running.pop(name).wait(5) == 0, name
        assert time.monotonic() - began < 1 + kodotest.CALM


@contextlib.contextmanager
def walk(*arguments):
    with kodotest.folder() as place:
        w = Walk(place, arguments)
        try:
            yield w
        finally:
            servicetest.kill_all(place)
            for process in w.running.values():
                process.wait()


@pytest.mark.parametrize("arguments", [(), ("--trust", "signed")], ids=["known", "signed"])
def test_walkthrough(arguments):
    with walk(*arguments) as w:
        began = time.monotonic()
        home = w.start("node", w.node)
        assert (home["registry"], home["feed"]) == (False, False)
        # until its attempts are 8 s apart, so that the registry comes at the worst moment
        if not arguments:
            time.sleep(max(0.0, began + 8.2 - time.monotonic()))
        came = time.monotonic()
        home = w.start("registry", w.registry)
        assert (home["registry"], home["feed"]) == (True, True)
        wait_until(lambda: w.get(w.registry, "/counts")["total"] == 5, 9, "the node connects")
        assert time.monotonic() - came < 9

        began = time.monotonic()
        home = w.start("provider", w.provider)
        assert (home["registry"], home["feed"]) == (True, False)
        wait_until(lambda: w.get(w.registry, "/counts")["total"] == 55, 1, "the provider connects")
        assert time.monotonic() - began < 1 + kodotest.CALM
        assert w.totals() == (5, 55, 50)
        assert set(w.get(w.registry, "/map")["registers"]) == {f"http://localhost:{w.node}", f"http://localhost:{w.provider}"}

        # the registry comes back with what it knew
        w.end("node", "registry")
        w.start("registry", w.registry)
        assert w.get(w.registry, "/flows?pp=1")["total"] == 55

        # the node comes back as another
        home = w.start("node2", w.node)
        assert home["organization"] == "Node with New Name"
        wait_until(lambda: w.totals() == (0, 50, 50), 10, "totals 0, 50, 50")

        # the provider leaves: at once
        answer = http_request(w.provider, "DELETE", "/connect")
        assert (answer.status, answer.body) == (204, b"")
        assert w.totals() == (0, 0, 50)

        # Ctrl-C reaches a terminal's whole foreground group
        for process in w.running.values():
            os.killpg(process.pid, signal.SIGINT)
        assert [process.wait(5) for process in w.running.values()] == [0, 0, 0]
        wait_until(lambda: not servicetest.processes_of(w.place), 1, "no process is left")
        assert servicetest.sockets_in(w.place) == []
        assert all(servicetest.is_refused(port) for port in w.ports.values())


def test_screen_says_what_happens():
    """The log lines of the original system."""
    with walk() as w:
        w.start("registry", w.registry)
        w.start("provider", w.provider)
        wait_until(lambda: w.get(w.registry, "/counts")["total"] == 50, 5)
        # the registry has it before its answer is read at the other end
        wait_until(lambda: "succeed with" in open(os.path.join(w.place, "provider.screen"), encoding="utf-8").read(), 5)
        w.end("registry", "provider")
        registry = open(os.path.join(w.place, "registry.screen")).read()
        provider = open(os.path.join(w.place, "provider.screen")).read()
        time_and_url = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} http://localhost:\d+: "
        for text, line in [
            (registry, r"INFO     " + time_and_url + r"startup with flows: 0, providers: 0, connection: 0, log level: \w+\n"),
            (registry, time_and_url + r"registry startup complete \(feed is True\)\n"),
            (registry, time_and_url + r"connect from http://localhost:\d+ with nodes: 1, flows: 50, feed False to organization .+\n"),
            (provider, time_and_url + r"startup with flows: 50, providers: 0, connection: 1, log level: \w+\n"),
            (provider, time_and_url + r"registry startup complete \(feed is False\)\n"),
            (provider, time_and_url + rf"http://localhost:{w.registry}/connect with nodes: 1, flows: 50\n"),
            (provider, time_and_url + rf"succeed with http://localhost:{w.registry}/connect\n"),
            (provider, time_and_url + r"shutdown now\n"),
        ]:
            assert re.search(line, text), (line, text)


def test_run_with_a_service_of_your_own():
    """What `make run` starts: a fourth service, from a loader that kodo init makes; an edit of that file shows at the registry."""
    with walk() as w:
        work = os.path.join(w.place, "work")
        command = [os.path.join(kodotest.SRCDIR, "tests", "walkthrough-run"), kodotest.KODO, w.place, work]
        for again in (False, True):                         # its loader and all states are kept
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
                try:
                    text = ""
                    while "Ctrl-C ends everything" not in text:
                        line = run.stdout.readline()
                        assert line, text
                        text += line
                    path = re.search(r"Now edit\n\n  (\S+)", text).group(1)
                    assert float(re.search(r"in the registry ([\d.]+) s after", text).group(1)) < 1.5 + kodotest.CALM
                    assert "kodo init my.yaml --organization 'My Company'" in text and path == os.path.join(work, "my.yaml")
                    names = {item["name"] for item in w.get(w.registry, "/flows?organization=My+Company")["items"]}
                    assert names == {"Mine 2" if again else "My first agent"}
                    loader = open(path, encoding="utf-8").read()
                    with open(path, "w", encoding="utf-8") as f:
                        f.write(loader.replace('"My first agent"', '"Mine 2"'))
                    wait_until(lambda: [item["name"] for item in w.get(w.registry, "/flows?organization=My+Company")["items"]] == ["Mine 2"],
                               4, "the edit is at the registry")
                finally:
                    run.send_signal(signal.SIGTERM)
                assert run.wait(10) == 0
        assert not servicetest.processes_of(w.place)
