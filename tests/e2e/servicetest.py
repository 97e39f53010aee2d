"""What the tests of `kodo service` and of the runner share: processes of a folder, peers that misbehave, a hosted runner."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time

import kodotest
from kodotest import wait_until


def processes_of(folder):
    """Living processes that have to do with a folder: it stands in their command line, environment or working directory."""
    needle = folder.encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid() or not kodotest.is_alive(int(name)):
            continue
        texts = []
        for part in ("cmdline", "environ"):
            with contextlib.suppress(OSError), open(f"/proc/{name}/{part}", "rb") as f:
                texts.append(f.read())
        with contextlib.suppress(OSError):
            texts.append(os.readlink(f"/proc/{name}/cwd").encode())
        if any(needle in text for text in texts):
            found.append(int(name))
    return found


def command_line(pid):
    """Words; one empty one if it has ended meanwhile."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return [""]


def kill_all(folder):
    for pid in processes_of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def sockets_in(folder):
    """Unix sockets that lie somewhere below a folder."""
    found = []
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                if os.stat(os.path.join(path, name)).st_mode & 0o170000 == 0o140000:
                    found.append(os.path.join(path, name))
    return found


def is_refused(port):
    for host in ("127.0.0.1", "::1"):
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), 1).close()
            return False
    return True


def raw_request(port, data, timeout=5):
    """Send bytes, give all that comes back until the server closes."""
    with socket.create_connection(("localhost", port), timeout) as s:
        s.sendall(data)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while piece := s.recv(65536):
                answer += piece
        return answer


class RawPeer:
    """A TCP server that gives each connection to serve(socket, number, peer) in a thread; `times` is when each was accepted."""

    def __init__(self, serve):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self.serve = serve
        self.times = []
        self.heads = []
        self.closing = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.times.append(time.monotonic())
            threading.Thread(target=self.one, args=(connection, len(self.times)), daemon=True).start()

    def one(self, connection, number):
        with contextlib.suppress(OSError), connection:
            self.serve(connection, number, self)

    def read_request(self, connection):
        """(head, body), the head also in `heads`."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.decode("latin-1").split("\r\n"):
            if line.lower().startswith("content-length:"):
                length = int(line.split(":")[1])
        while len(body) < length:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError
            body += piece
        self.heads.append(head.decode("latin-1"))
        return self.heads[-1], body

    def close(self):
        self.closing.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def hang(connection, number, peer):
    """Take the request and never answer."""
    peer.read_request(connection)
    peer.closing.wait(60)


def answer_with(status, body=b"{}", headers="", reason="Whatever"):
    def serve(connection, number, peer):
        while True:
            peer.read_request(connection)
            connection.sendall(f"HTTP/1.1 {status} {reason}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
    return serve


class Runner:
    """kodo-reconnect for a loader in a folder, as cron starts it; its state is read through kodo as plain CGI."""

    def __init__(self, cwd, options):
        self.cwd = cwd
        self.cgi = kodotest.PlainCGI(cwd, options)
        self.stderr_path = os.path.join(cwd, "runner.stderr")
        self.running = []

    def start(self, *arguments, env=None):
        return self.launch(self.cgi.loader, *arguments, env=env)

    def start_for_state(self, *arguments):
        """As `kodo service` and its workers start it: without a loader to watch."""
        return self.launch("--state", self.cgi.state_path(), *arguments)

    def launch(self, *arguments, env=None):
        with open(self.stderr_path, "ab") as err:
            process = subprocess.Popen([kodotest.RECONNECT, *arguments], cwd="/", stdin=subprocess.DEVNULL,
                                       stdout=err, stderr=err, env={**self.cgi.env, **(env or {})}, start_new_session=True)
        self.running.append(process)
        return process

    def run(self, *arguments, seconds=30, env=None):
        """Until it ends; the exit status."""
        return self.start(*arguments, env=env).wait(seconds)

    def map(self):
        return self.cgi.get("/map").json()

    def screen(self):
        return open(self.stderr_path, encoding="utf-8", errors="replace").read()

    def log(self):
        return self.cgi.log()

    def close(self):
        for process in self.running:
            process.poll()
        kill_all(self.cwd)
        for process in self.running:
            process.wait()


# --- peers that fail ---

GIGABYTE = 1 << 30


class Down:
    """No program listens there."""

    def __init__(self):
        self.url = f"http://localhost:{kodotest.free_port()}"
        self.times = []

    def close(self):
        pass


def introduce(registry, url):
    """A feeding registry at url connects to ours, which notifies it of every change."""
    body = kodotest.greeting(url, organization="Peer", registry=True, feed=True, nodes=[])
    assert registry.post("/connect", body).status == 201


def offer(registry, i, round_):
    """A node connects, for the first time or with something new."""
    url = f"http://localhost:{20000 + i}"
    body = kodotest.greeting(url, nodes=[kodotest.node(url, [kodotest.flow(1, name=f"node {i} round {round_}")])])
    answer = registry.post("/connect", body)
    assert answer.status == 201, answer
    return answer.seconds


def peers(service):
    out = subprocess.run([kodotest.KODO, "peers", "--json", service.loader], cwd=service.cwd, env=service.env, capture_output=True, check=True)
    return {peer["url"]: peer for peer in json.loads(out.stdout)}


def runner_of(service):
    return wait_until(lambda: next((pid for pid in kodotest.children(service.process.pid)
                                    if os.path.basename(command_line(pid)[0]) == "kodo-reconnect"), None), 5, "the runner is there")
