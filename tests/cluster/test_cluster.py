"""A registry on three machines with real etcd: make check-cluster."""
import base64
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, Network, Writer, cluster, connect, gap, kill_one, kodotest, leb128, propose, same_digests, stop  # noqa: E402
from kodotest import children, connect_body, wait_until  # noqa: E402

ROUNDS = int(os.environ.get("CLUSTER_ROUNDS", "8"))


def test_any_machine_takes_a_write_and_all_show_it(tmp_path):
    with cluster(tmp_path) as c:
        for k, machine in enumerate(c.machines):
            assert machine.post("/connect", connect_body(f"http://n{k}.test", flows=2)).status == 201
            assert machine.total() == 2 * (k + 1), "who answered shows it at once"
        for machine in c.machines:
            wait_until(lambda: machine.total() == 6, 2, f"{machine.name} shows all")
        assert wait_until(lambda: same_digests(c.machines), 10)
        greeting = [m.get("/").json() for m in c.machines]
        assert len({g["url"] for g in greeting}) == 1
        # the order of all, and so the ETag but for the build, is one
        wait_until(lambda: len({m.get("/connect").headers["etag"] for m in c.machines}) == 1, 10, "one ETag")
        assert sum(m.leads() for m in c.machines) == 1


def test_acknowledged_is_everywhere_whatever_is_killed(tmp_path):
    rng = random.Random(os.environ.get("CLUSTER_SEED"))
    with cluster(tmp_path) as c:
        writers = [Writer(c, k) for k in range(4)]
        for w in writers:
            w.start()
        killed = []
        for _ in range(ROUNDS):
            time.sleep(rng.random())
            killed.append(kill_one(c, rng))
        time.sleep(2)
        for w in writers:
            w.ended.set()
        for w in writers:
            w.join(30)
        acknowledged = {url for w in writers for url in w.acknowledged}
        assert len(acknowledged) > ROUNDS, [w.refused for w in writers]
        for m in c.machines:
            wait_until(lambda: acknowledged <= m.urls(), 20, f"{m.name} has all that was acknowledged, {killed}")
        wait_until(lambda: same_digests(c.machines), 20, f"digests equal after {killed}")
        print(f"\n{ROUNDS} kills, {len(acknowledged)} acknowledged, {sum(w.refused for w in writers)} refused {[w.answers for w in writers]}, "
              f"longest gap {gap(writers, writers[0].times[0][0]):.2f} s")


def compact(c):
    member = c.etcd[0]
    revision = member.revision()
    member.call("/v3/kv/compaction", {"revision": str(revision)})
    return revision


def test_whoever_was_away_longer_than_the_log_reaches_takes_a_snapshot(tmp_path):
    with cluster(tmp_path) as c:
        connect(c.machines[0], "http://before.test")
        away = c.machines[2]
        wait_until(lambda: "http://before.test" in away.urls(), 5)
        stop(away)
        for k in range(20):
            connect(c.machines[k % 2], f"http://meanwhile{k}.test")
        compact(c)
        away.start(30)
        wait_until(lambda: len(away.urls()) == 21, 20, "it has all of it")
        assert "took over the state of m" in away.log()
        connect(away, "http://after.test")
        wait_until(lambda: same_digests(c.machines), 20)


def test_a_registry_of_one_machine_becomes_one_of_three(tmp_path):
    c = Cluster(tmp_path)
    try:
        first = c.machines[0]
        cluster_of_it = first.options.pop("cluster")
        first.start()
        assert first.post("/connect", connect_body("http://old.test", flows=3)).status == 201
        assert first.get("/").headers.get("kodo-revision") is None
        # not while it runs: writes would stay here
        first.write_loader(cluster=cluster_of_it)
        wait_until(lambda: "start the service anew" in first.log(), 20, "the loader is refused")
        answer = first.post("/connect", connect_body("http://second.test", flows=1))
        assert answer.status == 201 and answer.headers.get("kodo-revision") is None
        first.stop()
        first.options["cluster"] = cluster_of_it
        c.start()
        for machine in c.machines:
            wait_until(lambda: "http://old.test" in machine.urls(), 20, f"{machine.name} has what was there")
        connect(c.machines[1], "http://new.test")
        wait_until(lambda: same_digests(c.machines), 20)
        # the first one on a new disk: the log has not what its state began with
        stop(first)
        subprocess.run(["rm", "-rf", first.state_path()], check=True)
        first.start(30)
        assert first.urls() == {"http://old.test", "http://second.test", "http://new.test"}
        wait_until(lambda: same_digests(c.machines), 20)
    finally:
        c.end()


