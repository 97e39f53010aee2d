"""Clients that read or write slowly, many at once, and what they cost: files on the disk, and the time of others."""
import contextlib
import os
import socket
import stat
import statistics
import threading
import time

import kodotest


class Slow:
    """n connections that send head at once and then, each second, read a KiB or (upload) write nothing more."""

    def __init__(self, port, head, n, host="localhost", source=None, rate=1024):
        self.sockets = []
        self.first = [b""] * n              # what came, up to the end of the head
        self.rate = rate
        self.ending = threading.Event()
        for _ in range(n):
            family, kind, proto, _, address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0]
            s = socket.socket(family, kind, proto)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            # packets as on a line: with those of loopback the kernel takes a megabyte for the client
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
            if source:
                s.bind((source, 0))
            s.settimeout(10)
            s.connect(address)
            with contextlib.suppress(OSError):      # refused before all was sent
                s.sendall(head)
            s.setblocking(False)
            self.sockets.append(s)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.ending.wait(0.2):
            for i, s in enumerate(self.sockets):
                if s is None:
                    continue
                try:
                    piece = s.recv(self.rate // 5)
                except BlockingIOError:
                    continue
                except OSError:
                    piece = b""
                if b"\r\n\r\n" not in self.first[i]:
                    self.first[i] += piece
                if not piece:
                    s.close()
                    self.sockets[i] = None

    def statuses(self):
        """How many got which status, so far."""
        words = [text.split(b" ", 2)[1].decode() for text in self.first if text.startswith(b"HTTP/1.1 ")]
        return {word: words.count(word) for word in set(words)}

    def n_open(self):
        return sum(s is not None for s in self.sockets)

    def close(self):
        self.ending.set()
        self.thread.join()
        for s in self.sockets:
            if s is not None:
                s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def readers(port, target, n, **more):
    return Slow(port, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), n, **more)


def uploads(port, target, n, length, **more):
    """Bodies of which the last byte never comes."""
    head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()
    return Slow(port, head + b" " * (length - 1), n, **more)


def file_bytes(pids, folders=()):
    """Of files that processes have open and that have no name any more, or a temporary one, and of those below folders."""
    seen = {}
    for folder in folders:
        for path, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    st = os.stat(os.path.join(path, name))
                    seen[st.st_dev, st.st_ino] = st.st_blocks * 512
    for pid in pids:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    path = f"/proc/{pid}/fd/{name}"
                    link, st = os.readlink(path), os.stat(path)
                    if stat.S_ISREG(st.st_mode) and (link.endswith(" (deleted)") or "modfcgid" in link):
                        seen[st.st_dev, st.st_ino] = st.st_blocks * 512
    return sum(seen.values())


class Watch:
    """The highest file_bytes while it is entered; pids: a function."""

    def __init__(self, pids, folders=()):
        self.pids, self.folders, self.highest = pids, folders, 0
        self.ending = threading.Event()

    def run(self):
        while not self.ending.is_set():
            self.highest = max(self.highest, file_bytes(self.pids(), self.folders))
            self.ending.wait(0.05)

    def __enter__(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


def others(port, seconds, target="/"):
    """Seconds that GET takes meanwhile: (median, highest), and the statuses."""
    times, statuses = [], set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            statuses.add(kodotest.http_request(port, "GET", target, timeout=100).status)
        except OSError as error:
            statuses.add(type(error).__name__)
        times.append(time.monotonic() - began)
        time.sleep(0.05)
    return statistics.median(times), max(times), statuses


def fill(one, mib):
    """Make GET /connect of a registry so long, by providers of 4 MiB each."""
    for n in range(0, mib, 4):
        url = f"http://127.0.0.1:{20 + n}"
        flows = [kodotest.flow(i, description="d" * 8000) for i in range(4 * 128)]
        assert one.post("/connect", kodotest.connect_body(url, nodes=[kodotest.node(url, flows)])).status == 201
