"""A machine of a cluster, or its member of etcd, whose disk is full: make check-cluster."""
import os
import shutil
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster, Writer, connect, same_digests  # noqa: E402
from kodotest import CALM, connect_body, wait_until  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="disks of their own need root")


class Disk:
    """A small one at a folder."""

    def __init__(self, folder, mib):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "tmpfs", folder], check=True)

    def fill(self):
        with open(os.path.join(self.folder, "ballast"), "ab", buffering=0) as f:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        f.write(bytes(size))
                except OSError:
                    pass

    def make_room(self):
        os.unlink(os.path.join(self.folder, "ballast"))

    def end(self):
        subprocess.run(["umount", "-l", self.folder], check=True)


def rounds_of(writers, seconds):
    for w in writers:
        w.start()
    time.sleep(seconds)
    for w in writers:
        w.ended.set()
    for w in writers:
        w.join(30)
    return {url for w in writers for url in w.acknowledged}


def test_the_disk_of_the_machine_that_sends_is_full(tmp_path):
    c = Cluster(tmp_path)
    disks = {m.name: Disk(os.path.join(m.cwd, "data"), 40) for m in c.machines}
    try:
        c.start()
        full = wait_until(c.leader, 20, "one sends")
        others = [m for m in c.machines if m is not full]
        connect(full, "http://before.test")
        disks[full.name].fill()
        writers = [Writer(c, k) for k in range(3)]
        acknowledged = rounds_of(writers, 15)
        assert len(acknowledged) > 50 and "cannot apply" in full.log()
        for m in others:
            wait_until(lambda: acknowledged <= m.urls(), 20, f"{m.name} has all that was acknowledged")
        assert not acknowledged <= full.urls(), "its disk is full"
        answer = full.post("/connect", connect_body("http://refused.test"))
        assert answer.status == 503 and answer.seconds < CALM, answer
        wait_until(lambda: full.get("/health").status == 503, 20, "the balancer is told")
        assert full.get("/flows").status == 200, "reads go on"

        def ready():
            return {m["machine"]: m["ready"] for m in others[0].get("/map").json()["cluster"]["members"]}

        wait_until(lambda: ready() == {m.name: m is not full for m in c.machines}, 20, "the others know")
        wait_until(lambda: any(m.leads() for m in others), 20, "another one sends")
        print(f"\n{len(acknowledged)} acknowledged, {[w.answers for w in writers]}")
        disks[full.name].make_room()
        wait_until(lambda: acknowledged <= full.urls(), 30, "it has caught up")
        wait_until(lambda: full.get("/health").status == 200, 20, "the balancer is told")
        connect(full, "http://after.test")
        wait_until(lambda: same_digests(c.machines), 20)
    finally:
        c.end()
        for disk in disks.values():
            disk.end()


def test_the_disk_of_a_member_of_etcd_is_full(tmp_path):
    c = Cluster(tmp_path)
    member = c.etcd[2]
    member.kill()
    data = os.path.join(member.folder, "data")
    shutil.move(data, data + ".former")
    disk = Disk(data, 300)
    try:
        shutil.copytree(data + ".former", data, dirs_exist_ok=True)
        member.start()
        wait_until(member.is_healthy, 20)
        c.start()
        connect(c.machines[2], "http://before.test")
        disk.fill()
        acknowledged = rounds_of([Writer(c, k) for k in range(3)], 15)
        assert acknowledged
        for m in c.machines:
            wait_until(lambda: acknowledged <= m.urls(), 20, f"{m.name} has all that was acknowledged")
        print(f"\n{len(acknowledged)} acknowledged, etcd {member.process.poll()}")
        disk.make_room()
        member.kill()
        member.start()
        wait_until(member.is_healthy, 30, "it is healthy again")
        connect(c.machines[2], "http://after.test")
        wait_until(lambda: same_digests(c.machines), 20)
    finally:
        c.end()
        disk.end()
