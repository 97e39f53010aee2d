"""What visitors see first, and the page of the operator: numbers, popular tags, what is new, and that none of it costs a pass over all."""
import os
import re
import time

from kodotest import connect_body, flow, greeting, node, wait_until

HTML = {"accept": "text/html"}


def page(one, target="/"):
    answer = one.get(target, headers=HTML)
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/html"), answer
    return answer.text()


def tags(text):
    return re.findall('<a class="tag" href="[^"]*"><bdi>([^<]*)</bdi> <span class="dim">([0-9,]*)', text)


def recent(text):
    return re.findall('<a class="flow"[^>]*><bdi>([^<]*)<', text)


def connect(one, port, n, **more):
    url = f"http://127.0.0.1:{port}"
    flows = [flow(i, name=f"Agent {port}.{i}", tags=["all", f"of-{port}"]) for i in range(n)]
    assert one.post("/connect", greeting(url, organization=f"Org {port}", nodes=[node(url, flows, organization=f"Org {port}")], **more)).status == 201


def test_what_there_is(responder):
    one = responder({"organization": "Here", "flows": [flow(1, name="Own", tags=["own", "all"])]})
    text = page(one)
    assert "1 agent</strong></a> of 1 organization " in text and tags(text) == [("all", "1"), ("own", "1")] and recent(text) == ["Own"]
    for port in range(1, 13):
        connect(one, port, port)
    text = page(one)
    assert "79 agents</strong></a> of 13 organizations" in text and re.search("fresh</span> 1</p>", text)
    assert tags(text)[:3] == [("all", "79"), ("of-12", "12"), ("of-11", "11")] and len(tags(text)) == 12
    assert recent(text)[:4] == ["Agent 12.0", "Agent 12.1", "Agent 12.2", "Agent 11.0"] and "and 9 more" in text
    assert len(re.findall("<li>", text)) == 8
    connect(one, 3, 1)                                           # changed: first again
    assert recent(page(one))[:2] == ["Agent 3.0", "Agent 12.0"]
    assert one.post("/disconnect", {"provider": "http://127.0.0.1:12", "url": ["http://127.0.0.1:12"]}).status == 200
    text = page(one)
    assert "65 agents" in text and "12 organizations" in text and "Agent 12" not in text and tags(text)[1] == ("of-11", "11")


def test_nothing_yet(responder):
    one = responder({"organization": "Here"})
    text = page(one)
    assert "No agent is registered yet" in text and "Offer your agents here" in text and "Popular" not in text and "Recently" not in text
    assert one.get("/").json()["organization"] == "Here"         # for peers as ever


def test_the_lines_to_copy_make_a_node(service):
    """What the page offers works as it stands, but for the address."""
    registry = service({"organization": "Here"})
    lines = re.search('<pre tabindex="0">([^<]*)</pre>', page(registry))[1]
    assert lines.count("\n") == 3 and f"- connect: {registry.url}\n" in lines
    one = service({})
    one.stop()
    with open(one.loader, "w", encoding="utf-8") as f:
        f.write(lines.replace("https://agents.example.org:443", one.url) + f"\n- cache_data: ./data/{one.port}.json\n")
    one.write_loader = lambda: None
    one.start()
    wait_until(lambda: recent(page(registry)) == ["Hello World"], 10, "it is listed")
    # and at the node: who lists it
    wait_until(lambda: "since <time" in page(one), 10, "its answer is known")
    text = page(one)
    assert "Listed at" in text and f'href="{registry.url}"' in text and "Offer your agents" not in text


def test_many_flows_cost_no_pass(responder):
    """With 10,000 flows the numbers are of a moment: the first page does without, the next has what was counted after the reply."""
    one = responder({"organization": "Here"}, workers=1)
    for port in range(1, 11):
        connect(one, port, 1000)
    overview = os.path.join(one.state_path(), "overview")
    if os.path.exists(overview):
        os.remove(overview)
    text = page(one)
    assert "10,000 agents</strong></a></p>" in text and not tags(text) and len(recent(text)) == 24
    assert "10,000 agents</strong></a> of 10 organizations" in wait_until(lambda: "of 10 org" in page(one) and page(one), 5)
    made = os.stat(overview).st_mtime_ns
    for _ in range(20):
        page(one)
    assert os.stat(overview).st_mtime_ns == made                 # of this view: not made again
    time.sleep(3)                                                # longer than a hundred times its cost
    connect(one, 1, 1)
    wait_until(lambda: "9,001 agents" in page(one) and ("all", "9,001") in tags(page(one)), 20)
    with open(overview, "w", encoding="ascii") as f:
        f.write("1 2 3\n")                                       # damaged: as if it were not there
    page(one)
    wait_until(lambda: ("all", "9,001") in tags(page(one)), 5)


def test_where_reading_needs_a_token(responder, place):
    one = responder({"organization": "Here", "flows": [flow(1, name="Secret", tags=["hidden"])], "auth_jwks_url": f"file://{place}/none.json"})
    text = page(one)
    assert "Secret" not in text and "hidden<" not in text and "Sign in" in text and "1 agent" in text
    assert one.get("/status").json()["flows"] == 1


def test_status(responder):
    one = responder({"organization": "Here", "flows": [flow(1), flow(2)]})
    for i in range(3):
        assert one.post("/connect", connect_body(f"http://127.0.0.1:{i + 1}", 2)).status == 201
    said = one.get("/status").json()
    assert {k: said[k] for k in ("url", "role", "flows", "providers", "targets", "nodes", "troubled", "silent")} == {
        "url": one.get("/").json()["url"], "role": "registry", "flows": 8, "providers": 3, "targets": 0, "nodes": 3, "troubled": 0, "silent": 0}
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[0-9:.]*Z", said["started"]) and said["cron"] is None
    text = page(one, "/status")
    for card in ("<strong>8</strong> <a href=\"/flows\">flows</a> shown", "<strong>3</strong> nodes stated by peers", "<strong>0</strong> peers in trouble"):
        assert card in text, card
    assert one.get("/status?format=json", headers=HTML).json()["flows"] == 8
    assert one.get("/status?format=x").status == 400
