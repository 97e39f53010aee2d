"""Three hosts as conf/cluster has them: each a systemd that boots in a container with an address of its own, and before them a balancer,
started with the very files. Root.
"""
import contextlib
import ctypes
import http.client
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "hosts"))
from clustertest import Network, kodotest  # noqa: E402
from kodotest import children, end, wait_until  # noqa: E402
import systemd  # noqa: E402
from systemd import run  # noqa: E402

CONF = os.path.join(kodotest.SRCDIR, "conf", "cluster")
NAME = "registry.example.org"
BALANCER = "10.0.0.9"           # as in conf/cluster/kodo.yaml
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def conf(name):
    return open(os.path.join(CONF, name), encoding="utf-8").read()


@contextlib.contextmanager
def within(network):
    """This thread in that network: sockets made meanwhile stay in it."""
    def enter(path):
        with open(path, "rb") as f:
            if libc.setns(f.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
    home = f"/proc/self/task/{threading.get_native_id()}/ns/net"
    with open(home, "rb") as f:
        enter(f"/run/netns/{network}")
        try:
            yield
        finally:
            libc.setns(f.fileno(), CLONE_NEWNET)


class Connection(http.client.HTTPConnection):
    def __init__(self, network, address, port, timeout):
        super().__init__(address, port, timeout=timeout)
        self.network = network

    def connect(self):
        with within(self.network):
            super().connect()


class Site:
    """What answers at an address, for who asks from a network."""

    def __init__(self, network, address, port):
        self.network, self.address, self.port = network, address, port
        self.slowest = 0        # seconds that a request took

    def request(self, method, target, headers=None, body=None, timeout=30):
        began = time.monotonic()
        connection = Connection(self.network, self.address, self.port, timeout)
        try:
            connection.request(method, target, body=kodotest.body_bytes(body), headers={"Host": NAME, **(headers or {})})
            answer = connection.getresponse()
            data = answer.read()
        except http.client.HTTPException as e:
            raise OSError(str(e)) from e
        finally:
            connection.close()
            self.slowest = max(self.slowest, time.monotonic() - began)
        return kodotest.Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, data, seconds=time.monotonic() - began)

    def get(self, target, **more):
        return self.request("GET", target, **more)

    def post(self, target, body, **more):
        return self.request("POST", target, body=body, **more)

    def urls(self):
        return {n["url"] for n in self.get("/connect").json()["nodes"]}

    def answers(self):
        with contextlib.suppress(OSError):
            return self.get("/").status == 200
        return False


