"""What the tests of a cluster share: members of etcd on unix sockets, and machines, each a `kodo service` of one registry.

etcd is Debian's (./autogen.sh --deps-cluster), started with the flags of conf/cluster/etcd.service.
"""
import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import kodotest  # noqa: E402
from kodotest import RECONNECT, Service, children, connect_body, end, flow, free_port, http_request, node, wait_until  # noqa: E402,F401

# as in conf/cluster/etcd.service
FLAGS = ["--snapshot-count", "1000", "--pre-vote", "--experimental-initial-corrupt-check"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("etcd", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Etcd:
    """One member. Its client socket is etcd.sock:0 in its folder."""

    def __init__(self, folder, name, peers, quota=2147483648, within=()):
        """within: a command that starts it, as in a network of its own."""
        self.folder, self.name, self.peers, self.quota, self.within = folder, name, peers, quota, list(within)
        os.makedirs(folder, exist_ok=True)
        self.socket = os.path.join(folder, "etcd.sock:0")
        self.process = None

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        log = open(os.path.join(self.folder, "etcd.log"), "ab")
        self.process = subprocess.Popen(
            self.within + ["etcd", "--name", self.name, "--data-dir", "data", "--listen-client-urls", "unix://etcd.sock:0",
             "--advertise-client-urls", "unix://etcd.sock:0", "--listen-peer-urls", self.peers[self.name],
             "--initial-advertise-peer-urls", self.peers[self.name], "--initial-cluster",
             ",".join(f"{name}={url}" for name, url in self.peers.items()), "--initial-cluster-token", "kodo",
             "--quota-backend-bytes", str(self.quota)] + FLAGS,
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        log.close()
        return self

    @property
    def endpoint(self):
        return "unix://" + self.socket

    def call(self, path, body=None, timeout=3):
        connection = UnixConnection(self.socket, timeout)
        try:
            connection.request("GET" if body is None else "POST", path, body=None if body is None else json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def is_healthy(self):
        return self.call("/health")["health"] == "true"

    def status(self):
        return self.call("/v3/maintenance/status", {})

    def is_leader(self):
        status = self.status()
        return status.get("leader") == status["header"]["member_id"]

    def revision(self):
        return int(self.call("/v3/kv/range", {"key": "AA=="})["header"]["revision"])

    def range(self, prefix, **more):
        key = base64.b64encode(prefix.encode()).decode()
        stop = base64.b64encode(prefix[:-1].encode() + bytes([ord(prefix[-1]) + 1])).decode()
        return self.call("/v3/kv/range", {"key": key, "range_end": stop, **more}).get("kvs", [])

    def keys(self, prefix):
        return [base64.b64decode(kv["key"]).decode() for kv in self.range(prefix, keys_only=True)]

    def values(self, prefix):
        return [base64.b64decode(kv["value"]).decode() for kv in self.range(prefix)]

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def log(self):
        return open(os.path.join(self.folder, "etcd.log"), encoding="utf-8", errors="replace").read()


class Network:
    """A bridge of its own, and behind it a network for each address, or member of n of etcd, whose links can be cut."""

    def __init__(self, n, addresses=None):
        addresses = addresses or [f"10.213.77.{i}" for i in range(1, n + 1)]
        self.tag = f"k{os.getpid() % 100000:x}"
        self.names = [f"{self.tag}n{i}" for i in range(1, n + 1)]
        run("ip", "link", "add", f"{self.tag}b", "type", "bridge")
        run("ip", "link", "set", f"{self.tag}b", "up")
        for i, (name, address) in enumerate(zip(self.names, addresses), 1):
            run("ip", "netns", "add", name)
            run("ip", "link", "add", f"{self.tag}v{i}", "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "link", "set", f"{self.tag}v{i}", "master", f"{self.tag}b", "up")
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")

    def cut(self, i, way="both"):
        """Its link; or one way of it: a queue in which no packet has room is before the one end or the other."""
        drop = ("root", "tbf", "rate", "8bit", "burst", "10", "limit", "1")
        if way == "mute":
            run("tc", "-n", self.names[i - 1], "qdisc", "add", "dev", "eth0", *drop)
        elif way == "deaf":
            run("tc", "qdisc", "add", "dev", f"{self.tag}v{i}", *drop)
        else:
            run("ip", "link", "set", f"{self.tag}v{i}", "down")

    def heal(self, i, way="both"):
        if way == "mute":
            run("tc", "-n", self.names[i - 1], "qdisc", "del", "dev", "eth0", "root")
        elif way == "deaf":
            run("tc", "qdisc", "del", "dev", f"{self.tag}v{i}", "root")
        else:
            run("ip", "link", "set", f"{self.tag}v{i}", "up")

    def end(self):
        for i, name in enumerate(self.names, 1):
            run("ip", "link", "del", f"{self.tag}v{i}")     # with its network it would go some time later
            run("ip", "netns", "del", name)
        run("ip", "link", "del", f"{self.tag}b")


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def make_etcd(folder, n=3, network=None, **more):
    names = [f"e{i}" for i in range(1, n + 1)]
    if network is None:
        peers = {name: f"http://127.0.0.1:{free_port()}" for name in names}
        within = [()] * n
    else:
        peers = {name: f"http://10.213.77.{i}:2380" for i, name in enumerate(names, 1)}
        within = [("ip", "netns", "exec", name) for name in network.names]
    members = [Etcd(os.path.join(folder, name), name, peers, within=w, **more) for name, w in zip(names, within)]
    for member in members:
        member.start()
    for member in members:
        wait_until(member.is_healthy, 20, f"{member.name} is healthy")
    return members


class Machine(Service):
    """One machine of the registry at url."""

    def __init__(self, folder, name, url, endpoints, **options):
        os.makedirs(folder, exist_ok=True)
        port = free_port()
        super().__init__(folder, {
            "url": url, "listen": f"127.0.0.1:{port}", "machine": name, "machine_url": f"http://127.0.0.1:{port}",
            "cluster": ",".join(endpoints), "cache_data": "./data/s.json", "log_file": "./data/kodo.log",
            "screen_level": "INFO", "private": True, **options}, port=port)
        self.name = name

    def state_path(self):
        return os.path.join(self.cwd, "data", "s.lmdb")

    def status(self):
        """Facts of cluster.status; members in a list."""
        facts = {"members": []}
        at = facts
        for line in open(os.path.join(self.state_path(), "cluster.status"), encoding="utf-8"):
            name, _, value = line.rstrip("\n").partition("=")
            if name == "member":
                at = {}
                facts["members"].append(at)
            else:
                at[name] = value
        return facts

    def engine(self):
        """The pid of the process of the log."""
        return self.pid("cluster.lock")

    def runner(self):
        return self.pid("runner.lock")

    def pid(self, lock):
        """Of whom a lock file names; who takes it over empties it first."""
        with open(os.path.join(self.state_path(), lock), encoding="utf-8") as f:
            return int(wait_until(lambda: f.seek(0) or f.read(), 5, f"{lock} names nobody").split()[0])

    def leads(self):
        return self.status()["token"] != "0"

    def log(self):
        return open(os.path.join(self.cwd, "data", "kodo.log"), encoding="utf-8", errors="replace").read()

    def check(self):
        """What kodo check says of its state."""
        return subprocess.run([kodotest.KODO, "check", "--state", self.state_path()], capture_output=True, text=True, timeout=60).stdout

    def urls(self):
        """Of all nodes that it shows."""
        return {n["url"] for n in self.get("/connect").json()["nodes"]}


class Cluster:
    """n machines and as many members of etcd."""

    def __init__(self, folder, n=3, url="http://registry.test", quota=2147483648, network=None, **options):
        self.folder = folder
        self.etcd = make_etcd(os.path.join(folder, "etcd"), n, network, quota=quota)
        self.machines = []
        for i in range(n):
            # of a network of its own a machine reaches its member alone, as it is set up in conf/cluster
            ends = [self.etcd[(i + k) % n].endpoint for k in range(n if network is None else 1)]
            self.machines.append(Machine(os.path.join(folder, f"m{i + 1}"), f"m{i + 1}", url, ends, **options))

    def start(self):
        for machine in self.machines:
            machine.start(30)
        return self

    def leader(self):
        return next((m for m in self.machines if m.leads()), None)

    def end(self):
        for machine in self.machines:
            with contextlib.suppress(Exception):
                os.kill(machine.engine(), signal.SIGKILL)
            machine.kill()
        for member in self.etcd:
            member.kill()


@contextlib.contextmanager
def cluster(folder, n=3, **more):
    c = Cluster(str(folder), n, **more)
    try:
        yield c.start()
    finally:
        c.end()


# --- what is looked at ---

def digest(machine):
    """Of the state, by the machine's own program."""
    text = subprocess.run([machine.program, "cluster", "digest", "--state", machine.state_path()],
                          capture_output=True, text=True, timeout=30, check=True).stdout
    revision, value = text.split()
    return int(revision), value


def same_digests(machines):
    """At one revision, of all that were found at it, as the log goes on meanwhile; or all, where it does not."""
    at = {}
    for _ in range(60):
        found = [digest(m) for m in machines]
        if len({value for _, value in found}) == 1:
            return True
        for m, (revision, value) in zip(machines, found):
            at.setdefault(revision, {})[m.name] = value
            assert len(set(at[revision].values())) == 1, (revision, at[revision])
        if any(len(values) == len(machines) for values in at.values()):
            return True
    return False


def commits(machine):
    """How many its state has had: the number of the last one, in either of LMDB's two meta pages."""
    with open(os.path.join(machine.state_path(), "data.mdb"), "rb") as f:
        pages = f.read(8192)
    return max(struct.unpack_from("=Q", pages, page + 144)[0] for page in (0, 4096))


class Writer(threading.Thread):
    """Connects as one provider after the other, at any machine, until it is told to end; what was acknowledged it notes."""

    def __init__(self, c, number):
        super().__init__(daemon=True)
        self.cluster, self.number = c, number
        self.acknowledged, self.refused, self.ended = [], 0, threading.Event()
        self.times = []
        self.answers = {}           # of those that refused, by status

    def run(self):
        k = 0
        while not self.ended.is_set():
            url = f"http://w{self.number}-{k}.test"
            machine = self.cluster.machines[(self.number + k) % len(self.cluster.machines)]
            k += 1
            began = time.monotonic()
            try:
                answer = machine.post("/connect", connect_body(url, flows=1), timeout=12)
            except OSError:
                self.refused += 1
                time.sleep(0.05)
                continue
            if answer.status == 201:
                self.acknowledged.append(url)
                self.times.append((began, time.monotonic()))
            else:
                self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
                self.refused += 1
                time.sleep(0.05)


def gap(writers, since):
    """The longest time without an acknowledgement since then."""
    ends = sorted(end for w in writers for _, end in w.times if end > since)
    return max((b - a for a, b in zip([since] + ends, ends)), default=0)


def victims(c):
    """What can be killed: name, and how it is found."""
    found = []
    for m in c.machines:
        found += [(f"{m.name} engine", m.engine), (f"{m.name} runner", m.runner),
                  (f"{m.name} worker", lambda m=m: next(p for p in children(m.process.pid) if is_worker(p)))]
    return found


def is_worker(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        return f.read().split(b"\0")[0] == b"kodo"


def kill_one(c, rng):
    which = rng.choice(["engine", "runner", "worker", "etcd", "etcd"])
    if which == "etcd":
        member = rng.choice(c.etcd)
        member.kill()
        time.sleep(rng.random())
        member.start()
        wait_until(member.is_healthy, 20, "etcd is healthy again")
        return f"etcd {member.name}"
    name, find = rng.choice([v for v in victims(c) if v[0].endswith(which)])
    try:
        os.kill(find(), signal.SIGKILL)
    except (ProcessLookupError, StopIteration, FileNotFoundError, IndexError):
        pass
    return name


def connect(machine, url, **more):
    answer = machine.post("/connect", connect_body(url, flows=1), **more)
    assert answer.status == 201, answer
    return int(answer.headers["kodo-revision"])


def stop(machine):
    """The whole machine, at once, as by a power cut."""
    os.kill(machine.engine(), signal.SIGKILL)
    machine.kill()


def leb128(n):
    out = bytearray()
    while True:
        out.append(n & 127 | (128 if n > 127 else 0))
        n >>= 7
        if n == 0:
            return bytes(out)


def propose(machine, entry, token):
    """An entry into the log by the machine's socket: what became of it (enum kodo_err), at which revision."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(os.path.join(machine.state_path(), "cluster.sock"))
        s.sendall(struct.pack("=IIQ", len(entry), 0, token) + entry)
        head = b""
        while len(head) < 16:
            head += s.recv(16 - len(head))
        _, err, revision = struct.unpack("=IIQ", head)
        return err, revision


# --- a long log ---

NUMBER, TURN = b"12345678", b"87654321"
URLS = 20000


def sample(machine, member):
    """An entry of an owner with five flows, as it is in the log, in which NUMBER and TURN may be others: its key, its value."""
    number, url = NUMBER.decode(), f"http://w{NUMBER.decode()}.test"
    flows = [flow(i, name=f"{number} flow {i}") for i in range(5)]
    answer = machine.post("/connect", connect_body(url, nodes=[node(url, flows, organization=f"Turn {TURN.decode()}")]))
    assert answer.status == 201, answer
    keys = {"key": base64.b64encode(b"k/kodo/log/").decode(), "range_end": base64.b64encode(b"k/kodo/log0").decode()}
    kvs = [(base64.b64decode(kv["key"]), base64.b64decode(kv["value"])) for kv in member.call("/v3/kv/range", keys)["kvs"]]
    return next((key, value) for key, value in kvs if NUMBER in value and TURN in value)


def fill(c, key, value, entries, bad=None):
    """So many entries into the log, each a revision, as eight other machines would propose them; one that is none, if it is bad.
    The revision of that, or of the last one."""
    head, digits, revisions = b"/".join(key.split(b"/")[:3]), len(key.split(b"/")[-1]), {}

    def put(machine):
        connection = UnixConnection(c.etcd[0].socket, 30)
        for n in range(machine, entries, 8):
            body = b"E?" if n == bad else value.replace(NUMBER, b"%08d" % (n % URLS)).replace(TURN, b"%08d" % n)
            name = head + b"/filler%d/0123456789abcdef/%0*d" % (machine, digits, n // 8)
            entry = {"key": base64.b64encode(name).decode(), "value": base64.b64encode(body).decode()}
            connection.request("POST", "/v3/kv/put", body=json.dumps(entry))
            revisions[n] = int(json.loads(connection.getresponse().read())["header"]["revision"])
        connection.close()

    threads = [threading.Thread(target=put, args=(machine,)) for machine in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(revisions) == entries
    return revisions[bad] if bad is not None else max(revisions.values())