def test_whoever_reads_what_it_has_written_at_another_machine_waits_for_it(tmp_path):
    with cluster(tmp_path) as c:
        for k in range(30):
            revision = connect(c.machines[k % 3], f"http://n{k}.test")
            there = c.machines[(k + 1) % 3]
            answer = there.get("/connect", headers={"Kodo-Min-Revision": str(revision)})
            assert answer.status == 200 and int(answer.headers["kodo-revision"]) >= revision
            assert f"http://n{k}.test" in {n["url"] for n in answer.json()["nodes"]}
        answer = c.machines[0].get("/", headers={"Kodo-Min-Revision": str(revision + 1000000)})
        assert answer.status == 503 and answer.headers["retry-after"] == "1" and answer.seconds > 0.9


def test_without_a_majority_reads_go_on_and_writes_are_refused(tmp_path):
    with cluster(tmp_path) as c:
        connect(c.machines[0], "http://before.test")
        c.etcd[1].kill()
        c.etcd[2].kill()
        wait_until(lambda: c.machines[0].status()["has_quorum"] == "0", 20, "it is noticed")
        began = time.monotonic()
        answer = c.machines[0].post("/connect", connect_body("http://refused.test"))
        assert answer.status == 503 and answer.headers["retry-after"] == "1", answer
        assert time.monotonic() - began < kodotest.CALM, "who waits here keeps others from reading"
        assert c.machines[0].urls() == {"http://before.test"}
        wait_until(lambda: c.machines[0].get("/health").status == 503, 20, "the balancer is told")
        shown = c.machines[0].get("/map").json()["cluster"]
        assert shown["quorum"] is False and shown["name"] == "kodo"
        for member in c.etcd[1:]:
            member.start()
        wait_until(lambda: c.machines[0].get("/health").status == 200, 30, "all is well again")
        wait_until(lambda: all(m.status()["has_quorum"] == "1" for m in c.machines), 30, "each has a majority")
        connect(c.machines[2], "http://after.test")
        wait_until(lambda: "http://refused.test" not in c.machines[0].urls() and
                   "http://after.test" in c.machines[0].urls(), 10)


def is_sender_s(key):
    """Of what comes of messages; the number of a process may begin with f, too."""
    return key.rpartition("/")[2].startswith("f")


def logged(member):
    """The urls of bodies in the log, each as often as it is there, in the order of the log; with the key."""
    found = member.call("/v3/kv/range", {"key": b64("k/kodo/log/"), "range_end": b64("k/kodo/log0")}, timeout=10)["kvs"]
    found = [(int(kv["mod_revision"]), base64.b64decode(kv["key"]).decode(), base64.b64decode(kv["value"])) for kv in found]
    urls = []
    for _, key, value in sorted(found):
        if value.startswith(b"P"):
            part = member.call("/v3/kv/range", {"key": b64(key.replace("/log/", "/part/") + "/000000")}, timeout=10)["kvs"][0]
            value = base64.b64decode(part["value"])
        url = re.search(rb"http://[qw][0-9]+\.test", value)
        if url is not None and not is_sender_s(key):     # that is what the sender says
            urls.append((url.group(0).decode(), key))
    return urls


def b64(text):
    return base64.b64encode(text.encode()).decode()


def kill_all_of(machine):
    """The machine's processes of kodo but for the one that starts them again, by kill -9."""
    engine = machine.engine()
    for pid in [engine] + children(machine.process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: machine.engine() != engine, 20, "the log is followed again")
    wait_until(lambda: answers(machine), 20, "it answers again")


def answers(machine):
    with contextlib.suppress(OSError):
        return machine.get("/").status == 200
    return False


