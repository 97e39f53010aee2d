#!/usr/bin/env python3
"""Write www/examples.txt: one call of each route with its real answer, for /docs and the API's document.

usage: KODO=... examples.py [FILE]    (make examples)

Two services that talk to each other and a kodo peer are asked; ports, times and versions are then written as fixed ones.
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import kodotest                                                  # noqa: E402

TREE = kodotest.SRCDIR
NODE = "http://node.example.com:3368"
FLOWS = [
    {"url": "/translate", "name": "Translate", "description": "Translates letters into plain words.", "author": "zoe@example.com",
     "tags": ["language", "office"]},
    {"url": "/summarize", "name": "Summarize", "description": "Says in ten lines what a report says in a hundred.",
     "author": "sam@example.com", "tags": ["office"]},
]
BODY = {"url": NODE, "organization": "Example Node", "registry": False, "feed": False, "idle": True, "now": "2026-01-01T12:00:00Z", "message": []}
NODES = [{"url": NODE, "organization": "Example Node", "flows": [
    {"url": "/chat", "name": "Chat", "description": "Answers questions about invoices.", "author": None, "tags": ["language"],
     "entry": "https://agents.example.com/chat"}]}]
CALLS = [
    ("POST", "/connect", {**BODY, "nodes": NODES}),
    ("POST", "/update", {**BODY, "nodes": NODES}),
    ("GET", "/", None),
    ("GET", "/status", None),
    ("GET", "/health", None),
    ("GET", "/health/live", None),
    ("GET", "/health/ready", None),
    ("GET", "/map", None),
    ("GET", "/connect", None),
    ("GET", "/flows?words=letters%20tag:language&pp=2&facets=1", None),
    ("GET", "/flow?url=http%3A%2F%2Fnode.example.com%3A3368%2Fflows%2Fchat", None),
    ("GET", "/organization?name=Example%20Node", None),
    ("GET", "/flows/translate", None),
    ("GET", "/changes?limit=1", None),
    ("GET", "/counts?words=tag:office", None),
    ("GET", "/v0.1/servers?search=invoices", None),
    ("GET", "/v0.1/servers/com.example.node%2F3368.chat-24ca2ff5/versions/latest", None),
    ("GET", "/.well-known/mcp/catalog.json", None),
    ("GET", "/.well-known/ard.json", None),
    ("GET", "/ard/agents?pageSize=1&filter=tags=language", None),
    ("GET", "/ard/agents/urn:air:node.example.com:flow:3368.chat-24ca2ff5", None),
    ("POST", "/ard/search", {"query": {"text": "who answers questions about invoices?", "filter": {"tags": ["language"]}}, "pageSize": 1}),
    ("POST", "/ard/explore", {"resultType": {"facets": [{"field": "tags"}, {"field": "type"}]}}),
    ("GET", "/.well-known/kodo.json", None),
    ("GET", "/health", None),
    ("GET", "/health/live", None),
    ("GET", "/health/ready", None),
    ("GET", "/cron?key=KEY", None),
    ("POST", "/moderation?do=deny&pattern=organization:Spam*", None),
    ("GET", "/moderation", None),
    ("POST", "/reconnect", BODY),
    ("POST", "/disconnect", {"provider": NODE, "url": [NODE]}),
    ("DELETE", "/connect", None),
]


def fixed(text, names):
    for old, new in names:
        text = text.replace(old, new)
    text = re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", r"2026-01-01T12:00:00.000001\2", text)
    text = re.sub(r'"key": ?"[\w-]{43}"', '"key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"', text)
    text = re.sub(r'"version": ?"0\.0\.\d+"', '"version": "0.0.1764000000000000"', text).replace('"x--1.localhost/item"', '"com.example.registry/item"')
    text = re.sub(r'"version": ?"\d{16}"', '"version": "1764000000000000"', text)
    text = re.sub(r"urn:air:localhost:flow:\d+\.(\w+)-[0-9a-f]{8}", r"urn:air:registry.example.com:flow:3366.\1-1f2e3d4c", text)
    text = re.sub(r'(urn:air:|"identifier": ?")localhost', r"\1registry.example.com", text)
    text = re.sub(r'"view": ?\d+', '"view": 3906280619180037', text)
    text = re.sub(r'"(runner|cron)": ?(true|false|null)', r'"\1": null', text).replace('"runner": null', '"runner": true')
    text = re.sub(r'"pending": ?\d+', '"pending": 0', text)
    return re.sub(r'"idle": ?\w+', '"idle": true', text)


def pretty(body, names):
    return json.dumps(json.loads(fixed(body, names)), indent=2, ensure_ascii=False)


def write(out):
    with kodotest.folder() as place, kodotest.folder() as other:
        up = kodotest.Service(other, {"organization": "Upper Registry"}).start()
        one = kodotest.Service(place, {"organization": "Example Registry", "flows": FLOWS, "connect": [up.url]}).start()
        names = [(one.url, "http://registry.example.com:3366"), (up.url, "http://upper.example.com:3367")]
        try:
            kodotest.wait_until(lambda: up.total() == 2 and one.is_idle(), 10, "connected")
            with open(os.path.join(one.state_path(), "key"), encoding="ascii") as f:
                key = f.read().strip()
            for method, target, sent in CALLS:
                answer = one.request(method, target.replace("KEY", key), body=sent, headers={"accept": "application/json"})
                assert answer.status in (200, 201, 204), answer
                out.write(f"@ {method} {target.replace('KEY', '0123456789abcdef0123456789abcdef')}\n")
                if sent:
                    out.write(pretty(json.dumps(sent), names) + "\n")
                out.write(f"< {answer.status}\n" + (pretty(answer.text(), names) + "\n" if answer.body else ""))
        finally:
            one.kill()
            up.kill()


if __name__ == "__main__":
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TREE, "www", "examples.txt")
    with open(path + ".new", "w", encoding="utf-8") as new:
        write(new)
    os.replace(path + ".new", path)
