"""The index of rare words (views/word_index.h): what it finds is what a pass over all flows finds, whatever happened to it meanwhile."""
import os
import random
import resource
import shutil
import struct
import subprocess

import kodotest
from kodotest import KODO, flow, greeting, node
from test_words import REGISTRY, fill, made_queries, target_of

FLOWS = 18500           # with those of one large node over 20,000, from which on there is an index
ASKED = 25


def made_nodes(rng):
    """Flows of made words, few of which are frequent, 25 a node."""
    syllables = [a + b for a in "bcdfglmnprstv" for b in "aeiou"] + ["ä", "ß", "é", "ĳ"]
    words = ["".join(rng.choices(syllables, k=rng.choice([1, 2, 2, 3, 3, 4]))) for _ in range(4000)]
    some = lambda least, most: " ".join(words[int(len(words) * rng.random() ** 4)] for _ in range(rng.randint(least, most)))    # noqa: E731
    return [node(f"http://n{first}.example.com", [
        flow(n, name=some(1, 3).title(), tags=some(0, 4).split(), author=rng.choice([None, some(1, 1) + "@example.org"]),
             description=rng.choice(["-", " ", " ", ", "]).join(some(4, 18).split())) for n in range(first, first + 25)],
        organization=some(1, 2)) for first in range(0, FLOWS, 25)]


def index_of(registry):
    return os.path.join(registry.state_path(), "words")


def answer(registry, words):
    said = registry.get(target_of(words, pp=20)).json()
    return said["filtered"], said["did_you_mean"], [item["url"] for item in said["items"]]


def without(registry, words):
    """The same by a pass over all: a folder in the place of the file cannot be read, nor replaced."""
    index = index_of(registry)
    if os.path.exists(index):
        os.rename(index, index + ".away")
    os.mkdir(index)
    try:
        return [answer(registry, w) for w in words]
    finally:
        os.rmdir(index)
        if os.path.exists(index + ".away"):
            os.rename(index + ".away", index)


def whole(registry, tries=20):
    """Ask until all is in; each question makes a part."""
    size = -1
    for _ in range(tries):
        registry.get(target_of("xyzzy"))
        registry.get("/")                                       # what follows a reply is done before the next one
        if size == (size := os.path.getsize(index_of(registry))):
            return
    raise AssertionError("the index is never whole")


def one(name, word, **more):
    url = f"http://{name}.example.net"
    return greeting(url, nodes=[node(url, [flow(1, name=f"The {word}", description=None, tags=[])], **more)])


def post(registry, path, body):
    assert registry.post(path, body).status in (200, 201)


