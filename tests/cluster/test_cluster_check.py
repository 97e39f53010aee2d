"""What kodo check says of a cluster, each fault provoked: make check-cluster."""
import contextlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, Machine, cluster, connect, kodotest, stop  # noqa: E402
from kodotest import connect_body, wait_until  # noqa: E402
from test_cluster_clocks import Clocks  # noqa: E402


def found(machine, *where):
    """Its lines about the cluster, as the admin asks: by the loader."""
    done = subprocess.run([kodotest.KODO, "check", *(where or [machine.loader])], capture_output=True, text=True, timeout=60, cwd=machine.cwd)
    return "\n".join(line for line in done.stdout.splitlines() if "cluster: " in line)


class Version(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"etcdserver": "3.5.1", "etcdcluster": "3.5.0"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def begun(machine):
    """A service that waits for its cluster."""
    machine.write_loader()
    with open(machine.screen_path, "ab") as screen:
        machine.process = subprocess.Popen([machine.program, "service", machine.loader], cwd=machine.cwd, env=machine.env,
                                           stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, start_new_session=True)
    try:
        yield
    finally:
        machine.kill()


def test_what_is_wrong_before_a_first_start(tmp_path):
    sockets = tmp_path / "sockets"
    machine = Machine(str(tmp_path / "m"), "m1", "http://registry.test", [f"unix://{sockets}/etcd.sock:0", "http://10.0.0.9:2379"])
    machine.write_loader()
    said = found(machine)
    assert f"{sockets} cannot be entered" in said and "10.0.0.9:2379 is reached over the network" in said, said
    sockets.mkdir(mode=0o755)
    assert f"nobody listens at {sockets}/etcd.sock:0" in found(machine) and f"everybody may enter {sockets}" in found(machine)
    sockets.chmod(0o750)
    assert "everybody" not in found(machine)
    if os.geteuid() == 0:
        assert "may not write" not in found(machine), "root may"


def test_an_etcd_that_loses_what_it_has_acknowledged_is_refused(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Version)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    machine = Machine(str(tmp_path / "m"), "m1", "http://registry.test", [f"http://127.0.0.1:{server.server_port}"])
    try:
        with begun(machine):
            for where in ([], ["--state", machine.state_path()]):
                wait_until(lambda: "error   cluster: etcd 3.5.1 may lose what it has acknowledged: install 3.5.3" in found(machine, *where), 10)
                assert "ok " not in found(machine, *where)
            assert machine.status()["stopped"].startswith("etcd 3.5.1")
    finally:
        server.shutdown()
        server.server_close()


def test_clocks_that_differ_and_those_that_do_not(tmp_path):
    c = Cluster(str(tmp_path), retry=0)
    clocks = Clocks(c)
    try:
        c.start()
        one, two, three = c.machines
        wait_until(lambda: "cluster: 3 machines" in found(one), 20)
        clocks.set(two, 90)
        wait_until(lambda: "the clock of m2 and that of this machine differ by" in found(one), 20)
        assert "the clock of m3" not in found(one)
        clocks.set(two, 0)
        wait_until(lambda: "the clock of" not in found(one), 20)
        # who hears nothing any more has old times of the others
        c.etcd[1].kill()
        c.etcd[2].kill()
        wait_until(lambda: "no majority of etcd answers" in found(one), 30)
        time.sleep(35)
        assert "the clock of" not in found(one) and "no majority" in found(one), found(one)
    finally:
        c.end()


def test_a_quota_and_its_alarm(tmp_path):
    """With the quota that the option names; the remedy is done as it is said."""
    with cluster(tmp_path, n=1, quota=64 << 20, cluster_quota_mib=64, retry=0) as c:
        machine, member = c.machines[0], c.etcd[0]
        wait_until(lambda: "no other machine is there" in found(machine), 20)
        for _ in range(52):
            assert "error" not in member.call("/v3/kv/put", {"key": "eA==", "value": "QUFB" * 333333})
        wait_until(lambda: "of a quota of 64: defragment it" in found(machine), 45)
        while "error" not in member.call("/v3/kv/put", {"key": "eA==", "value": "QUFB" * 333333}):
            pass
        said = wait_until(lambda: [line for line in found(machine).splitlines() if "over its quota" in line], 45)[0]
        assert all(f"etcdctl {call}" in said for call in ("compaction REVISION", "defrag", "alarm disarm")), said
        member_id = said.split("memberID ")[1].rstrip(")")
        member.call("/v3/kv/compaction", {"revision": str(member.revision()), "physical": True})
        member.call("/v3/maintenance/defragment", {}, timeout=20)
        member.call("/v3/maintenance/alarm", {"action": "DEACTIVATE", "memberID": member_id, "alarm": "NOSPACE"})
        wait_until(lambda: "its quota" not in found(machine) and "quota of" not in found(machine), 60)
        wait_until(lambda: machine.post("/connect", connect_body("http://after.test")).status == 201, 10, "it takes writes again", pause=0.5)


def test_a_corrupt_member(tmp_path):
    """Its alarm is none of room: nobody is told to defragment."""
    with cluster(tmp_path, n=1, retry=0) as c:
        machine, member = c.machines[0], c.etcd[0]
        connect(machine, "http://before.test")
        member_id = member.status()["header"]["member_id"]
        member.call("/v3/maintenance/alarm", {"action": "ACTIVATE", "memberID": member_id, "alarm": "CORRUPT"})
        wait_until(lambda: f"member remove {int(member_id):x}" in found(machine), 45)
        assert "quota" not in found(machine)
        assert machine.post("/connect", connect_body("http://refused.test")).status == 503 and machine.urls() == {"http://before.test"}
        member.call("/v3/maintenance/alarm", {"action": "DEACTIVATE", "memberID": member_id, "alarm": "CORRUPT"})
        wait_until(lambda: machine.post("/connect", connect_body("http://after.test")).status == 201, 20, "it takes writes again", pause=0.5)
        wait_until(lambda: "CORRUPT" not in found(machine) and "member remove" not in found(machine), 45)


def test_what_is_ordered_by_hand(tmp_path):
    """kodo cluster: a quiet cluster has nobody behind; what cannot be done is refused, and says why."""
    def kodo(machine, *words):
        return subprocess.run([kodotest.KODO, "cluster", *words, machine.loader], capture_output=True, text=True, timeout=30, cwd=machine.cwd)

    def behind(machine):
        return [m["behind"] for m in machine.get("/map?format=json").json()["cluster"]["members"]]

    def refuses(machine, *words):
        done = kodo(machine, *words)
        assert done.returncode == 1 and done.stdout == "", done
        return done.stderr

    with cluster(tmp_path, retry=0) as c:
        one, two, three = c.machines
        connect(one, "http://only.test")
        time.sleep(10)      # records of machines are revisions, too
        for _ in range(10):
            assert max(behind(one) + behind(two)) <= 1, behind(one)     # one that comes at the same time
            time.sleep(0.5)
        page = one.get("/status", headers={"Accept": "text/html"}).text()
        sender = next(m for m in c.machines if m.leads())
        rows = dict(re.findall(r'<bdi>(m\d)</bdi></th><td>([^<]*)</td>', page))
        assert rows == {m.name: "ready, sends to peers" if m is sender else "ready" for m in c.machines} and "<bdi>m1</bdi> answers.</p>" in page
        assert "that is no revision" in refuses(one, "skip", "x")
        assert "has not stopped at that revision" in refuses(one, "skip", "7")
        assert "no machine is called so" in refuses(one, "leave", "m9") and "end it first" in refuses(one, "leave", "m3")
        assert "the service runs" in refuses(one, "init")
        stop(three)
        assert "the process of the cluster does not run here" in refuses(three, "snapshot")
        wait_until(lambda: "the process of the log does not run: start kodo service" in found(three), 20)
        assert "<bdi>m3</bdi></th><td>gone" in one.get("/status", headers={"Accept": "text/html"}).text()
        assert "does not run, or hangs" in kodo(three, "status").stdout
        wait_until(lambda: kodo(one, "leave", "m3").returncode == 0, 20)
        for m in (one, two):
            wait_until(lambda: "m3" not in kodo(m, "status").stdout, 10, f"{m.name} has forgotten it")
        three.start(40)
        wait_until(lambda: kodo(one, "status").stdout.count(" ready ") == 3, 10)
