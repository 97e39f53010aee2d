"""Cards of agents (A2A) and of servers (MCP) beside the pages of own flows; llms.txt."""
import re

from kodotest import connect_body, flow, node
from responder import FLOWS, OWN, check_json

FAR = "https://agents.example.org"
ENTRY = "https://agents.example.org/a2a"
OURS = FLOWS + [flow(6, tags=["a2a", "x"], entry=ENTRY), flow(7, tags=["a2a"], description=None), flow(8, tags=["mcp"], entry=ENTRY), flow(9, url="/a/agent-card.json")]


def test_card_of_an_agent(hosted):
    kodo = hosted({"flows": OURS, "organization": "Here"})
    card = check_json(kodo.get("/flows/flow-6/agent-card.json"))
    assert card["supportedInterfaces"] == [{"url": ENTRY, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]
    assert (card["name"], card["description"], card["documentationUrl"]) == ("Flow 6", "what number 6 does", f"{OWN}/flows/flow-6")
    assert card["provider"] == {"organization": "Here", "url": OWN} and re.fullmatch(r"0\.0\.\d+", card["version"])
    assert [(s["name"], s["tags"]) for s in card["skills"]] == [("Flow 6", ["a2a", "x"])] and card["skills"][0]["id"]
    assert {"capabilities", "defaultInputModes", "defaultOutputModes"} <= set(card) and "url" not in card
    other = check_json(kodo.get("/flows/flow-7/agent-card.json"))
    assert other["description"] == "Flow 7" and other["supportedInterfaces"][0]["url"] == f"{OWN}/flows/flow-7"


def test_card_of_a_server(hosted):
    answer = hosted({"flows": OURS}).get("/flows/flow-8/server-card")
    assert answer.status == 200 and answer.headers["content-type"] == "application/mcp-server-card+json"
    card = answer.json()
    assert card["remotes"] == [{"type": "streamable-http", "url": ENTRY}] and card["title"] == "Flow 8" and card["name"].startswith("x--1.localhost/")


def test_where_there_is_none(hosted):
    kodo = hosted({"flows": OURS})
    kodo.post("/connect", connect_body(FAR, nodes=[node(FAR, [flow(20, tags=["a2a"])])]))
    for path in ("flow-1/agent-card.json", "flow-6/server-card", "flow-8/agent-card.json", "flow-20/agent-card.json", "agent-card.json", "/agent-card.json", "flow-6/agent-card.jso",
                 "flow-6//x/agent-card.json", "%ff/agent-card.json", "flow-6/agent-card.json/agent-card.json"):
        assert kodo.get(f"/flows/{path}").status in (400, 404), path
    # a flow of that name is what it was
    assert kodo.request("GET", "/flows/a/agent-card.json", {"Accept": "application/json"}).json()["name"] == "Flow 9"
    assert kodo.request("POST", "/flows/flow-6/agent-card.json", body=b"{}").status == 405
    off = hosted({"flows": OURS, "bridges": ["ard"]})
    assert off.get("/flows/flow-6/agent-card.json").status == off.get("/flows/flow-8/server-card").status == off.get("/llms.txt").status == 404
    closed = hosted({"flows": OURS, "auth_remote_user": True})
    assert closed.get("/flows/flow-6/agent-card.json").status == closed.get("/llms.txt").status == 401


def test_cards_are_asked_for_again_when_they_change(hosted):
    kodo = hosted({"flows": OURS})
    for target in ("/flows/flow-6/agent-card.json", "/flows/flow-8/server-card", "/llms.txt"):
        get, head = kodo.get(target), kodo.request("HEAD", target)
        assert kodo.request("GET", target, {"If-None-Match": get.headers["etag"]}).status == 304
        assert head.body == b"" and head.headers["content-length"] == get.headers["content-length"]
    assert kodo.request("DELETE", "/llms.txt").status == 405
    tag = kodo.get("/llms.txt").headers["etag"]
    kodo.write_loader({"flows": OURS, "bridges": ["llms"]})
    assert kodo.get("/llms.txt").headers["etag"] != tag and "MCP" not in kodo.get("/llms.txt").text()


def test_llms_txt(hosted):
    kodo = hosted({"url": f"{OWN}/reg", "organization": "Here [#1] & co", "flows": [flow(n, name=f"[F{n}](x)\n# {n}", url=f"/f({n})") for n in range(150)]})
    answer = kodo.get("/reg/llms.txt")
    assert answer.status == 200 and answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text().split("\n")
    assert lines[0] == "# Here \\[\\#1\\] & co" and lines[2].startswith("> A registry of 150 agents") and [x for x in lines if x.startswith("#")] == [lines[0], "## API", "## Flows"]
    links = re.findall(r"^- \[((?:[^\]\\]|\\.)*)\]\(([^()\s]*)\): ", answer.text(), re.M)
    assert len(links) == 105 and len([x for x in links if x[1].startswith(f"{OWN}/reg/flows/f%28")]) == 100
    for _, url in links[:5]:
        assert kodo.get(url[len(OWN):]).status == 200, url
    empty = hosted({"flows": []}).get("/llms.txt").text()
    assert empty.startswith("# Test Organization\n") and "None of its own." in empty
