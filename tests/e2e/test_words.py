"""words=: judged queries over the walk-through's flows and over 10,000 made ones; page, JSON and command line alike."""
import html
import json
import os
import random
import re
import subprocess
import sys
import urllib.parse

import kodotest
from kodotest import KODO, connect_body

sys.path.insert(0, os.path.join(kodotest.SRCDIR, "tests", "query"))
import words_reference                                      # noqa: E402

REGISTRY = {"organization": "Judge", "registry": True, "feed": True, "page_max": 100_000}
HTML = {"accept": "text/html"}
FLOWS = 10000
TOP = 10


def walkthrough_nodes():
    """The nodes of conf/walkthrough, whose loader files are plain enough to be read by lines."""
    for name in ("node", "provider"):
        flows, organization = [], None
        with open(os.path.join(kodotest.SRCDIR, "conf", "walkthrough", name + ".yaml"), encoding="utf-8") as f:
            for line in f.read().splitlines():
                if line.startswith("- organization: "):
                    organization = line.split(": ", 1)[1]
                elif line.startswith("  - url: "):
                    flows.append({"url": line.split(": ", 1)[1], "tags": []})
                elif line.startswith("    - "):
                    flows[-1]["tags"].append(line[6:])
                elif line.startswith("    ") and ": " in line:
                    flows[-1].update([line.strip().split(": ", 1)])
        yield {"url": f"http://{name}.example.com", "organization": organization, "flows": flows}


def zipf_nodes(seed=15, flows=FLOWS):
    """Flows of made words, the n-th of which is used about 1/n times as often as the first; some with other letters."""
    rng = random.Random(seed)
    syllables = [a + b for a in "bcdfglmnprstv" for b in "aeiou"] + ["ä", "ß", "é", "ĳ"]
    words = ["".join(rng.choices(syllables, k=rng.choice([1, 2, 2, 3, 3, 4]))) for _ in range(4000)]
    weights = [1 / (n + 1) for n in range(len(words))]
    some = lambda least, most: " ".join(rng.choices(words, weights, k=rng.randint(least, most)))
    joins = [" ", " ", " ", " ", ", ", "-", "_", "/", "\u00a0"]
    for first in range(0, flows, 25):
        yield {"url": f"http://n{first}.example.com", "organization": some(1, 2).title() if first % 100 else None, "flows": [
            {"url": f"/f{n}", "name": some(1, 3).title(), "tags": sorted({some(1, 1) for _ in range(rng.randint(0, 4))}),
             "author": rng.choice([None, f"{some(1, 1)}.{some(1, 1)}@example.org"]),
             "description": rng.choice([None, rng.choice(joins).join(some(4, 18).split()).capitalize() + "."])}
            for n in range(first, min(first + 25, flows))]}


def fill(registry, nodes, name):
    assert registry.post("/connect", connect_body(f"http://{name}.example.com:1", nodes=list(nodes))).status == 201


def target_of(words, **more):
    return "/flows?" + urllib.parse.urlencode({"words": words, **more})


def judge(registry, words, items):
    """The answer is the reference's; returns its first items."""
    answer = registry.get(target_of(words, pp=TOP)).json()
    found, meant = words_reference.order(words, items), None
    if not found:
        meant = words_reference.meant(words, items)
        found = words_reference.order(meant, items) if meant else []
        meant = meant if found else None
    assert answer["did_you_mean"] == meant, words
    assert answer["filtered"] == len(found), words
    assert [item["url"] for item in answer["items"]] == [item["url"] for item in found[:TOP]], words
    assert answer["by"] == "rank, name, url" and answer["q"] is None
    return answer["items"]


def page_names(registry, words):
    text = registry.get(target_of(words, pp=TOP), headers=HTML).text()
    return [html.unescape(re.sub("</?mark>", "", name)) for name in re.findall(r'<a class="flow"[^>]*><bdi>(.*?)</bdi></a>', text)]


def command_answer(registry, words):
    done = subprocess.run([KODO, "flows", words, "--json", "--pp", str(TOP), "--state", registry.state_path()], env=registry.env,
                          capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout)


def judged():
    """(words, the names wanted, are these all)"""
    with open(os.path.join(kodotest.SRCDIR, "tests", "data", "judged.txt"), encoding="utf-8") as f:
        for line in f.read().splitlines():
            if line and not line.startswith("#"):
                words, want = (part.strip() for part in re.split(" ->", line))
                yield words, [name.strip() for name in want.removeprefix("=").split("|")] if want else [], want[:1] in ("", "=")


def test_judged_queries(responder):
    registry, queries = responder(REGISTRY), list(judged())
    fill(registry, walkthrough_nodes(), "walk")
    items = registry.get("/flows?pp=100").json()["items"]
    assert len(items) == 55 and len(queries) > 120
    for words, want, is_all in queries:
        names = [item["name"] for item in judge(registry, words, items)]
        assert (names if is_all else names[:1]) == want, words
        assert page_names(registry, words) == names, words
        assert command_answer(registry, words) == registry.get(target_of(words, pp=TOP)).json(), words


