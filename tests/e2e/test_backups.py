"""backup_hours: the runner writes backups, keeps as many as wanted, and goes on where it cannot."""
import os
import shutil
import stat
import subprocess
import time

import kodotest
from kodotest import flow, wait_until


def names(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def stamp(hours):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - hours * 3600))


def run_once(one):
    done = subprocess.run([kodotest.RECONNECT, "--state", one.state_path(), "--once"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done
    return done.stderr


def stopped(service, **options):
    one = service({"organization": "One", "flows": [flow(1)], **options})
    assert one.total() == 1
    if "backup_hours" in options:
        folder = options.get("backup_folder", one.state_path().replace(".lmdb", ".backups"))
        wait_until(lambda: any(name.startswith(f"{one.port}-") and name.endswith(".tar") for name in names(folder)), 5, "the runner has written one")
    one.stop()
    return one


def test_written_and_kept(service):
    one = stopped(service, backup_hours=24, backup_keep=3, workers=1)
    folder = one.state_path().replace(".lmdb", ".backups")
    first, = names(folder)
    assert stat.S_IMODE(os.stat(os.path.join(folder, first)).st_mode) == 0o600 and stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert run_once(one) == "" and names(folder) == [first]         # none is due
    state = one.state_path() + ".new"
    done = subprocess.run([kodotest.KODO, "restore", os.path.join(folder, first), "--state", state], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and sorted(os.listdir(state)) == ["data.mdb", "lock.mdb", "write.lock"]
    # all are a day old or more: one is due, the oldest go, and what was cut off; files of others stay
    os.unlink(os.path.join(folder, first))
    base = first[:-len("20261127T123456Z.tar")]
    old = [f"{base}{stamp(hours)}.tar" for hours in (25, 49, 73, 97)]
    others = [f"{base}{stamp(48)}.tar.txt2", f"9{base}{stamp(48)}.tar", "notes", f"{base}latest.tar"]
    for name in [*old, *others[1:], f"{old[0]}.AbCdEf"]:
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write("x")
    run_once(one)
    left = names(folder)
    assert len(left) == 3 + 3 and set(left) >= {*others[1:], *old[:2]} and not set(old[2:]) & set(left)
    # a clock that was ahead puts none off
    os.rename(os.path.join(folder, max(set(left) - set(others) - set(old))), os.path.join(folder, f"{base}{stamp(-1000)}.tar"))
    run_once(one)
    assert any(base + stamp(0)[:8] in name for name in names(folder))


def test_shared_folder(service, place):
    for _ in range(2):
        stopped(service, backup_hours=1, backup_folder=os.path.join(place, "all"), workers=1)
    assert len(names(os.path.join(place, "all"))) == 2


def test_same_name_in_shared_folder(service, place):
    """Two states of one name, as `cache` is for all: each has its own, and removes no other's."""
    folder = os.path.join(place, "all")
    one = stopped(service, backup_hours=1, backup_keep=1, backup_folder=folder, workers=1)
    before = names(folder)
    other = os.path.join(place, "other", os.path.basename(one.state_path()))
    shutil.copytree(one.state_path(), other, ignore=shutil.ignore_patterns("*.lock", "lock.mdb", "wake", "*.sock"))
    done = subprocess.run([kodotest.RECONNECT, "--state", other, "--once"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done
    assert len(names(folder)) == 2 and set(before) < set(names(folder))


def test_no_room(service, place):
    """The reason is logged, nothing is left behind, and the runner does its work."""
    one = service({"organization": "One", "flows": [flow(1)], "backup_hours": 1, "workers": 1, "backup_folder": "/dev/full/x"})
    target = service({"organization": "Target"})
    wait_until(lambda: "no backup was written, the next attempt is in 10 minutes: /dev/full" in one.screen(), 5, "said")
    one.options["connect"] = [target.url]
    one.write_loader()
    wait_until(lambda: target.total() == 1, 10, "it sends")
    assert one.screen().count("no backup was written") == 1


def test_never_by_itself(service):
    one = stopped(service)
    run_once(one)
    assert not os.path.exists(one.state_path().replace(".lmdb", ".backups"))
