#!/usr/bin/env python3
"""README's chapter on hosting, typed word by word on a fresh Debian 12: what `make check-readme` starts. Root, and Debian's mirror.

usage: readme.py DIST_TARBALL WORK [WORD ...]      WORD: only recipes whose title has it

The commands are README.md's own blocks; only OWNER is replaced. A base system is made by debootstrap, once, with the packages
that they install in apt's cache, as there is no network afterwards; the first line (install, build) is typed once in a container
that boots. On a copy of what that left, for each recipe: the rest, the recipe, what the chapter says to do afterwards, then
requests by curl. Each in a container that boots (systemd-nspawn), with a umask of 077; and again in a chroot without systemd,
by what README says of that, with one of 022 (Apache's own init script does not work with 077). All in network and process
namespaces of their own.

The transcripts are printed, and lie in WORK. The last line is `N passed, N failed`.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import chroot  # noqa: E402
import kodotest  # noqa: E402
import systemd  # noqa: E402
from chroot import run  # noqa: E402

NAME = "kodo.example.org"
SPAWN = "spawn-fcgi, where there is no systemd"
# headings of README and who runs the program; each heading that has commands is one, or SPAWN
RECIPES = {"Apache, mod_fcgid": "www-data", "Apache, plain CGI": "www-data", "lighttpd, plain CGI": "www-data",
           "lighttpd, FastCGI": "kodo", "nginx": "kodo"}
END = "# --- typed to the end ---"
# after the recipe: a person is not as quick as a script, and mod_cgid answers 503 while its daemon starts
PAUSE = "sleep 2\n"
REQUESTS = f"""curl -fsS http://{NAME}/; echo
curl -fsS -H 'Content-Type: application/json' -d @/root/connect.json http://{NAME}/connect; echo
curl -fsS 'http://{NAME}/flows?pp=1'; echo
{END}
"""


# --- what README says ---

def chapter():
    """heading -> its blocks of commands, each a text; "" is the heading of what stands before the first one."""
    with open(os.path.join(kodotest.TREE, "README.md"), encoding="utf-8") as f:
        text = f.read().split("\n## Hosting\n")[1].split("\n## ")[0]
    blocks = {}
    for part in re.split(r"^### ", "### \n" + text, flags=re.M)[1:]:
        heading, _, rest = part.partition("\n")
        found = [re.sub(r"^    ", "", block, flags=re.M) for block in re.findall(r"(?:^    .*\n)+", rest, re.M)]
        if found:
            blocks[heading] = found
    assert set(blocks) == {"", SPAWN, *RECIPES}, set(blocks)
    return blocks


def words(blocks, heading, boots):
    """(the first line, all that is typed after it)."""
    [setup, after], [recipe] = blocks[""], blocks[heading]
    first, _, setup = setup.partition("\n")
    if not boots:
        # "in place of the two lines of systemd"
        recipe, n = re.subn(r"(?:^.*(?:systemd/|systemctl enable --now).*\n){2}", blocks[SPAWN][0], recipe, flags=re.M)
        assert n == (RECIPES[heading] == "kodo"), recipe
        # "service NAME restart in place of systemctl"
        recipe = re.sub(r"systemctl enable \w+ && ", "", recipe)
        recipe = re.sub(r"systemctl restart (\w+)", r"service \1 restart", recipe)
    return first, (setup + recipe + PAUSE + after + REQUESTS).replace("OWNER", RECIPES[heading])


# --- machines ---

def packages(blocks):
    """What the commands install, for a cache: README's with what is recommended, those of --deps without."""
    with open(os.path.join(kodotest.TREE, "autogen.sh"), encoding="utf-8") as f:
        deps = re.search(r'^PACKAGES="([^"]*)"', f.read(), re.M)[1].replace("\\\n", " ")
    named = " ".join(re.findall(r"apt-get install -y (.*)", "".join(sum(blocks.values(), []))))
    return named, deps


def make_base(work, blocks):
    """A fresh Debian, with packages in apt's cache."""
    path = chroot.base(work, "debian", variant=[])
    with chroot.Chroot(work, "debian", path) as root:
        named, deps = packages(blocks)
        root.run(f"apt-get -q update && apt-get -q install -y -d {named} && apt-get -q install -y -d --no-install-recommends {deps}")
        for name in ("etc/resolv.conf", "usr/sbin/policy-rc.d"):
            os.remove(os.path.join(path, name))
        with open(os.path.join(path, "etc", "hosts"), "w", encoding="ascii") as f:
            f.write(f"127.0.0.1 localhost\n127.0.0.1 {NAME}\n")
    return path


