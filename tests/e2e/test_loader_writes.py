"""A loader in the middle of a write, or what such a write has left: the last good options stay, and it is said."""
import os
import time

import pytest

from responder import FLOWS, OWN
from test_check import check, has
from test_service import fail

TEXT = f"""# the node
- cache_data: ./data/test.json
- url: {OWN}
- registry: false
- feed: false
- organization: Before
- flows:
  - {{url: /a, name: A}}
  - url: /b
    name: B
    tags: [x, y]
"""


def write(kodo, text, name="kodo.yaml"):
    """In place, as cp, FTP and many an editor do it."""
    with open(os.path.join(kodo.cwd, name), "w", encoding="utf-8") as f:
        f.write(text)


def is_before(kodo):
    answer = kodo.get("/").json()
    return answer["url"] == OWN and answer["organization"] == "Before" and kodo.get("/counts").json()["total"] == 2


def test_cut_off_at_each_byte(responder):
    kodo = responder(TEXT)
    assert is_before(kodo)
    for n in range(len(TEXT)):
        write(kodo, TEXT[:n])
        assert is_before(kodo), TEXT[:n]
    write(kodo, TEXT.replace("Before", "After"))
    assert kodo.get("/").json()["organization"] == "After"
    assert os.listdir(os.path.join(kodo.cwd, "data")).count("cache.lmdb") == 0


@pytest.mark.parametrize("text, said", [("", "it is empty"), ("# none\n\n", "it is empty"),
                                        ("- cache_data: ./data/test.json\n- organization: Else\n", "it gives no url any more"),
                                        (TEXT[:TEXT.index("ore\n")], "ends in the middle of what was a line")],
                         ids=["empty", "comment", "no_url", "within_a_line"])
def test_what_a_write_has_left(hosted, text, said):
    kodo = hosted(TEXT.replace("./data/test.json", "./data/cache.json"))
    assert is_before(kodo)
    write(kodo, text.replace("./data/test.json", "./data/cache.json"))
    os.utime(kodo.loader, (time.time() - 3600,) * 2)
    for _ in range(3):
        assert is_before(kodo)
    assert said in kodo.log() + kodo.screen()
    lines = check("--hosted", kodo.loader, status=1)
    assert has(lines, "error   in force: the options before: ") and has(lines, said), lines
    write(kodo, TEXT.replace("Before", "After").replace("./data/test.json", "./data/cache.json"))
    assert kodo.get("/").json()["organization"] == "After"


def test_last_lines_removed(hosted):
    """As by a person: it counts, but not at once."""
    kodo = hosted(TEXT)
    assert is_before(kodo)
    write(kodo, TEXT[:TEXT.index("  - url: /b")])
    assert is_before(kodo)
    assert "ends where it went on before" in kodo.log() + kodo.screen()
    lines = check("--hosted", kodo.loader)
    assert has(lines, "warning in force: the options before: ") and has(lines, "that counts if it is left so"), lines
    os.utime(kodo.loader, (time.time() - 11,) * 2)
    assert kodo.get("/counts").json()["total"] == 1


def test_slow_writer(hosted):
    """What it has written so far would do, and is not what it was before."""
    kodo = hosted(TEXT)
    assert is_before(kodo)
    with open(kodo.loader, "w", encoding="utf-8") as f:
        f.write(f"- cache_data: ./data/test.json\n- url: {OWN}\n- organization: After\n")
        f.flush()
        for _ in range(3):
            assert is_before(kodo)
        f.write("- feed: false\n")
    assert kodo.get("/").json()["organization"] == "After"
    assert "it is being written" in kodo.log() + kodo.screen()


def test_state_is_not_left(responder):
    """Without what names the state: a cut off loader, and an emptied .env."""
    kodo = responder(TEXT.replace("- cache_data: ./data/test.json\n", ""), env={})
    assert is_before(kodo)
    for env in ("KODO_CACHE_DATA=./data/else.json\n", ""):
        write(kodo, env, ".env")
        write(kodo, "")
        assert is_before(kodo)
        assert sorted(name for name in os.listdir(os.path.join(kodo.cwd, "data")) if name.endswith(".lmdb")) == ["cache.lmdb"]


def test_first_loader_without_url(hosted):
    """Under a web server the default is nobody's address: an emptied loader that named its state must not make another one."""
    kodo = hosted("")
    assert kodo.get("/").status == 503
    assert "no url: write `- url: " in kodo.screen()
    write(kodo, "KODO_URL=http://localhost:4321\nKODO_ORGANIZATION=Env\n", ".env")
    assert kodo.get("/").json()["organization"] == "Env"


def test_replaced_by_links(hosted):
    """As a ConfigMap of Kubernetes: the folder behind the link changes, which is whole at any time."""
    kodo = hosted()
    for n in (1, 2):
        os.mkdir(os.path.join(kodo.cwd, f"..{n}"))
        write(kodo, TEXT if n == 1 else TEXT.replace("Before", "After"), f"..{n}/kodo.yaml")
    os.symlink("..1", os.path.join(kodo.cwd, "..data"))
    os.symlink("..data/kodo.yaml", kodo.loader)
    assert is_before(kodo)
    os.symlink("..2", os.path.join(kodo.cwd, "..new"))
    os.replace(os.path.join(kodo.cwd, "..new"), os.path.join(kodo.cwd, "..data"))
    assert kodo.get("/").json()["organization"] == "After"


def test_gone_for_a_moment(responder):
    kodo = responder(TEXT)
    assert is_before(kodo)
    os.rename(kodo.loader, kodo.loader + "~")
    assert is_before(kodo)
    os.rename(kodo.loader + "~", kodo.loader)
    assert is_before(kodo)


def test_start_with_an_emptied_loader(service):
    """`kodo service` would start as somebody else, and sign off whom it was."""
    one = service({"organization": "Before", "flows": FLOWS, "cache_data": "./data/cache.json"})
    one.stop()
    write(one, "")
    line = fail(one.cwd, one.loader)
    assert "it is empty" in line and "kodo.yaml" in line, line
    assert has(check("--state", os.path.join(one.cwd, "data", "cache.lmdb")), f"in force: url {one.url}")
