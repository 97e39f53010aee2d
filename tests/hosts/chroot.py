#!/usr/bin/env python3
"""The walk-through in clean chroots made by debootstrap: what `make check-chroot` starts. Root, and Debian's mirror.

usage: chroot.py DIST_TARBALL SHARED_HOST_TARBALL WORK

1. A chroot with what ./autogen.sh --deps-only installs: the tarball of `make dist` is built and installed there, and its
   walk-through run with the installed programs.
2. A chroot with nothing but Debian's base and a web server that runs CGI (lighttpd): three homes get the tarball of
   `make shared-host` unpacked, one edited kodo.yaml each; registry, node and provider find each other.

WORK is kept for the next time: a base system is made once. The last line is `N passed, N failed`.
"""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import kodotest  # noqa: E402

MIRROR = os.environ.get("MIRROR", "http://deb.debian.org/debian")
CONF = os.path.join(kodotest.TREE, "conf", "walkthrough")


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def base(work, name="base", variant=("--variant=minbase",)):
    path = os.path.join(work, name)
    if not os.path.exists(os.path.join(path, "complete")):
        shutil.rmtree(path, ignore_errors=True)
        run("debootstrap", *variant, "--include=ca-certificates", "bookworm", path, MIRROR)
        open(os.path.join(path, "complete"), "w", encoding="ascii").close()
    return path


class Chroot:
    """A copy of the base, removed at the end; path: that folder itself, which stays."""

    def __init__(self, work, name, path=None):
        self.stays = path is not None
        self.path = path or os.path.join(work, name)
        if not self.stays:
            shutil.rmtree(self.path, ignore_errors=True)
            run("cp", "-a", base(work), self.path)
        shutil.copy("/etc/resolv.conf", os.path.join(self.path, "etc", "resolv.conf"))
        with open(os.path.join(self.path, "etc", "hosts"), "w", encoding="ascii") as f:
            f.write("127.0.0.1 localhost\n::1 localhost\n")
        # nothing that is installed is started
        with open(os.path.join(self.path, "usr", "sbin", "policy-rc.d"), "w", encoding="ascii") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(f.name, 0o755)
        for path in glob.glob("/etc/apt/apt.conf.d/*artifact*"):
            shutil.copy(path, os.path.join(self.path, "etc", "apt", "apt.conf.d"))

    def __enter__(self):
        run("mount", "-t", "proc", "proc", os.path.join(self.path, "proc"))
        return self

    def __exit__(self, *_):
        # nobody of its processes outlives it: those whose root it is
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            try:
                if os.readlink(f"/proc/{pid}/root") == self.path:
                    os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.2)
        run("umount", "-l", os.path.join(self.path, "proc"))
        if not self.stays:
            shutil.rmtree(self.path, ignore_errors=True)

    def command(self, *words):
        # a login's environment, and nothing of ours
        return ["chroot", self.path, "/usr/bin/env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/root", "LC_ALL=C.UTF-8", *words]

    def run(self, script):
        return run(*self.command("/bin/sh", "-ec", script))

    def start(self, *words):
        return subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, start_new_session=True)


def walkthrough_ports(text, ports):
    return re.sub(r"\b33(66|67|68)\b", lambda m: str(ports["33" + m[1]]), text)


def test_dist(tarball, work):
    """Built and installed from the tarball of make dist."""
    with Chroot(work, "dist") as root:
        shutil.copy(tarball, os.path.join(root.path, "root", "kodo.tar.gz"))
        root.run("cd /root && tar -xzf kodo.tar.gz && cd kodo-* && ./autogen.sh --deps-only")
        root.run("cd /root/kodo-* && mkdir b && cd b && ../configure -q && make -s -j2 && make -s install")
        root.run("kodo version && man -w kodo >/dev/null 2>&1 || test -s /usr/local/share/man/man1/kodo.1")
        source = root.run("ls -d /root/kodo-*/").strip()
        kodotest.wait_until(lambda: all(is_free(port) for port in (3366, 3367, 3368)), 120, "the walk-through's ports are free")
        walk = root.start("python3", f"{source}tests/walkthrough-run", "/usr/local/bin/kodo", f"{source}conf/walkthrough", "/root/run")
        try:
            kodotest.wait_until(lambda: walk.poll() is not None or total(3367, "") == 56, 60, "56 flows")
            assert walk.poll() is None, walk.communicate()[0][-3000:]
            assert kodotest.http_request(3367, "GET", "/flows?q=newsletter").json()["filtered"] > 0
        finally:
            if walk.poll() is None:
                os.killpg(walk.pid, signal.SIGTERM)
        assert walk.wait(20) == 0, walk.stdout.read()[-3000:]
        root.run("cd /root/kodo-*/b && make -s uninstall && ! ls /usr/local/bin/kodo* /usr/local/share/kodo/conf/*/* 2>/dev/null")


