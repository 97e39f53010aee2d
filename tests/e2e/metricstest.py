"""What /metrics says, read strictly: OpenMetrics 1.0."""
import re

OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
NAME = r"[a-z_][a-z0-9_]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{((?:{NAME}="[^"\\\n]*",?)*)\}})? (-?[0-9]+(?:\.[0-9]+)?)')
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def read(text):
    """{(name, frozenset of (label, value)): number}, after every line was looked at."""
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""]
    samples, families, family, kind, meta = {}, set(), None, None, []
    for line in lines[:-2]:
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            if word == "TYPE":
                assert name not in families, f"{name} twice"
                family, kind, meta = name, rest, []
                families.add(name)
                assert kind in SUFFIXES
            assert name == family and word not in meta and rest
            meta.append(word)
            assert word != "UNIT" or name.endswith("_" + rest)
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, number = match.groups()
        assert name.startswith(family) and name[len(family):] in SUFFIXES[kind] and "HELP" in meta, line
        labels = dict(re.findall(rf'({NAME})="([^"]*)"', labels or ""))
        key = (name, frozenset(labels.items()))
        assert key not in samples, f"{line} twice"
        samples[key] = float(number)
    for (name, labels), number in samples.items():
        if name.endswith("_bucket") and dict(labels)["le"] == "+Inf":
            rest = labels - {("le", "+Inf")}
            series = [n for (other, some), n in samples.items() if other == name and {x for x in some if x[0] != "le"} == set(rest)]
            assert series == sorted(series) and len(series) == 16, name
            assert number == samples[name.replace("_bucket", "_count"), frozenset(rest)]
            assert samples[name.replace("_bucket", "_sum"), frozenset(rest)] >= 0
    return samples


def of(samples, name, **labels):
    """The sum of the samples with that name and these labels."""
    return sum(n for (other, some), n in samples.items() if other == name and labels.items() <= dict(some).items())


def scrape(service, **more):
    answer = service.get("/metrics", **more)
    assert (answer.status, answer.headers["content-type"]) == (200, OPEN), answer
    assert answer.headers["cache-control"] == "no-cache" and "content-encoding" not in answer.headers
    return read(answer.text())