def test_what_one_machine_takes_alone_comes_to_all_once_and_in_order(tmp_path):
    """durability: local. Two of three etcd are gone; who took bodies is killed in between, and again while they go into the log."""
    with cluster(tmp_path, metrics="public") as c:
        alone, other = c.machines[0], c.machines[1]
        connect(alone, "http://before.test")
        alone.stop()
        alone.options["durability"] = "local"
        alone.start(30)
        connect(alone, "http://w0.test")
        for member in c.etcd[1:]:
            member.kill()
        taken = []

        def take(k, body=None):
            url = f"http://q{k}.test"
            answer = alone.post("/connect", body or connect_body(url, flows=1), timeout=20)
            assert answer.status == 202, (url, answer)
            assert answer.json()["message"] == ["accepted here, not yet by the cluster"], answer
            assert answer.json()["idle"] is False and answer.json()["url"] == "http://registry.test"
            taken.append(url)

        take(0)         # under way when nobody takes it any more: it must not be there twice
        wait_until(lambda: alone.status()["has_quorum"] == "0", 20, "it is noticed")
        began = time.monotonic()
        for k in range(1, 40):
            take(k)
        take(40, connect_body("http://q40.test", flows=14000))      # in parts
        assert time.monotonic() - began < 60
        assert other.post("/connect", connect_body("http://refused.test")).status == 503
        assert alone.urls() == {"http://before.test", "http://w0.test"}, "not of the registry yet"
        wait_until(lambda: alone.get("/map").json()["cluster"]["queued"] == 41, 5)
        assert alone.get("/").json()["idle"] is False and alone.get("/health").json()["queued"] == 41
        assert "kodo_cluster_queued 41" in alone.get("/metrics").text()
        kill_all_of(alone)
        wait_until(lambda: alone.status()["has_quorum"] == "0", 30, "it is noticed again")
        assert alone.status()["queued"] == "41" and alone.get("/").json()["idle"] is False
        for k in range(41, 120):
            take(k)
        shown = subprocess.run([kodotest.KODO, "cluster", "status", "--state", alone.state_path()], capture_output=True, text=True)
        assert "not yet by the cluster: 120" in shown.stdout, shown
        queue = os.path.join(alone.state_path(), "queue.mdb")
        shutil.copy(queue, queue + ".kept")
        for member in c.etcd[1:]:
            member.start()
        wait_until(lambda: len(logged(c.etcd[0])) > 2, 40, "they go into the log", pause=0.01)
        stop(alone)
        alone.start(40)
        for m in c.machines:
            wait_until(lambda: set(taken) <= m.urls(), 40, f"{m.name} has all that was acknowledged")
        wait_until(lambda: alone.status()["queued"] == "0", 20)
        # as if it had been killed before any of them was removed
        stop(alone)
        os.rename(queue + ".kept", queue)
        alone.start(40)
        connect(alone, "http://w1.test")
        assert alone.status()["queued"] == "0", "the queue comes before what is new"
        order = logged(c.etcd[0])
        assert [url for url, _ in order] == ["http://w0.test"] + taken + ["http://w1.test"], order
        wait_until(lambda: all(m.get("/map").json()["cluster"]["queued"] == 0 for m in c.machines), 10)
        wait_until(lambda: alone.get("/").json()["idle"] is True, 30, "nothing is to come")
        wait_until(lambda: same_digests(c.machines), 30)