def is_free(port):
    try:
        kodotest.http_request(port, "GET", "/", timeout=1)
    except OSError:
        return True
    return False


def total(port, base_path):
    return kodotest.http_request(port, "GET", base_path + "/flows?pp=1").json()["total"]


# by the program's own name: no rewriting, what follows is PATH_INFO
BASE = "/kodo/kodo.fcgi"
HTTPD = """
server.port = {port}
server.bind = "localhost"
server.username = "{name}"
server.document-root = "/home/{name}/public_html"
server.modules = ( "mod_cgi" )
cgi.assign = ( ".fcgi" => "" )
server.http-parseopts = ( "url-normalize" => "disable", "method-get-body" => "enable" )
"""


def test_shared_host(tarball, work):
    """Three homes, a web server, and none of our libraries."""
    ports = {name: kodotest.free_port() for name in ("3366", "3367", "3368")}
    with Chroot(work, "shared") as root:
        root.run("apt-get -q update && apt-get -q install -y --no-install-recommends lighttpd")
        gone = root.run("ls /usr/lib/x86_64-linux-gnu | grep -E '^lib(json-c|yaml|lmdb|utf8proc|fcgi|curl)' || true")
        assert gone == "", gone
        shutil.copy(tarball, os.path.join(root.path, "root", "kodo.tar.gz"))
        for name, old in (("node", "3366"), ("registry", "3367"), ("provider", "3368")):
            root.run(f"useradd -m {name} && chmod 755 /home/{name} && cd /home/{name} && su {name} -s /bin/sh -c 'tar -xz' </root/kodo.tar.gz")
            with open(os.path.join(CONF, f"{name}.yaml"), encoding="utf-8") as f:
                text = walkthrough_ports(f.read(), ports)
            # its address is that of the program now, and a shared host has its state beside its loader
            text = re.sub(r"(http://localhost:\d+)", rf"\1{BASE}", text)
            text = re.sub(r"\./data/\d+\.json", "./data/cache.json", text)
            loader = os.path.join(root.path, "home", name, "kodo", "kodo.yaml")
            with open(loader, "w", encoding="utf-8") as f:
                f.write(text)
            conf = f"/root/{name}.conf"
            with open(root.path + conf, "w", encoding="ascii") as f:
                f.write(HTTPD.format(port=ports[old], name=name))
            root.start("lighttpd", "-D", "-f", conf)
        kodotest.wait_until(lambda: kodotest.http_request(ports["3367"], "GET", BASE + "/").status == 200, 20, "the registry answers")
        for name in ("node", "provider"):
            root.run(f"su {name} -s /bin/sh -c '$HOME/kodo/kodo-reconnect --once'")                    # cron
        kodotest.wait_until(lambda: total(ports["3367"], BASE) == 55, 30, "55 flows at the registry")
        found = kodotest.http_request(ports["3367"], "GET", BASE + "/flows?q=newsletter").json()
        assert found["filtered"] > 0 and BASE in json.dumps(found["items"]), found
        root.run("su registry -s /bin/sh -c '$HOME/kodo/kodo check --hosted'")
        root.run("su node -s /bin/sh -c '$HOME/kodo/kodo-reconnect --probe'")
        assert kodotest.http_request(ports["3366"], "DELETE", BASE + "/connect").status == 204


def main():
    dist, shared, work = map(os.path.abspath, sys.argv[1:])
    os.makedirs(work, exist_ok=True)
    failed = 0
    for test, tarball in ((test_dist, dist), (test_shared_host, shared)):
        began = time.monotonic()
        try:
            test(tarball, work)
            print(f"ok   {test.__name__} {time.monotonic() - began:.1f} s", flush=True)
        except AssertionError as error:
            failed += 1
            print(f"FAIL {test.__name__}: {error}", flush=True)
    print(f"{2 - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
