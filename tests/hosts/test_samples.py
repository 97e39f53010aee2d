"""What is installed beside the programs: manuals and samples."""
import glob
import os
import subprocess

import pytest

import hosts
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
    missing = {name for name in names if not name.startswith("no_") and name not in text}
    assert len(names) > 15 and missing == set()


def samples():
    return sorted(path for path in glob.glob(os.path.join(hosts.CONF, "*", "*"))
                  if os.path.basename(os.path.dirname(path)) in ("apache", "cgi", "cron", "lighttpd", "nginx", "systemd"))


def test_samples_are_installed(tmp_path):
    hosts.copy_installed(str(tmp_path))
    for path in samples():
        installed = os.path.join(tmp_path, "share", "kodo", "conf", os.path.relpath(path, hosts.CONF))
        with open(installed, encoding="utf-8") as f:
            assert "/usr/local/bin" not in f.read(), installed
    # suEXEC refuses a symlink
    assert os.access(tmp_path / "bin" / "kodo.fcgi", os.X_OK) and not os.path.islink(tmp_path / "bin" / "kodo.fcgi")


@pytest.mark.parametrize("path", samples(), ids=[os.path.relpath(path, hosts.CONF) for path in samples()])
def test_lines_have_reasons(path):
    """A line that sets something stands below a comment, at most a paragraph of lines above it."""
    with open(path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    assert lines[0].startswith("# ")
    has_reason = False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("#"):
            has_reason = True
        elif text == "":
            has_reason = False
        elif not text.startswith(("<", "}", "server {", "[", "Description", "))", "LimitRequestBody")) and not has_reason:
            assert text in ("RewriteEngine On",), f"{path}:{number}: no reason given: {text}"


def test_units_are_valid(tmp_path):
    for path in glob.glob(os.path.join(hosts.CONF, "systemd", "*")):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for name in ("kodo-reconnect", "kodo.fcgi", "kodo"):
            text = text.replace(f"=/usr/local/bin/{name} ", "=/bin/true ")
        (tmp_path / os.path.basename(path).replace("kodo@.", "kodo@1.")).write_text(text)
    units = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "kodo" in line]
    assert ours == []
    for unit in units:
        if unit.endswith(".service"):
            done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=30", unit], capture_output=True, text=True,
                                  check=False)
            assert done.returncode == 0, done.stdout[-300:]
