"""What is installed beside the programs: samples."""
import glob
import os
import re
import subprocess

import pytest

import hosts

def samples():
    return sorted(path for path in glob.glob(os.path.join(hosts.CONF, "*", "*"))
                  if os.path.basename(os.path.dirname(path)) in ("apache", "cgi", "cron", "lighttpd", "nginx", "spawn-fcgi", "systemd"))


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


@pytest.mark.parametrize("sample", ["apache/kodo.conf", "cgi/apache.conf", "cgi/lighttpd.conf", "lighttpd/kodo.conf", "nginx/kodo.conf"])
def test_header_and_readme_say_the_same(sample):
    """The commands in a sample's head are README's, in the order in which README has them."""
    with open(os.path.join(hosts.SRCDIR, "README.md"), encoding="utf-8") as f:
        readme = [line.strip() for line in f]
    with open(os.path.join(hosts.CONF, sample), encoding="utf-8") as f:
        commands = re.findall(r"^#   (\S.*)$", f.read(), re.M)
    assert len(commands) == 2 and "restart" in commands[1], commands
    at = readme.index(commands[0])
    assert readme[at:at + 2] == commands