def test_one_sends_and_another_when_it_is_stopped(tmp_path):
    """SIGSTOP of who sends, for longer than its lease: what it says of messages after that is not taken."""
    with cluster(tmp_path) as c:
        wait_until(c.leader, 20, "one sends")
        first = c.leader()
        pids = [first.engine(), first.runner()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            second = wait_until(lambda: next((m for m in c.machines if m is not first and m.leads()), None), 20, "another one")
            taken = time.monotonic() - began
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        wait_until(lambda: not first.leads() and second.leads(), 15, "one sends")
        assert taken < 15
        wait_until(lambda: same_digests(c.machines), 20)
        print(f"\nanother machine sent after {taken:.1f} s")


def test_etcd_from_a_backup_is_refused(tmp_path):
    with cluster(tmp_path) as c:
        for k in range(10):
            connect(c.machines[k % 3], f"http://n{k}.test")
        # all ended first: a new member that meets one of the old cluster ends by itself
        for member in c.etcd:
            member.kill()
        for member in c.etcd:
            subprocess.run(["rm", "-rf", os.path.join(member.folder, "data")], check=True)
            member.start()
        wait_until(lambda: all(m.status()["stopped"] for m in c.machines), 30, "all refuse it")
        assert "restored from a backup" in c.machines[0].status()["stopped"]
        assert c.machines[1].post("/connect", connect_body("http://lost.test")).status == 503
        assert len(c.machines[1].urls()) == 10
        assert c.machines[1].get("/health").status == 503
        # the state of one machine begins a new cluster, and the others take it
        for m in c.machines:
            stop(m)
        wait_until(lambda: subprocess.run([kodotest.KODO, "cluster", "init", "--state", c.machines[1].state_path()]).returncode == 0, 10)
        for m in (c.machines[0], c.machines[2]):
            subprocess.run(["rm", "-rf", m.state_path()], check=True)
        wait_until(c.etcd[0].is_healthy, 20)
        c.etcd[0].call("/v3/kv/deleterange", {"key": "AA==", "range_end": "AA=="})
        for m in (c.machines[1], c.machines[0], c.machines[2]):
            m.start(30)
        for m in c.machines:
            wait_until(lambda: len(m.urls()) == 10, 20)
        connect(c.machines[2], "http://after.test")
        wait_until(lambda: same_digests(c.machines), 20)


def test_the_log_is_trimmed_behind_all_machines(tmp_path):
    with cluster(tmp_path) as c:
        for k in range(20):
            connect(c.machines[k % 3], f"http://n{k}.test")
        member = c.etcd[0]
        # what its sender said as well
        wait_until(lambda: any(is_sender_s(key) for key in member.keys("k/kodo/log/")), 20, "it sends")
        early = set(member.keys("k/kodo/log/"))
        assert len(early) >= 20
        # a machine that has told nothing for two days is gone, and not waited for
        key = base64.b64encode(b"k/kodo/member/m9").decode()
        record = f"member=\nname=m9\napplied=1\nseen_us={int((time.time() - 172800) * 1000000)}\nis_live=1\n"
        member.call("/v3/kv/put", {"key": key, "value": base64.b64encode(record.encode()).decode()})
        wait_until(lambda: all(any(one["name"] == "m9" for one in m.status()["members"]) for m in c.machines), 10)
        member.call("/v3/kv/deleterange", {"key": key})
        for _ in range(10100):      # revisions, of somebody else's
            member.call("/v3/kv/put", {"key": "eA==", "value": "eA=="})
        for k, m in enumerate(c.machines):
            connect(m, f"http://late{k}.test")      # these stay
        # a machine stores how far it is each 30 s, and trims each minute
        wait_until(lambda: not early & set(member.keys("k/kodo/log/")), 150, "it is trimmed", pause=1)
        wait_until(lambda: "the log now begins behind" in "".join(m.log() for m in c.machines), 20)
        connect(c.machines[1], "http://after.test")
        for m in c.machines:
            wait_until(lambda: len(m.urls()) == 24, 10)
        wait_until(lambda: same_digests(c.machines), 20)


def test_a_full_etcd_is_told_and_heals(tmp_path):
    with cluster(tmp_path, quota=2 * 1048576) as c:
        member = c.etcd[0]
        k = 0
        while "error" not in member.call("/v3/kv/put", {"key": "eA==", "value": "QUFB" * 50000}):
            k += 1
            assert k < 100
        answers = []

        def refuses():
            answers.append(c.machines[0].post("/connect", connect_body(f"http://r{len(answers)}.test")).status)
            return answers[-1] == 503

        wait_until(refuses, 10, "what is posted is refused")
        assert f"http://r{len(answers) - 1}.test" not in c.machines[0].urls()
        wait_until(lambda: c.machines[0].status()["n_alarms"] != "0", 10, "the status names the alarm")
        member.call("/v3/kv/compaction", {"revision": str(member.revision())})
        for e in c.etcd:
            e.call("/v3/maintenance/defragment", {}, timeout=20)
        for alarm in member.call("/v3/maintenance/alarm", {"action": "GET"}).get("alarms", []):
            member.call("/v3/maintenance/alarm", {"action": "DEACTIVATE", "memberID": alarm["memberID"], "alarm": "NOSPACE"})
        wait_until(lambda: c.machines[1].post("/connect", connect_body("http://after.test")).status == 201, 60, "it takes writes again",
                   pause=0.5)
        wait_until(lambda: "http://after.test" in c.machines[0].urls(), 60)
        wait_until(lambda: same_digests(c.machines), 30)


@pytest.mark.skipif(os.geteuid() != 0, reason="networks of their own need root")
@pytest.mark.parametrize("which", ["leader", "follower", "pair", "mute", "deaf"])
def test_a_part_of_the_network_is_cut_and_healed(tmp_path, which):
    """mute, deaf: the leader of etcd, of which nothing comes to the others, or to which nothing comes."""
    network = Network(3)
    way = which if which in ("mute", "deaf") else "both"
    try:
        with cluster(tmp_path, network=network) as c:
            wait_until(c.leader, 20, "one sends")
            leads = next(i for i, e in enumerate(c.etcd, 1) if e.is_leader())
            others = [i for i in (1, 2, 3) if i != leads]
            cut = {"follower": others[:1], "pair": others}.get(which, [leads])
            writers = [Writer(c, k) for k in range(4)]
            for w in writers:
                w.start()
            time.sleep(2)
            began = time.monotonic()
            for i in cut:
                network.cut(i, way)
            time.sleep(12)
            alone = [m for i, m in enumerate(c.machines, 1) if i in cut] if which != "pair" else c.machines
            for m in alone:
                answer = m.post("/connect", connect_body("http://alone.test"))
                assert answer.status == 503, (which, m.name, answer)
                assert m.get("/flows").status == 200
                wait_until(lambda: m.get("/health").status == 503, 15, "the balancer is told")
            now_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
            senders = [m.name for m in c.machines if m.leads() and int(m.status()["send_until_us"]) > now_us]
            assert len(senders) <= 1, senders
            for i in cut:
                network.heal(i, way)
            time.sleep(3)
            for w in writers:
                w.ended.set()
            for w in writers:
                w.join(30)
            acknowledged = {url for w in writers for url in w.acknowledged}
            for m in c.machines:
                wait_until(lambda: acknowledged <= m.urls(), 30, f"{m.name} has all that was acknowledged")
            wait_until(lambda: same_digests(c.machines), 30)
            print(f"\n{which}: {len(acknowledged)} acknowledged, {sum(w.refused for w in writers)} refused, longest gap "
                  f"{gap(writers, began - 1):.2f} s, senders in the cut {senders}")
    finally:
        network.end()


def test_check_names_what_is_wrong(tmp_path):
    def found(machine):
        return "\n".join(line for line in machine.check().splitlines() if "cluster: " in line)

    with cluster(tmp_path) as c:
        wait_until(lambda: "cluster: 3 machines" in found(c.machines[0]), 20)
        said = found(c.machines[0])
        assert "3.4 gets no repairs" in said and "everybody may enter" in said and "error" not in said, said
        c.machines[1].write_loader(timeout=7)
        wait_until(lambda: "the options of m2 are not those" in found(c.machines[0]), 30)
        stop(c.machines[2])
        wait_until(lambda: "machine m3 is gone" in found(c.machines[0]), 30)
        assert "neither may fail" in found(c.machines[0])
        c.etcd[1].kill()
        c.etcd[2].kill()
        wait_until(lambda: "no majority of etcd answers" in found(c.machines[0]), 30)
        shown = subprocess.run([kodotest.KODO, "cluster", "status", "--state", c.machines[0].state_path()], capture_output=True, text=True)
        assert shown.returncode in (0, 1) and "no majority" in shown.stdout, shown


def test_what_a_former_sender_says_is_not_taken(tmp_path):
    format_1, skip, conflict = 1, 29, 11
    with cluster(tmp_path) as c:
        wait_until(c.leader, 20, "one sends")
        token = int(c.leader().status()["token"])
        entry = b"".join(leb128(n) for n in (format_1, skip, int(time.time() * 1000000), 0, 0))
        before = set(c.etcd[0].keys("k/kodo/log/"))
        assert propose(c.machines[0], entry, token + 1)[0] == conflict
        assert propose(c.machines[0], entry, token - 1)[0] == conflict
        assert not [key for key in set(c.etcd[0].keys("k/kodo/log/")) - before if is_sender_s(key) and "/m1/" in key], "it is in no log"
        err, revision = propose(c.machines[0], entry, token)
        assert err == 0 and revision > 0


def test_a_body_larger_than_etcd_takes_goes_in_parts(tmp_path):
    with cluster(tmp_path) as c:
        body = connect_body("http://large.test", flows=14000)
        assert len(json.dumps(body)) > 1500000
        answer = c.machines[1].post("/connect", body)
        assert answer.status == 201, answer
        for m in c.machines:
            wait_until(lambda: m.total() == 14000, 20, f"{m.name} has all of it")
        connect(c.machines[2], "http://small.test")
        wait_until(lambda: same_digests(c.machines), 30)
        assert any("/part/" in key for key in c.etcd[0].keys("k/kodo/part/"))


def test_all_machines_sign_with_one_key(tmp_path):
    """Peers know a url by it: with another one whoever sends after the first would be refused."""
    def keys(c):
        return [m.get("/.well-known/kodo.json").json()["keys"] for m in c.machines]

    with cluster(tmp_path) as c:
        wait_until(lambda: all(k == keys(c)[0] for k in keys(c)), 10, "one key")
        before = keys(c)[0]
        subprocess.run([kodotest.KODO, "key", "rotate", "--state", c.machines[1].state_path()], check=True, stdout=subprocess.DEVNULL)
        wait_until(lambda: keys(c)[1] != before and all(k == keys(c)[1] for k in keys(c)), 10, "one key, the next")
        after = keys(c)[0]
        # whoever was away takes it, and who rotates it meanwhile tells it
        stop(c.machines[2])
        subprocess.run([kodotest.KODO, "key", "rotate", "--state", c.machines[2].state_path()], check=True, stdout=subprocess.DEVNULL)
        c.machines[2].start(30)
        wait_until(lambda: keys(c)[0] != after and all(k == keys(c)[0] for k in keys(c)), 10, "one key, the third")


def test_the_admin_has_one_key(tmp_path):
    """Who is behind a balancer does not know which machine is asked."""
    def key(m, *words):
        return subprocess.run([kodotest.KODO, "key", "admin", *words, "--state", m.state_path()], check=True, capture_output=True,
                              text=True, timeout=20).stdout.strip()

    def count(text):
        return [m.get("/metrics", headers={"Authorization": f"Bearer {text}"}).status for m in c.machines]

    with cluster(tmp_path, retry=0) as c:
        one = key(c.machines[0])
        wait_until(lambda: count(one) == [200, 200, 200], 10, "one key")
        two = key(c.machines[1], "rotate")
        wait_until(lambda: count(two) == [200, 200, 200], 10, "one key, the next")
        assert count(one) == [403, 403, 403]
        # whoever was away takes it, and who rotated it meanwhile tells it
        stop(c.machines[2])
        three = key(c.machines[0], "rotate")
        c.machines[2].start(30)
        wait_until(lambda: count(three) == [200, 200, 200], 10, "one key, the third")
        wait_until(lambda: len({m.status()["admin"] for m in c.machines}) == 1, 5, "all have noted it")
        stop(c.machines[2])
        four = key(c.machines[2], "rotate")
        c.machines[2].start(30)
        wait_until(lambda: count(four) == [200, 200, 200], 10, "one key, the fourth")


def test_a_machine_that_starts_waits_for_the_cluster(tmp_path):
    """All were down, and one is up before a majority of etcd is; it neither gives up nor says that it is ready."""
    with cluster(tmp_path) as c:
        connect(c.machines[0], "http://before.test")
        stop(c.machines[2])
        for member in c.etcd[:2]:
            member.kill()
        starts = threading.Thread(daemon=True, target=c.machines[2].start, args=(60,))
        starts.start()
        wait_until(lambda: "the start waits" in c.machines[2].screen(), 40, "it says so")
        for member in c.etcd[:2]:
            member.start()
        starts.join()
        assert c.machines[2].process.poll() is None
        connect(c.machines[2], "http://after.test")
        wait_until(lambda: same_digests(c.machines), 20)