class Host(Site):
    """mI at 10.0.0.I: kodo-etcd.service and kodo.service, installed as README says."""

    def __init__(self, hosts, number):
        self.number, self.name, self.hosts, self.process = number, f"m{number}", hosts, None
        super().__init__(hosts.network.names[3], f"10.0.0.{number}", 3366)
        self.root = hosts.overlay(self.name, f"{hosts.work}/base.upper:/")
        members = ",".join(f"m{n}=https://10.0.0.{n}:2380" for n in (1, 2, 3))
        shutil.copy(f"{CONF}/etcd.service", f"{self.root}/etc/systemd/system/kodo-etcd.service")
        os.makedirs(f"{self.root}/etc/kodo")
        self.put("/etc/kodo/etcd.env", f"NAME={self.name}\nPEER=https://{self.address}:2380\nMEMBERS={members}\n")
        self.put("/srv/kodo/kodo.yaml", conf("kodo.yaml").replace("10.0.0.1:", f"{self.address}:").replace("machine: m1", f"machine: {self.name}"))
        hosts.certify(self)
        run("chroot", self.root, "chown", "-R", "kodo:kodo", "/etc/kodo", "/srv/kodo")
        run("systemctl", f"--root={self.root}", "enable", "kodo-etcd.service", "kodo.service")

    def put(self, path, text):
        with open(self.root + path, "w", encoding="utf-8") as f:
            f.write(text)

    def boot(self):
        hierarchy = "1" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "0"
        with open(f"{self.hosts.work}/{self.name}.console", "ab") as console:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "-q", "-D", self.root, "-M", f"kodo-{os.getpid()}-{self.name}", "--register=no", "--keep-unit",
                 "--network-namespace-path", f"/run/netns/{self.hosts.network.names[self.number - 1]}", "--link-journal=no",
                 "--console=pipe", "-b"],
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": hierarchy}, stdin=subprocess.DEVNULL, stdout=console,
                stderr=console, start_new_session=True)

    def run(self, *command):
        """As root of the host."""
        return run("nsenter", "-t", str(children(self.process.pid)[0]), "-m", "-u", "-i", "-p", "env", "-i",
                   "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *command)

    def pid(self, name):
        """As the host counts: what cluster.lock, runner.lock of the state name."""
        return self.run("cut", "-d ", "-f1", f"/srv/kodo/data/registry.lmdb/{name}.lock").strip()

    def kill(self):
        """At once, as by a power cut, where its link is cut before."""
        if self.process is not None and self.process.poll() is None:
            for pid in children(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            end(self.process, 20)

    def journal(self, n=60):
        return self.run("journalctl", "--no-pager", "-n", str(n))


class Hosts:
    def __init__(self, work, builddir):
        self.work = work
        os.makedirs(work, exist_ok=True)
        self.network, self.hosts, self.mounts = None, [], []
        self.mount("-t", "tmpfs", "tmpfs", work)
        self.network = Network(4, ["10.0.0.1", "10.0.0.2", "10.0.0.3", BALANCER])
        systemd.install(self.overlay("base", "/"), builddir)
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.crt",
                     "-subj", "/CN=ca", "-days", "2")
        self.hosts = [Host(self, n) for n in (1, 2, 3)]

    def mount(self, *arguments):
        run("mount", *arguments)
        self.mounts.append(arguments[-1])

    def overlay(self, name, lower):
        for part in ("upper", "work", "root"):
            os.mkdir(f"{self.work}/{name}.{part}")
        at = f"{self.work}/{name}"
        self.mount("-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={at}.upper,workdir={at}.work", f"{at}.root")
        return f"{at}.root"

    def openssl(self, *arguments):
        run("openssl", *arguments, cwd=self.work)

    def certify(self, host):
        """Its certificate, by the authority of all three."""
        with open(f"{self.work}/san", "w", encoding="ascii") as f:
            f.write(f"subjectAltName=IP:{host.address}\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{host.root}/etc/kodo/peer.key",
                     "-out", "csr", "-subj", f"/CN={host.name}")
        self.openssl("x509", "-req", "-in", "csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san",
                     "-out", f"{host.root}/etc/kodo/peer.crt")
        shutil.copy(f"{self.work}/ca.crt", f"{host.root}/etc/kodo/")

    def start(self):
        for host in self.hosts:
            host.boot()
        for host in self.hosts:
            wait_until(host.answers, 120, f"{host.name} answers", pause=0.2)
        return self

    def end(self):
        for host in self.hosts:
            host.kill()
        if self.network is not None:
            self.network.end()
        for path in reversed(self.mounts):
            run("umount", "-l", path)


# --- balancers ---

@contextlib.contextmanager
def balancer(hosts, which):
    """nginx or haproxy with its file of conf/cluster, at its address."""
    folder = f"{hosts.work}/{which}"
    os.makedirs(folder, exist_ok=True)
    text = conf({"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}[which])
    if which == "nginx":
        text = f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{text}\n}}\n"
    with open(f"{folder}/conf", "w", encoding="utf-8") as f:
        f.write(text)
    command = {"nginx": ["nginx", "-p", folder, "-c", f"{folder}/conf"], "haproxy": ["haproxy", "-db", "-f", f"{folder}/conf"]}[which]
    with open(f"{folder}/screen", "ab") as screen:
        process = subprocess.Popen(["ip", "netns", "exec", hosts.network.names[3]] + command, stdin=subprocess.DEVNULL, stdout=screen,
                                   stderr=screen, start_new_session=True)
    site = Site(hosts.network.names[3], BALANCER, 80)
    try:
        wait_until(lambda: process.poll() is None and site.answers(), 20, f"{which} answers")
        yield site
    finally:
        end(process, 10)
