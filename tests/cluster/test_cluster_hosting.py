"""conf/cluster for real: its units on three hosts that boot, its nginx and its haproxy before them: make check-cluster K=hosting."""
import os
import sys
import time
import types

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Writer, connect, gap  # noqa: E402
from hosting import Hosts, balancer, run  # noqa: E402
from kodotest import wait_until  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="hosts that boot need root")
# seconds of what a machine had taken that vanishes: nginx waits for 10, haproxy until that machine has not been ready twice
LONGEST = {"nginx": 12, "haproxy": 8}
FAR = {"Kodo-Min-Revision": str(10 ** 12)}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    h = Hosts(str(tmp_path_factory.mktemp("hosting")), os.environ["BUILDDIR"])
    try:
        yield h.start()
    finally:
        h.end()


def balanced(which):
    return pytest.mark.parametrize("which", which)


def who(site):
    return site.get("/map", headers={"Accept": "application/json"}).json()["cluster"]["machine"]


def test_the_units_serve_and_start_again(hosts):
    first = hosts.hosts[0]
    for k, host in enumerate(hosts.hosts):
        assert host.run("systemctl", "is-active", "kodo", "kodo-etcd").split() == ["active"] * 2
        assert host.run("stat", "-c", "%U %a", "/run/kodo").split() == ["kodo", "750"]
        connect(host, f"http://u{k}.test")
    # with a /proc of its own, as the unit has: a container hides the number of the boot
    said = first.run("systemd-run", "-q", "--pipe", "--wait", "--collect", "-p", "User=kodo", "-p", "ProtectProc=invisible",
                     "/usr/local/bin/kodo", "check", "/srv/kodo/kodo.yaml")
    assert "error" not in said.lower(), said
    # each is killed, and then stopped and started by hand
    for command in (["systemctl", "kill", "-s", "KILL", "kodo-etcd"], ["systemctl", "restart", "kodo-etcd"],
                    ["systemctl", "kill", "-s", "KILL", "kodo"], ["systemctl", "restart", "kodo"]):
        first.run(*command)
        wait_until(lambda: first.run("systemctl", "show", "-P", "ActiveState", "kodo-etcd").strip() == "active", 30, f"{command}: etcd is there again")
        wait_until(first.answers, 40, f"{command}: it answers again", pause=0.2)
        wait_until(lambda: first.get("/health/ready").status == 200, 40, f"{command}: it is ready", pause=0.2)
        connect(first, f"http://{command[1]}-{command[-1]}.test")
    wait_until(lambda: len({frozenset(h.urls()) for h in hosts.hosts}) == 1 and len(first.urls()) == 7, 20, "all have it")


@balanced(["nginx", "haproxy"])
def test_who_reads_what_it_has_written_through_a_balancer(hosts, which):
    with balancer(hosts, which) as site:
        assert {who(site) for _ in range(12)} == {"m1", "m2", "m3"}, "each is asked"
        # of what is of the machines among themselves nothing is passed on
        assert site.get("/cluster/snapshot").status in (403, 404)
        assert hosts.hosts[0].get("/cluster/snapshot").status == 403
        for k in range(30):
            revision = connect(site, f"http://{which}{k}.test")
            answer = site.get("/connect", headers={"Kodo-Min-Revision": str(revision)})
            assert answer.status == 200 and int(answer.headers["kodo-revision"]) >= revision
            assert f"http://{which}{k}.test" in {n["url"] for n in answer.json()["nodes"]}
        # one does not follow the log for now: it is 1 s late, and another one answers
        late = hosts.hosts[2]
        late.run("kill", "-STOP", late.pid("cluster"))
        try:
            url = f"http://{which}-late.test"
            revision = connect(hosts.hosts[0], url)
            assert url not in late.urls()
            for _ in range(6):
                answer = site.get("/connect", headers={"Kodo-Min-Revision": str(revision)})
                assert answer.status == 200 and url in {n["url"] for n in answer.json()["nodes"]}, answer
        finally:
            late.run("kill", "-CONT", late.pid("cluster"))
        wait_until(lambda: late.get("/health/ready").status == 200, 30, "it follows again")


@balanced(["nginx", "haproxy"])
def test_nobody_takes_machines_out_by_what_cannot_be_answered(hosts, which):
    """A machine answers 503 to who wants a revision that is not there: it is well all the same."""
    with balancer(hosts, which) as site:
        for _ in range(2):
            assert site.get("/", headers=FAR).status == 503
            statuses = [site.get(path).status for path in ("/", "/flows", "/health/live") * 4]
            assert set(statuses) == {200}, statuses
        assert {who(site) for _ in range(12)} == {"m1", "m2", "m3"}, "each is asked"


@balanced(["nginx", "haproxy"])
@pytest.mark.parametrize("how", ["ends", "vanishes"])
def test_a_balancer_goes_on_when_a_machine_dies(hosts, which, how):
    with balancer(hosts, which) as site:
        # each begins its names with another number
        first = 100 * ["nginx", "haproxy"].index(which) + 10 * ["ends", "vanishes"].index(how)
        writers = [Writer(types.SimpleNamespace(machines=[site]), first + k) for k in range(8)]
        print(f"\n{which}, a machine {how}: {outlived(hosts, site, writers, how, LONGEST[which])}")


def outlived(hosts, site, writers, how, longest_s):
    for w in writers:
        w.start()
    wait_until(lambda: all(len(w.acknowledged) > 5 for w in writers), 20, "they write")
    dead = hosts.hosts[1]
    began, site.slowest = time.monotonic(), 0
    if how == "vanishes":
        hosts.network.cut(dead.number)
    dead.kill()
    time.sleep(12)
    for w in writers:
        w.ended.set()
    for w in writers:
        w.join(30)
    longest = gap(writers, began)
    refused = {}
    for w in writers:
        for status, n in w.answers.items():
            refused[status] = refused.get(status, 0) + n
    assert longest < 5 and site.slowest < longest_s, (longest, site.slowest, refused)
    if how == "vanishes":
        hosts.network.heal(dead.number)
    dead.boot()
    wait_until(dead.answers, 120, "it is back", pause=0.2)
    acknowledged = {url for w in writers for url in w.acknowledged}
    for host in hosts.hosts:
        wait_until(lambda: acknowledged <= host.urls(), 40, f"{host.name} has all that was acknowledged")
    wait_until(lambda: {who(site) for _ in range(12)} == {"m1", "m2", "m3"}, 60, "each is asked again")
    return (f"no write for {longest:.1f} s, the slowest took {site.slowest:.1f} s, {sum(w.refused for w in writers)} failed or were refused {refused}, "
            f"{len(acknowledged)} acknowledged")
