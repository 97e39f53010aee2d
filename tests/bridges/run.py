#!/usr/bin/env python3
"""Hold what the bridges answer against the families' own checkers and clients. `make check-bridges` runs it.

usage: run.py VENV SDK_PYTHON NODE_FOLDER

A registry with flows of its own, some tagged a2a and mcp, and others of nodes is started, on loopback alone. Checked are: each
server.json by skillsaw's rule and by the schema that it carries; the manifests by Lighthouse's ARD audit, llms.txt by its audit and
llms-txt-audit; each card by a2a-sdk; and two clients of MCP registries, and the calls of an editor, list, page, search and look up.
Exit status 1 if one of them complains. What is not installed (npm, a python of 3.13 for one client) is said, and is a failure.
"""
import asyncio
import json
import os
import subprocess
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import kodotest                                                  # noqa: E402
from kodotest import connect_body, flow, node                    # noqa: E402

FAR = "https://agents.example.org"
ODD = "\"<é>\\\u0001🚀 [x](y) " * 40
OWN = [flow(n) for n in range(20)] + [
    flow(20, tags=["a2a", "x"], entry=f"{FAR}/a2a"), flow(21, tags=["a2a"], description=None, author=None), flow(22, tags=["mcp"], entry=f"{FAR}/mcp"),
    flow(23, tags=["mcp-sse", "cap:weather"], entry=f"{FAR}/sse"), flow(24, name=ODD[:900], description=ODD, tags=[ODD[:200]]), flow(25, url="/ü-x/%zz", tags=[])]
failures = []


def check(what, is_right, why=""):
    print(f"{'ok  ' if is_right else 'FAIL'} {what}{'' if is_right else f': {why}'}"[:3000], flush=True)
    if not is_right:
        failures.append(what)


def walk(one):
    got, cursor = [], ""
    while cursor is not None:
        body = one.get(f"/v0.1/servers?limit=7&version=latest&cursor={urllib.parse.quote(cursor)}").json()
        got += body["servers"]
        cursor = body["metadata"].get("nextCursor")
    return got


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    return done.returncode == 0, (done.stdout + done.stderr)[-2500:]


def check_servers(venv, place, servers):
    import glob

    import jsonschema
    pattern = os.path.join(venv, "lib", "python3*", "site-packages", "skillsaw", "schemas", "mcp_registry", "v2025_12_11", "server.schema.json")
    with open(glob.glob(pattern)[0], encoding="utf-8") as f:
        schema = jsonschema.Draft7Validator(json.load(f), format_checker=jsonschema.FormatChecker())
    wrong = [str(e) for s in servers for e in schema.iter_errors(s["server"])]
    check(f"{len(servers)} server.json by the schema of 2025-12-11", not wrong, wrong[:2])
    for number, entry in enumerate(servers):
        folder = os.path.join(place, "servers", str(number))
        os.makedirs(folder)
        with open(os.path.join(folder, "server.json"), "w", encoding="utf-8") as f:
            json.dump(entry["server"], f)
    folders = [os.path.join(place, "servers", str(n)) for n in range(len(servers))]
    good, said = run(os.path.join(venv, "bin", "skillsaw"), "lint", "--rule", "mcp-registry-server-json-valid", "--strict", "--no-progress", "--no-color", *folders)
    check("skillsaw mcp-registry-server-json-valid over all of them", good, said)


def check_cards(one):
    from a2a.types import AgentCard
    from google.protobuf import json_format
    for n in (20, 21):
        text = one.get(f"/flows/flow-{n}/agent-card.json").text()
        try:
            card = json_format.Parse(text, AgentCard())
            check(f"a2a-sdk parses the card of flow {n}", card.name == f"Flow {n}" and len(card.skills) == 1, text)
        except json_format.ParseError as error:
            check(f"a2a-sdk parses the card of flow {n}", False, error)


def check_texts(venv, nodes, place, one):
    for name, target in (("ard.json", "/.well-known/ard.json"), ("catalog.json", "/.well-known/mcp/catalog.json"), ("llms.txt", "/llms.txt")):
        with open(os.path.join(place, name), "wb") as f:
            f.write(one.get(target).body)
    good, said = run(os.path.join(venv, "bin", "llms-txt-audit"), os.path.join(place, "llms.txt"))
    check("llms-txt-audit", good, said)
    good, said = run("node", os.path.join(HERE, "lighthouse.mjs"), os.path.abspath(nodes), *(os.path.join(place, n) for n in ("ard.json", "catalog.json", "llms.txt")))
    print(said.rstrip())
    check("Lighthouse: ARD and llms.txt", good, "see above")


async def ask_langchain(one, place, servers):
    from langchain_mcp_registry.client import MCPRegistryClient
    names = [s["server"]["name"] for s in servers]
    async with MCPRegistryClient(registry_url=f"{one.url}/v0.1/servers", cache_enabled=False, cache_dir=place) as client:
        first = await client.search_servers(limit=5)
        found = await client.search_servers(query="number 13", limit=5)
        check("langchain-mcp-registry lists and searches", [s.name for s in first] == names[:5] and [s.name.split("flow-")[1][:2] for s in found] == ["13"], (first, found))
        details = [await client.get_server_details(name) for name in names]
        check("langchain-mcp-registry looks all of them up", [d.name for d in details] == names)


def check_editor(one, servers):
    """As an editor with a registry url asks: a list, a search, and the newest of the one chosen."""
    headers = {"Accept": "application/json", "Origin": "vscode-file://vscode-app"}
    listed = one.request("GET", "/v0.1/servers?limit=50&version=latest", headers=headers)
    found = one.request("GET", "/v0.1/servers?limit=50&version=latest&search=number+22", headers=headers).json()["servers"]
    name = urllib.parse.quote(found[0]["server"]["name"], safe="")
    chosen = one.request("GET", f"/v0.1/servers/{name}/versions/latest", headers=headers)
    check("an editor's three calls", len(listed.json()["servers"]) == min(50, len(servers)) and chosen.json() == found[0] and
          chosen.json()["server"]["remotes"] == [{"type": "streamable-http", "url": f"{FAR}/mcp"}] and
          listed.headers["access-control-allow-origin"] == chosen.headers["access-control-allow-origin"] == "*", (listed.status, found, chosen))


def main():
    venv, sdk, nodes = sys.argv[1:4]
    with kodotest.folder() as place:
        one = kodotest.Service(place, {"organization": "Here & <there>", "flows": OWN, "trigger": "cron", "wait": 0, "private": True}).start()
        try:
            assert one.post("/connect", connect_body(FAR, nodes=[node(FAR, [flow(n) for n in range(30, 60)]), node(f"{FAR}:8443/a", [flow(61, tags=["mcp"], entry=f"{FAR}/m")])])).status == 201
            servers = walk(one)
            check("all are listed", len(servers) == len(OWN) + 31)
            check_servers(venv, place, servers)
            check_cards(one)
            check_texts(venv, nodes, place, one)
            asyncio.run(ask_langchain(one, place, servers))
            good, said = run(sdk, os.path.join(HERE, "mcp_sdk.py"), one.url)
            check("mcp-registry-sdk lists, pages, searches and looks up", good, said)
            check_editor(one, servers)
        finally:
            one.kill()
    print(f"{len(failures)} failed")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
