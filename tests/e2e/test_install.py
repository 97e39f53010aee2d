"""`make install` over what is in use."""
import os
import subprocess
import threading

import kodotest

BUILDDIR = os.environ.get("BUILDDIR", kodotest.TREE)


def install(prefix):
    """As root with a umask that lets nobody else in."""
    subprocess.run(["make", "-s", "-C", BUILDDIR, "install", f"prefix={prefix}", "DESTDIR="], check=True, stdout=subprocess.DEVNULL, umask=0o077)


def sizes(prefix):
    """Of all that is installed; the samples, whose text is changed in place, without."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(prefix) for name in names]
    return {path: os.stat(path).st_size for path in paths if "/share/kodo/conf/" not in path}


def test_no_file_is_missing_while_it_is_replaced(place):
    """Installed again, each file is the old one or the new one at any moment, and whole; the program runs."""
    install(place)
    wanted = sizes(place)
    assert os.path.join(place, "bin", "kodo.fcgi") in wanted and len(wanted) > 15
    for folder, _, names in os.walk(os.path.join(place, "share", "kodo")):
        assert os.stat(folder).st_mode & 0o5 == 5 and all(os.stat(os.path.join(folder, name)).st_mode & 4 for name in names), folder
    faults, rounds, stop = set(), 0, threading.Event()

    def run_it():
        while not stop.is_set():
            try:
                subprocess.run([os.path.join(place, "bin", "kodo.fcgi"), "version"], check=True, stdout=subprocess.DEVNULL)
            except (OSError, subprocess.CalledProcessError) as error:
                faults.add(repr(error))

    def watch():
        nonlocal rounds
        while not stop.is_set():
            for path, size in wanted.items():
                try:
                    if os.stat(path).st_size != size:
                        faults.add(f"{path} is not whole")
                except FileNotFoundError:
                    faults.add(f"{path} is missing")
            rounds += 1
    threads = [threading.Thread(daemon=True, target=target) for target in (run_it, watch)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            install(place)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == set() and rounds > 50 and sizes(place) == wanted
