"""Who may speak, under each web server and both kinds of trust: what a signature needs, and the client's address, must arrive as sent.

The other tests here run under `known`, the default. The recorded exchanges are those of peers that cannot sign, so `signed` has none of them.
"""
import http.client
import json
import shutil

import pytest

import kodotest
import signing
from kodotest import connect_body, wait_until
from test_hosts import Loader, check
from test_trust import Owner, forged

BOTH = pytest.mark.parametrize("trust", ["known", "signed"])


def levels(one):
    done = one.command_line("peers", "--json", "--state", one.state_path())
    assert done.returncode == 0, done.stderr
    return {row["url"]: row["trust"] for row in json.loads(done.stdout)}


def shown(one):
    return one.get("/connect").json()["nodes"]


@BOTH
def test_signatures_arrive(host, trust):
    """Each field of a request, the body to its digest, and those of the answer; what is forged in any of them is refused without a trace."""
    one = host({"trust": trust})
    owner = Owner()
    try:
        data = json.dumps(owner.body("/connect")).encode()
        fields = owner.fields("/connect", data, one.url)
        answer = one.post("/connect", data, headers=fields)
        assert answer.status == 201, (answer, one.words())
        own = one.get("/.well-known/kodo.json").json()["keys"][0]["key"]
        assert signing.b64url(signing.answer_key(answer.status, answer.headers, answer.body, fields)) == own
        wait_until(lambda: levels(one)[owner.url] == "proved", 20, f"the key is proved: {one.words()}")
        before = shown(one)
        for path in ("/update", "/disconnect"):
            for name, data, fields in forged(owner, path, one.url):
                answer = one.post(path, data, headers=fields)
                assert answer.status in (403, 421), (path, name, answer)
                assert shown(one) == before, (path, name)
        # a rotation that the former key signs for
        old, owner.key = owner.key, signing.Key()
        data = json.dumps(owner.body("/connect", 3)).encode()
        fields = {**owner.fields("/connect", data, one.url), "Kodo-Former": old.rotation(owner.key)}
        assert one.post("/connect", data, headers=fields).status == 201
        assert one.get("/flows").json()["total"] == 3
        # a body beyond what servers keep in memory
        assert owner.post(one, "/connect", flows=900).status == 201
        assert one.get("/flows").json()["total"] == 900
        assert one.get("/flows", headers=signing.headers(owner.key, "GET", one.url + "/flows", owner.url)).status == 200
        unsigned = one.post("/connect", connect_body("http://localhost:9"))
        assert unsigned.status == (201 if trust == "known" else 403), unsigned
    finally:
        owner.close()
    check(one)


def post_from(address, one, path, body, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=30, source_address=(address, 0))
    try:
        fields = {"Host": f"localhost:{one.port}", "Content-Type": "application/json", **(headers or {})}
        connection.request("POST", one.base + path, json.dumps(body), fields)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_address_is_that_of_the_client(host):
    """REMOTE_ADDR, by which peers that cannot sign are known; what a client writes itself changes nothing."""
    one = host()
    url = f"http://localhost:{kodotest.free_port()}"
    assert post_from("127.0.0.3", one, "/connect", connect_body(url))[0] == 201, one.words()
    before = shown(one)
    for headers in ({}, {"X-Forwarded-For": "127.0.0.3"}, {"X_Forwarded_For": "127.0.0.3"}, {"X-Real-IP": "127.0.0.3"}, {"Remote-Addr": "127.0.0.3"},
                    {"Remote_Addr": "127.0.0.3"}, {"Forwarded": "for=127.0.0.3"}):
        status, text = post_from("127.0.0.4", one, "/update", connect_body(url, 5), headers)
        assert status == 403 and "127.0.0.4" in text, (headers, text)
        assert shown(one) == before
    assert post_from("127.0.0.3", one, "/update", connect_body(url, 5))[0] == 200


def test_a_proxy_says_who_asks(host):
    one = host({"proxies": ["127.0.0.0/8", "::1"]})
    url = f"http://localhost:{kodotest.free_port()}"
    assert post_from("127.0.0.3", one, "/connect", connect_body(url), {"X-Forwarded-For": "192.0.2.1, 192.0.2.7"})[0] == 201, one.words()
    status, text = post_from("127.0.0.3", one, "/update", connect_body(url), {"X-Forwarded-For": "192.0.2.7, 192.0.2.8"})
    assert status == 403 and "192.0.2.8" in text
    # one that is written by the client as well comes to nothing, wherever it is let through
    status, text = post_from("127.0.0.3", one, "/update", connect_body(url), {"X-Forwarded-For": "192.0.2.8", "X_Forwarded_For": "192.0.2.7"})
    assert status == 403, text
    assert post_from("127.0.0.4", one, "/update", connect_body(url, 4), {"X-Forwarded-For": "192.0.2.7"})[0] == 200


@BOTH
def test_walkthrough(host, service, trust):
    """Node, provider and the registry above sign; under `signed` nobody need do anything else."""
    upstream = service({"organization": "Upper", "trust": trust})
    one = host({"connect": [upstream.url], "trust": trust})
    running = []
    try:
        one.get("/")
        for name in ("node", "provider"):
            running.append(Loader(name, one.url))
            running[-1].text += f"- trust: {trust}\n"
            running[-1].start()
        wait_until(lambda: one.get("/flows?pp=1").json()["total"] == 55, 30, f"55 flows: {one.words()}")
        wait_until(lambda: upstream.total() == 55, 30, "and above")
        wait_until(lambda: set(levels(one).values()) == {"proved"}, 30, "all of them are proved")
        assert running[0].request("DELETE", "/connect").status == 204
        wait_until(lambda: one.get("/flows?pp=1").json()["total"] == upstream.total() == 50, 20, "the node has left")
        assert one.request("DELETE", "/connect").status == 204
        wait_until(lambda: upstream.total() == 0, 20, "we have left")
    finally:
        for made in running:
            made.kill()
            shutil.rmtree(made.cwd, ignore_errors=True)
    check(one)