def test_index_finds_the_same(responder):
    own = ["".join(random.Random(i).choices("bcdfghjklm", k=9)) for i in range(100)]
    registry = responder({**REGISTRY, "flows": [{"url": f"/own{i}", "name": word, "description": None, "tags": []} for i, word in enumerate(own)]})
    rng = random.Random(1)
    nodes = made_nodes(rng)
    big = node("http://big.example.com", [flow(i, name=f"Big {i}", description=f"number{i} of one node", tags=[]) for i in range(3000)])
    for i in range(0, len(nodes), 100):
        fill(registry, nodes[i:i + 100], f"made{i}")
    fill(registry, [big], "big")
    items = registry.get("/flows?pp=100000").json()["items"]
    asked = [w for _, w in zip(range(ASKED), made_queries(rng, items))] + ["number2999", "number29", "big number1500", "xyzzy", '"of one node" 77', *own[::9]]
    want = without(registry, asked)
    assert {(0, None)} < {w[:2] for w in want} and max(w[0] for w in want) > 1000
    whole(registry)
    assert 500_000 < os.path.getsize(index_of(registry)) < 5_000_000
    looked = lambda words: registry.get(target_of(words, explain=1)).json()["explain"]["us"]        # noqa: E731
    for words, found in zip(asked, want):
        assert answer(registry, words) == found, words
    assert min(looked("number2999") for _ in range(9)) < min(looked("ba") for _ in range(9))

    # what changes after it was made: new, changed, one of a large node, gone, and gone for good
    post(registry, "/connect", one("new", "zyzzyva"))
    assert answer(registry, "zyzzyva")[0] == 1 and answer(registry, "quokkas")[0] == 0
    post(registry, "/update", one("new", "quokkas"))
    assert answer(registry, "quokkas")[0] == 1 and answer(registry, "zyzzyva")[0] == 0
    big["flows"][1700]["description"] = "axolotl"
    post(registry, "/update", greeting("http://big.example.com:1", nodes=[big]))
    assert answer(registry, "axolotl")[0] == 1 and answer(registry, "number1700")[1] is not None
    # so much that it is taken up
    before = os.stat(index_of(registry)).st_mtime_ns
    for i in range(500):
        if i % 100 == 0:
            changed = []
        changed.append({**nodes[i], "flows": [{**f, "description": f"wombat{i % 7} {f['description']}"} for f in nodes[i]["flows"]]})
        if i % 100 == 99:
            post(registry, "/update", greeting(f"http://made{i - 99}.example.com:1", nodes=changed))
    asked += ["wombat3", "wombat", "quokkas", "axolotl", "zyzzyva", "number1700"]
    for _ in range(3):
        assert answer(registry, "wombat3")[0] == sum(len(nodes[i]["flows"]) for i in range(500) if i % 7 == 3)
    assert os.stat(index_of(registry)).st_mtime_ns > before
    want = without(registry, asked)
    for words, found in zip(asked, want):
        assert answer(registry, words) == found, words
    post(registry, "/disconnect", {"provider": "http://new.example.net", "url": ["http://new.example.net"]})
    assert answer(registry, "quokkas")[0] == 0
    # the first node of all is hidden while the index is made, and shown again
    moderate = lambda verb: subprocess.run([KODO, verb, "http://n0.example.com", "--state", registry.state_path()], env=registry.env,     # noqa: E731
                                           check=True, stdin=subprocess.DEVNULL, capture_output=True)
    first = answer(registry, "wombat0")[0]
    moderate("hide")
    assert answer(registry, "wombat0")[0] == first - 25
    os.remove(index_of(registry))
    whole(registry)
    moderate("allow")
    assert answer(registry, "wombat0")[0] == first
    want = without(registry, asked)

    # whatever becomes of the file
    index = index_of(registry)
    shutil.copy(index, index + ".copy")
    with open(index, "rb") as f:
        units = int.from_bytes(f.read(48)[40:], "little")
    for damage in (lambda f: f.truncate(0), lambda f: f.truncate(700_000), lambda f: f.write(b"x" * 8), lambda f: (f.seek(8), f.write(b"other st"), f.seek(6144), f.write(bytes(500_000))),
                   lambda f: (f.seek(40), f.write(b"\xff" * 8)),
                   lambda f: (f.seek(40), f.write((units // 2).to_bytes(8, "little"))),               # half of an old head, half of a new one
                   lambda f: (f.seek(4096), f.write(b"\5\0\0\0")), lambda f: (f.seek(4096 + 40), f.write(b"\xff" * 4))):
        with open(index, "r+b") as f:
            damage(f)
        for words, found in zip(asked[-12:], want[-12:]):
            assert answer(registry, words) == found, words
        whole(registry)
        assert os.path.getsize(index) == os.path.getsize(index + ".copy")
        with open(index, "rb") as f:
            begin = struct.unpack_from(f"<{min(units, 512)}I", f.read(4096 + 4 * 512), 4096)
        assert begin[0] == 0 and sorted(begin) == list(begin)
        for words, found in zip(asked[-12:], want[-12:]):
            assert answer(registry, words) == found, words
    os.remove(index)
    assert [answer(registry, words) for words in asked[-12:]] == want[-12:]


def logged(registry):
    """Up to which change all is in."""
    with open(index_of(registry), "rb") as f:
        return int.from_bytes(f.read(24)[16:], "little")


def test_changes_are_taken_up_in_parts(responder):
    """The next request waits for no more than one part."""
    registry = responder(REGISTRY)
    made = lambda word: [node(f"http://n{n}.example.com", [flow(i, name=f"{word}{n}x{i}", description=None, tags=[]) for i in range(150)]) for n in range(300)]   # noqa: E731
    post(registry, "/connect", greeting("http://all.example.com:1", nodes=made("wombat")))
    whole(registry)
    before = logged(registry)
    post(registry, "/update", greeting("http://all.example.com:1", nodes=made("quokka")))
    assert answer(registry, "quokka0x149")[0] == 1
    registry.get("/")                                           # what follows a reply is done before the next one
    assert before < logged(registry) < before + 300
    assert [answer(registry, f"quokka{n}x149")[0] for n in range(0, 300, 23)] == [1] * 14


def test_state_is_taken_back(responder):
    """An older data.mdb in the place of the present one, and as many changes again before somebody looks for words."""
    registry = responder(REGISTRY)
    some = lambda word, n: greeting(f"http://{word}.example.com:1", nodes=[                                                     # noqa: E731
        node(f"http://{word}{i}.example.com", [flow(1, name=f"{word}{i}x", description=None, tags=[])]) for i in range(n)])
    nodes, data = made_nodes(random.Random(3)), os.path.join(registry.state_path(), "data.mdb")
    for i in range(0, len(nodes), 100):
        fill(registry, nodes[i:i + 100], f"made{i}")
    fill(registry, [node("http://big.example.com", [flow(i, name=f"Big {i}", description=None, tags=[]) for i in range(3000)])], "big")
    whole(registry)
    kodotest.end(registry.workers[0])
    shutil.copy(data, data + ".old")
    registry.workers[:] = [registry.start()]
    post(registry, "/connect", some("wombat", 600))
    whole(registry)
    kodotest.end(registry.workers[0])
    shutil.move(data + ".old", data)
    registry.workers[:] = [registry.start()]
    post(registry, "/connect", some("quokka", 700))
    for _ in range(2):
        assert [answer(registry, f"quokka{i}x")[0] for i in range(0, 700, 50)] == [1] * 14
        assert answer(registry, "wombat7x")[0] == 0
        whole(registry)


def test_log_lost_its_end(responder):
    """Nodes that are forgotten have no entry any more, and what is behind them is all in."""
    registry = responder({**REGISTRY, "feed": False, "flows": [{"url": f"/own{i}", "name": f"own{i}x", "description": None, "tags": []} for i in range(21000)]})
    whole(registry)
    before, url = logged(registry), "http://all.example.com:1"
    post(registry, "/connect", greeting(url, nodes=[node(f"http://n{n}.example.com", [flow(1, tags=[])]) for n in range(300)]))
    done = subprocess.run([KODO, "evict", url, "--forget", "--state", registry.state_path()], env=registry.env, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0, done
    whole(registry)
    assert logged(registry) > before
    assert [answer(registry, f"own{i}x")[0] for i in (0, 300, 20999)] == [1, 1, 1]


def test_file_cannot_be_written(responder):
    """It is said once, and all is found."""
    registry = responder(REGISTRY)
    fill(registry, [node("http://big.example.com", [flow(i, name=f"Big{i}x", description=None, tags=[]) for i in range(21000)])], "big")
    resource.prlimit(registry.workers[0].pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    assert [answer(registry, f"big{i}x")[0] for i in (0, 300, 20999)] == [1, 1, 1]
    registry.get("/")
    assert registry.log().count("the index of words cannot be written") == 1
    resource.prlimit(registry.workers[0].pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    whole(registry)
    assert logged(registry) > 0
    assert [answer(registry, f"big{i}x")[0] for i in (0, 300, 20999)] == [1, 1, 1]


def test_no_index_of_few(responder):
    registry = responder(REGISTRY)
    fill(registry, made_nodes(random.Random(2))[:40], "few")
    for words in ("ba", "xyzzy"):
        registry.get(target_of(words))
    registry.get("/")
    assert not os.path.exists(index_of(registry))
