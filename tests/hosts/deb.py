#!/usr/bin/env python3
"""The Debian package on a clean Debian 12 that boots: what `make check-deb` starts. Root, and Debian's mirror.

usage: deb.py FORMER_DEB DEB WORK

Typed in a container without a network (systemd-nspawn), as conf/debian/README.Debian says: FORMER_DEB is installed, the
service runs with a lighttpd of its own, then behind lighttpd by FastCGI with a registry that is filled; DEB is installed over
it while clients ask and post; then it is purged. The transcript is printed, and lies in WORK. The last line is
`N passed, N failed`.
"""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import chroot  # noqa: E402
import readme  # noqa: E402
from readme import NAME  # noqa: E402

# what the package depends on and recommends, and what is typed
CACHED = "lighttpd ca-certificates adduser curl libssl3 libcurl4 libfcgi0ldbl libjson-c5 liblmdb0 libpcre2-8-0 libutf8proc2 libyaml-0-2"

STEPS = {
    "install": f"""
apt-get install -y curl /root/former.deb
stat -c '%U:%G %a' /var/lib/kodo/data /etc/kodo/kodo.yaml
kodo check --hosted /etc/kodo/kodo.yaml || :
systemctl list-units --no-legend 'kodo*'
""",
    "service": """
systemctl enable --now kodo
for n in $(seq 100); do curl -fs http://localhost:3366/ && break; sleep 0.1; done; echo
systemctl disable --now kodo
""",
    "behind lighttpd": f"""
sed -i 's,^- url: .*,- url: http://{NAME},' /etc/kodo/kodo.yaml
systemctl enable --now kodo.socket kodo@1 kodo@2 kodo@3 kodo@4 kodo-reconnect
cp /usr/share/kodo/conf/lighttpd/kodo.conf /etc/lighttpd/conf-available/50-kodo.conf
lighty-enable-mod kodo && systemctl restart lighttpd
sleep 3
curl -fsS -H 'Content-Type: application/json' -d @/root/connect.json http://{NAME}/connect; echo
curl -fsS 'http://{NAME}/flows?pp=1'; echo
""",
    "upgrade": f"""
for n in 1 2 3 4; do
curl -s -o /dev/null -w '%{{http_code}}\\n' "http://{NAME}/flows?pp=1&q=[1-9999999]" >/root/asked.$n &
done
(set +x; while [ ! -e /root/stop ] && curl -s -o /dev/null -w '%{{http_code}}\\n' -H 'Content-Type: application/json' -d @/root/connect.json http://{NAME}/connect; do :; done) >/root/posted &
sleep 2
readlink /proc/$(systemctl show --property=MainPID --value kodo@1)/exe
cp /etc/kodo/kodo.yaml /root/mine.yaml
apt-get install -y /root/new.deb
sleep 2
touch /root/stop
pkill curl
sleep 0.5
cmp /root/mine.yaml /etc/kodo/kodo.yaml && echo the loader is mine
for n in 1 2 3 4; do cmp /usr/bin/kodo /proc/$(systemctl show --property=MainPID --value kodo@$n)/exe && echo kodo@$n is the new one; done
sort /root/asked.* | uniq -c
sort /root/posted | uniq -c
curl -fsS 'http://{NAME}/flows?pp=1'; echo
runuser -u kodo -- kodo check --hosted /etc/kodo/kodo.yaml
""",
    "purge": """
rm /etc/lighttpd/conf-enabled/50-kodo.conf /etc/lighttpd/conf-available/50-kodo.conf
apt-get purge -y kodo
systemctl list-units --all --no-legend 'kodo*'
find / -xdev \\( -path /proc -o -path /root -o -path /kodo-tests \\) -prune -o -name '*kodo*' -print | grep -v 'kodo-test\\|/var/log/journal' || :
getent passwd kodo || echo no user
getent group kodo || echo no group
""",
}


def told(said, step):
    """What was printed between the begin of a step and that of the next."""
    match = re.search(rf"^== {step}$(.*?)^== ", said, re.M | re.S)
    assert match, f"{step}: it ended before"
    return match[1]


def statuses(text):
    return {status: int(count) for count, status in re.findall(r"^ *(\d+) (\d{3})$", text, re.M)}


def check_install(text):
    assert "kodo:kodo 750" in text and "root:kodo 640" in text, "owners"
    assert not re.search(r"^\s*kodo\S*\.service .*running", text, re.M), "something was started that was not asked for"


def check_service(text):
    assert '"url":"http://localhost:3366"' in text.replace('": "', '":"'), "it did not answer"


def check_behind(text):
    assert re.search(r'"total": ?3,', text), "the registry was not filled"


def check_upgrade(text):
    seen = statuses(text)
    assert set(seen) == {"200", "201"} or set(seen) == {"200"}, seen
    assert seen["200"] > 1000, f"no load: {seen}"
    assert len(re.findall(r"^kodo@\d is the new one$", text, re.M)) == 4, "not all processes are the new program"
    assert "the loader is mine" in text, "the upgrade changed the loader"
    assert re.search(r'"total": ?3,', text) and not re.search(r"^(error|warning) ", text, re.M), "the registry is not whole"


def check_purge(text):
    left = text.split("autoremove", 1)[-1]
    assert "no user" in left and "no group" in left, "the user stays"
    assert not re.search(r"^/\S*kodo", left, re.M), "files stay"


CHECKS = {"install": check_install, "service": check_service, "behind lighttpd": check_behind, "upgrade": check_upgrade, "purge": check_purge}


def make_base(work):
    path = chroot.base(work, "debian", variant=[])
    with chroot.Chroot(work, "debian", path) as root:
        root.run(f"apt-get -q update && apt-get -q install -y -d {CACHED}")
        for name in ("etc/resolv.conf", "usr/sbin/policy-rc.d"):
            os.remove(os.path.join(path, name))
        with open(os.path.join(path, "etc", "hosts"), "w", encoding="ascii") as f:
            f.write(f"127.0.0.1 localhost\n127.0.0.1 {NAME}\n")
    return path


def main():
    former, new, work = map(os.path.abspath, sys.argv[1:4])
    os.makedirs(work, exist_ok=True)
    base = make_base(work)
    text = "".join(f"set +x; echo '== {name}'; set -x\n{words.strip()}\n" for name, words in STEPS.items()) + "set +x; echo '== end'\n"
    with readme.Machine(work, "package", [base]) as one:
        readme.connect_json(one.root)
        shutil.copy(former, f"{one.root}/root/former.deb")
        shutil.copy(new, f"{one.root}/root/new.deb")
        said = one.type("set +v -x\n" + text, "/root", True)
    with open(os.path.join(work, "package.txt"), "w", encoding="utf-8") as f:
        f.write(said)
    print(said)
    failed = 0
    for name, check in CHECKS.items():
        try:
            check(told(said, name))
            print(f"ok   {name}")
        except AssertionError as error:
            failed += 1
            print(f"FAIL {name}: {error}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