class Machine:
    """An overlay over the layers; what is typed in it, and its upper layer."""

    def __init__(self, work, title, layers):
        self.place = os.path.join(work, re.sub(r"\W+", "-", title))
        self.root = os.path.join(self.place, "root")
        self.upper = os.path.join(self.place, "upper")
        self.layers = layers

    def __enter__(self):
        shutil.rmtree(self.place, ignore_errors=True)
        for name in ("root", "upper", "work"):
            os.makedirs(os.path.join(self.place, name))
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={':'.join(self.layers)},upperdir={self.upper},workdir={self.place}/work", self.root)
        return self

    def __exit__(self, *_):
        run("umount", "-l", self.root)

    def type(self, text, folder, boots):
        """The transcript of text, typed to a shell in folder."""
        with open(f"{self.root}/words", "w", encoding="utf-8") as f:
            f.write(text)
        command = f"/bin/sh -c 'umask {'077' if boots else '022'} && cd {folder} && exec /bin/sh -ev /words </dev/null'"
        if boots:
            systemd.put_unit(self.root, command)
            systemd.boot(self.root, 1800)
            with open(f"{self.root}{systemd.RESULT}", encoding="utf-8") as f:
                return f.read()
        lo = "ip link set lo up"
        inside = f"{lo}; mount -t proc proc {self.root}/proc; exec chroot {self.root} /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 " \
                 f"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin {command}"
        # a process namespace: nothing that was started outlives the shell
        done = subprocess.run(["unshare", "-n", "-m", "-p", "-f", "/bin/sh", "-c", inside], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, text=True, check=False)
        return done.stdout


def connect_json(root):
    with open(f"{root}/root/connect.json", "w", encoding="utf-8") as f:
        json.dump(kodotest.connect_body("http://node.example.org", 3), f)


def build(work, blocks, base, tarball):
    """The first line, where it is said to be typed: the tree, in /root. The layer that it leaves."""
    first, _ = words(blocks, next(iter(RECIPES)), True)
    with Machine(work, "built", [base]) as one:
        run("tar", "-C", f"{one.root}/root", "-xzf", tarball)
        connect_json(one.root)
        [tree] = [name for name in os.listdir(f"{one.root}/root") if name.startswith("kodo-")]
        said = one.type(f"{first}\n{END}\n", f"/root/{tree}", True)
        assert END in said, said[-3000:]
        os.remove(f"{one.root}{systemd.RESULT}")
    return one.upper


def try_recipe(work, title, text, boots, layers):
    """Print what typing text shows; AssertionError if that ends early, or not with what was posted."""
    with Machine(work, title, layers) as one:
        said = one.type(text, "/root", boots)
    with open(one.place + ".txt", "w", encoding="utf-8") as f:
        f.write(said)
    print(f"\n=== {title}\n\n{said}", flush=True)
    assert END in said and '"total":3,' in said.split(END)[0].splitlines()[-1], "it ended early"
    assert not re.search(r"^(error|warning) ", said, re.M), "a check found something"
    shutil.rmtree(one.place, ignore_errors=True)


def main():
    tarball, work = map(os.path.abspath, sys.argv[1:3])
    os.makedirs(work, exist_ok=True)
    blocks = chapter()
    base = make_base(work, blocks)
    layers = [build(work, blocks, base, tarball), base]
    results = []
    todo = [(f"{heading}, {way}", heading, way == "booted") for way in ("booted", "chroot") for heading in RECIPES]
    for title, heading, boots in todo:
        if sys.argv[3:] and not any(word in title for word in sys.argv[3:]):
            continue
        began = time.monotonic()
        try:
            try_recipe(work, title, words(blocks, heading, boots)[1], boots, layers)
            results.append(f"ok   {title} {time.monotonic() - began:.1f} s")
        except (AssertionError, subprocess.TimeoutExpired) as error:
            results.append(f"FAIL {title}: {error}")
    failed = sum(line.startswith("FAIL") for line in results)
    print("\n".join(results))
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
