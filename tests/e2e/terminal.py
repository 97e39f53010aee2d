"""Commands on a pseudo-terminal."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

import kodotest

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("KODO") and name != "NO_COLOR"}


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, place, *arguments, columns=80, **env):
        self.fd, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen([kodotest.KODO, *arguments], cwd=place, env={**CLEAN, "TERM": "xterm", **env}, stdin=other,
                                        stdout=other, stderr=other, start_new_session=True)
        os.close(other)
        self.text = ""

    def read(self, until=None, seconds=10):
        """What it shows, up to a text, or to its end."""
        last = time.monotonic() + seconds
        while until is None or until not in self.text:
            if not select.select([self.fd], [], [], max(0, last - time.monotonic()))[0]:
                raise AssertionError(f"{until!r} is not shown: {self.text!r}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                break
            self.text += data.decode(errors="replace")
        text, self.text = self.text, ""
        assert until is None or until in text, text
        return text

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        text = self.read()
        os.close(self.fd)
        return self.process.wait(10), text
