"""The manuals: clean to mandoc, and complete."""
import os
import re
import subprocess

import pytest

import kodotest

MANUALS = ["fcgi-app/kodo.1", "cron/kodo-reconnect.8", "conf/kodo.yaml.5"]


@pytest.mark.parametrize("manual", MANUALS)
def test_manual_is_clean(manual):
    done = subprocess.run(["mandoc", "-Tlint", "-Wall", os.path.join(kodotest.SRCDIR, manual)], capture_output=True, text=True, check=False)
    # those of other packages, and ours until they are installed
    assert [line for line in done.stdout.splitlines() if "referenced manual not found" not in line] == []


def test_manual_names_every_option():
    rows = subprocess.run([kodotest.KODO, "help", "options"], capture_output=True, text=True, check=True).stdout
    names = {word[2:].replace("-", "_") for word in rows.split() if word.startswith("--")} - {"loader", "help", "level", "reset", "cache_file"}
    with open(os.path.join(kodotest.SRCDIR, "conf", "kodo.yaml.5"), encoding="utf-8") as f:
        text = f.read()
    listed = {name for line in re.findall(r"^\.It Cm (.*?)(?: Pq .*)?$", text, re.M) for name in line.split(" , ")}
    assert len(names) > 15 and {name for name in names if not name.startswith("no_")} - listed == set()


def test_completion_has_every_option():
    rows = subprocess.run([kodotest.KODO, "help", "options"], capture_output=True, text=True, check=True).stdout
    names = {word for word in rows.split() if re.fullmatch("--[a-z-]+", word)}
    with open(os.path.join(kodotest.SRCDIR, "conf", "bash-completion", "kodo"), encoding="utf-8") as f:
        line = re.search(r'^\tservice\) service="(.*?)"', f.read(), re.M | re.S)
    assert len(names) > 15 and names - set(line.group(1).split()) == set()
