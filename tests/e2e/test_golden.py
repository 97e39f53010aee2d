"""Requests and exact answers of every endpoint over small fixed registries: tests/data/golden/*.jsonl.

A file is one service: its first line holds the options, each further line one request, sent in order, and the answer: status, headers
and body, as JSON where the body is compact JSON (the order of keys counts), else as text. Times of the last day are <time>, versions
<version>, ETags W/"<etag>", the sender's epoch and sequence <any>, numbers of changes <view>;
pages are without their style. To add a case add a line without an answer. `make golden` writes all answers anew; what has changed, git diff shows.
"""
import datetime
import glob
import json
import os
import re

import pytest

import kodotest

FOLDER = os.path.join(kodotest.SRCDIR, "tests", "data", "golden")
FILES = sorted(glob.glob(os.path.join(FOLDER, "*.jsonl")))
HEADERS = ("content-type", "etag", "allow", "location", "cache-control", "vary", "retry-after")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?")
DAY = datetime.timedelta(days=1)


def mask_time(match):
    text = match[0].replace(" ", "T").replace("Z", "+00:00")
    when = datetime.datetime.fromisoformat(text if "+" in text else text + "+00:00")
    return "<time>" if abs(datetime.datetime.now(datetime.timezone.utc) - when) < DAY else match[0]


def mask(text, options):
    # first, for such a number may look like a version
    text = re.sub(r'"(life|sent)":\d+', r'"\1":"<any>"', text)
    text = re.sub(r'"(view|since)":\d{12,}', r'"\1":"<view>"', text)
    text = re.sub(r' data-view="\d+"', ' data-view="<view>"', text)
    text = re.sub(r":1\d{15}(?=[,}])", ':"<version>"', TIME.sub(mask_time, text))
    text = re.sub(r"<style>.*?</style>", "<style></style>", text, flags=re.S)
    return re.sub(r'"idle":(true|false)', '"idle":"<any>"', text) if options.get("mask_idle") else text


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def stable(answer, options):
    """The part of a line that the answer gives."""
    headers = {name: re.sub(r'"[^"]+"', '"<etag>"', answer.headers[name]) if name == "etag" else answer.headers[name]
               for name in HEADERS if name in answer.headers}
    body = mask(answer.text(), options)
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if value is not None and dump(value) == body:
        return {"status": answer.status, "headers": headers, "answer": value}
    return {"status": answer.status, "headers": headers, "text": body}


def send(service, row):
    request = row["request"]
    method, target = request["line"].split(" ", 1)
    body = request.get("body")
    return service.request(method, target, request.get("headers"), body.encode() if isinstance(body, str) else body)


@pytest.mark.parametrize("path", FILES, ids=[os.path.basename(path)[:-6] for path in FILES])
def test_answers_are_as_written(service, path):
    with open(path, encoding="utf-8") as f:
        first, *rows = [json.loads(line) for line in f]
    port = kodotest.free_port()
    one = service(first["options"], ["--listen", f"127.0.0.1:{port}"], port)
    differ = []
    for row in rows:
        got = stable(send(one, row), first)
        wanted = {key: row[key] for key in ("status", "headers", "answer", "text") if key in row}
        if dump(got) != dump(wanted):                       # as text: of equal objects the order of keys may differ
            differ.append(f"{row['name']}: {row['request']['line']}\n  wanted {dump(wanted)[:3000]}\n  got    {dump(got)[:3000]}")
        for key in ("status", "headers", "answer", "text"):
            row.pop(key, None)
        row.update(got)
    if os.environ.get("GOLDEN") == "write":
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.writelines(dump(row) + "\n" for row in [first] + rows)
        os.replace(path + ".new", path)
        return
    assert not differ, "\n".join(differ)
    assert rows and all("status" in row for row in rows)


def test_there_are_golden_files():
    assert len(FILES) >= 5