def made_queries(rng, items):
    """Words of the flows themselves, changed in the ways that people change them."""
    def words_of(text):
        return re.findall(r"[^\W_]+", text or "")
    while True:
        item, other = rng.choice(items), rng.choice(items)
        words = words_of(item["description"]) or words_of(item["name"])
        word, name = rng.choice(words), rng.choice(words_of(item["name"]))
        start = rng.randrange(len(words))
        cut = rng.randrange(len(word))
        typo = rng.choice([word[:cut] + word[cut + 1:], word[:cut] + "x" + word[cut:], word[:cut] + "q" + word[cut + 1:],
                           word[:cut] + word[cut:cut + 2][::-1] + word[cut + 2:]])
        yield rng.choice([
            word, word.upper(), word[:rng.randint(1, len(word))], f"{name} {word}", f"{word} {rng.choice(words_of(other['name']))}",
            f'"{" ".join(words[start:start + rng.randint(1, 3)])}"', f"{name} -{word}", f"name:{name[:3]} {word[:4]}",
            f"tag:{rng.choice(item['tags'] or ['ba'])}", f'org:"{item["organization"] or "Ba"}" {word}',
            f"author:{(item['author'] or 'ba')[:4]}", typo, f"{typo} {name}", f"description:{typo}", f"-{word} {name[:2]}"])


def test_made_queries(responder):
    rng, registry = random.Random(2015), responder(REGISTRY)
    fill(registry, zipf_nodes(), "zipf")
    items = registry.get("/flows?pp=100000").json()["items"]
    assert len(items) == FLOWS
    kinds = {"none": 0, "meant": 0, "some": 0}
    for _, words in zip(range(int(os.environ.get("KODO_QUERIES", "70"))), made_queries(rng, items)):
        found = judge(registry, words, items)
        meant = registry.get(target_of(words)).json()["did_you_mean"]
        kinds["meant" if meant else "some" if found else "none"] += 1
        if rng.random() < 0.2:
            assert page_names(registry, words) == [item["name"] for item in found], words
            assert command_answer(registry, words) == registry.get(target_of(words, pp=TOP)).json(), words
    assert min(kinds.values()) > 0, kinds


def test_pages_and_what_narrows(responder):
    registry = responder(REGISTRY)
    fill(registry, zipf_nodes(seed=3, flows=500), "zipf")
    items = registry.get("/flows?pp=1000").json()["items"]
    words = "ba -tag:da"
    want = [item["url"] for item in words_reference.order(words, items)]
    urls = lambda **more: [item["url"] for item in registry.get(target_of(words, **more)).json()["items"]]
    assert len(want) > 30
    assert [url for p in range(len(want) // 7 + 1) for url in urls(pp=7, p=p)] == want
    seen, after = [], ""
    while after is not None:
        answer = registry.get(target_of(words, pp=7, after=after)).json()
        seen += [item["url"] for item in answer["items"]]
        after = answer["next"]
    assert seen == want
    tag = next(item for item in items if item["tags"] and item["url"] in want)["tags"][0]
    organization = next(item for item in items if item["organization"] and item["url"] in want)["organization"]
    for more, keeps in (({"tag": tag}, lambda item: tag in item["tags"]),
                        ({"organization": organization}, lambda item: item["organization"] == organization),
                        ({"q": "author.notnull()"}, lambda item: item["author"] is not None),
                        ({"q": "da"}, lambda item: "da" in words_reference.fold(" ".join(
                            [item["organization"] or "", item["name"], item["author"] or "", item["description"] or "", *item["tags"]]))),
                        ({"alive": 1}, lambda item: True)):
        kept = {item["url"] for item in items if keeps(item)}
        assert urls(pp=500, **more) == [url for url in want if url in kept], more
    assert urls(pp=500, by="name:d") == [item["url"] for item in sorted(sorted(
        (item for item in items if item["url"] in want), key=lambda item: item["url"]), key=lambda item: item["name"], reverse=True)]
    assert registry.get(target_of('name == "x" or name ~ "ba"')).json()["q"] == 'name == "x" or name ~ "ba"'
    assert registry.get(target_of("")).json()["filtered"] == 500 and "did_you_mean" not in registry.get("/flows?q=ba").json()
    feed = registry.get(target_of("ba", format="atom", pp=500)).text()
    assert feed.count("<entry>") == registry.get(target_of("ba")).json()["filtered"] and "words=ba" in feed
    for bad in ("x " * 40, "y" * 300, f'"{"z " * 200}"'):
        assert registry.get(target_of(bad)).status == 400
