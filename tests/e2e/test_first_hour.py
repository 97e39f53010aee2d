"""What a newcomer types in the first hour: kodo init."""
import os
import re
import subprocess

import pytest

import kodotest
from terminal import CLEAN, Terminal


def kodo(place, *arguments, status=0, env=None):
    done = subprocess.run([kodotest.KODO, *arguments], cwd=place, env={**CLEAN, **(env or {})}, capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


# --- kodo init ---

@pytest.mark.parametrize("role, registry, feed", [("node", False, False), ("provider", True, False), ("registry", True, True)])
def test_init_from_flags(place, role, registry, feed):
    port = kodotest.free_port()
    said = kodo(place, "init", "my.yaml", "--role", role, "--url", f"http://localhost:{port}", "--organization", 'A "B": #c',
                "--connect", "http://127.0.0.1:1,http://127.0.0.1:2/x", "--flow", "Zürich: the 1st")
    assert "kodo check my.yaml" in said and "kodo service my.yaml" in said
    lines = kodo(place, "check", "my.yaml").splitlines()
    assert f"ok      publishes: http://localhost:{port}/flows/z-rich-the-1st  Zürich: the 1st" in lines
    assert f"registry {str(registry).lower()}, feed {str(feed).lower()}, targets: 2, own flows: 1" in lines[0]
    assert any(f"{place}/data/my.lmdb" in line for line in lines) and not any("error" in line for line in lines)
    text = open(os.path.join(place, "my.yaml"), encoding="utf-8").read()
    assert text.startswith("# A ") and text.count("#") > 8 and role in text.splitlines()[0].lower()
    s = kodotest.Service(place, {}, port=port)
    s.loader = os.path.join(place, "my.yaml")
    s.write_loader = lambda: None
    try:
        s.start()
        assert s.get("/").json()["organization"] == 'A "B": #c'
        assert s.post("/flows/z-rich-the-1st", "{}").status == 405
        with open(s.loader, "w", encoding="utf-8") as f:                        # what the comment offers
            f.write(text.replace("    # entry: ", "    entry: "))
        kodotest.wait_until(lambda: s.post("/flows/z-rich-the-1st", "{}").headers.get("location") == "https://agents.example.org/run", 10, "the entry holds")
    finally:
        s.kill()


def test_init_without_anything(place):
    """Defaults, another file for another service, nothing overwritten."""
    kodo(place, "init")
    first = open(os.path.join(place, "kodo.yaml"), encoding="utf-8").read()
    assert re.search(r"^- url: http://localhost:33\d\d ", first, re.M) and "my-first-agent" in first
    assert "ok      role: node" in kodo(place, "check", "kodo.yaml")
    assert kodo(place, "check") == kodo(place, "check", "kodo.yaml")        # where nothing is given, that file is meant
    assert "no loader" in kodo(place, "check", "--url", "http://localhost:4998").splitlines()[0]
    assert "nowhere.lmdb" in kodo(place, "check", env={"KODO_CACHE_DATA": "./nowhere.json"})
    assert "--force" in kodo(place, "init", status=1)
    assert open(os.path.join(place, "kodo.yaml"), encoding="utf-8").read() == first
    kodo(place, "init", "--force", "--role", "registry", "--url", "https://r.example.org")
    lines = kodo(place, "check", "kodo.yaml")
    assert "ok      role: registry" in lines and "127.0.0.1:3367" in open(os.path.join(place, "kodo.yaml"), encoding="utf-8").read()


@pytest.mark.parametrize("arguments, status, words", [
    (["--role", "boss"], 2, "node, provider or registry"), (["--url", "example.org"], 2, "http://localhost:3366"),
    (["--connect", "http://a,b"], 2, "b is no url"), (["--nosuch"], 2, "--help"), (["a.yaml", "b.yaml"], 2, "one FILE"),
    (["--organization"], 2, "needs a value"), (["nosuch/kodo.yaml"], 1, "cannot write")])
def test_init_refuses(place, arguments, status, words):
    assert words in kodo(place, "init", *arguments, status=status)
    assert os.listdir(place) == []


def test_init_asks(place):
    port = kodotest.free_port()
    t = Terminal(place, "init", "asked.yaml", "--connect", "http://127.0.0.1:1")
    t.read("Role (node, provider or registry) [node]: ")
    t.type("boss\n")
    t.read("Role (node, provider or registry) [node]: ")
    t.type("provider\n")
    t.read("[My Organization]: ")
    t.type("Those Who Ask\n")
    t.read("[http://localhost:33")
    t.type(f"http://localhost:{port}/\n")
    t.read("[My first agent]: ")
    t.type("\n")
    status, text = t.end()
    assert status == 0 and "asked.yaml is written: provider" in text
    lines = kodo(place, "check", "asked.yaml")
    assert "ok      role: provider" in lines and f"http://localhost:{port}/flows/my-first-agent" in lines
    t = Terminal(place, "init", "none.yaml")
    t.read("[node]: ")
    t.type("\x04")
    status, text = t.end()
    assert status == 1 and "nothing is written" in text and not os.path.exists(os.path.join(place, "none.yaml"))
    assert Terminal(place, "init", "yes.yaml", "--yes").end()[0] == 0
