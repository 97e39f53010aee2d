"""Reading with tokens: who may see what, and an issuer that is down, slow, rotating and wrong."""
import os
import subprocess
import time

import pytest

import kodotest
from jwttest import Issuer, bearer, key_set, token
from kodotest import PlainCGI, Responder, Service, connect_body, wait_until

URL = "http://localhost:4321"
REGISTRY = ["/flows", "/counts", "/flows/counts", "/changes", "/map", "/connect", "/flows?format=json", "/flows?format=atom", "/map?format=json"]
OPEN = ["/", "/home", "/docs", "/docs/openapi.json", "/schema/openapi.json", "/www/kodo.css"]
ITEM = "/flows/flow-1"
FLOWS = [kodotest.flow(1), kodotest.flow(2)]
MINUTE_US = 60_000_000


@pytest.fixture
def cwd():
    with kodotest.folder() as path:
        yield path


def fetch(hosted):
    subprocess.run([kodotest.RECONNECT, hosted.loader, "--once"], check=True, env={**hosted.env, "KODO_RECONNECT": "/bin/true"},
                   stderr=subprocess.DEVNULL, timeout=60)


@pytest.fixture(params=[PlainCGI, Responder])
def hosted(request, cwd):
    """With the keys of a file, and without having read them."""
    jwks = os.path.join(cwd, "jwks.json")
    with open(jwks, "w", encoding="utf-8") as f:
        f.write(key_set("old"))
    one = request.param(cwd, {"flows": FLOWS, "auth_jwks_url": f"file://{jwks}", "log_file_level": "DEBUG"})
    yield one
    one.close()


def test_nothing_is_open_before_there_are_keys(hosted):
    for target in REGISTRY + [ITEM]:
        for headers in ({}, bearer(URL), {"Accept": "text/html"}):
            answer = hosted.get(target, headers=headers)
            assert (answer.status, answer.headers["retry-after"]) == (503, "5"), (target, answer)
    assert [hosted.get(target).status for target in OPEN] == [200] * len(OPEN)


@pytest.mark.parametrize("restricted", (True, False))
def test_the_status_names_no_peers(cwd, restricted):
    """Anybody may see the page of /status: how many peers are in trouble, but which ones only on the map."""
    target = f"http://localhost:{kodotest.free_port()}"
    options = {"flows": FLOWS, "connect": [target], "private": True, **({"auth_jwks_url": f"file://{cwd}/none.json"} if restricted else {})}
    one = Service(cwd, options).start()
    try:
        page = lambda: one.get("/status", headers={"accept": "text/html"}).text()    # noqa: E731
        wait_until(lambda: "<strong>1</strong> peer in trouble" in page(), 10, "one in trouble")
        text = page()
        assert (target in text) == (not restricted), text
        assert ("1 on the map" in text) == restricted
    finally:
        one.kill()


def test_who_may_see_what(hosted):
    hosted.get("/")
    fetch(hosted)
    rows = [                                                    # headers, of REGISTRY, of an item, of the challenge
        ({}, 401, 401, "Bearer"),
        ({"Authorization": "Basic a29kbw=="}, 401, 401, "Bearer"),
        (bearer(URL), 200, 200, None),
        (bearer(URL, ["registry"]), 200, 403, 'Bearer error="insufficient_scope"'),
        (bearer(URL, ["flows"]), 403, 200, 'Bearer error="insufficient_scope"'),
        (bearer(URL, []), 403, 403, 'Bearer error="insufficient_scope"'),
        (bearer("http://other:1"), 401, 401, 'Bearer error="invalid_token"'),
        (bearer(URL, exp=int(time.time()) - 61), 401, 401, 'Bearer error="invalid_token"'),
        (bearer(URL, kid="new"), 401, 401, 'Bearer error="invalid_token"'),
        (bearer(URL, header={"alg": "none"}), 401, 401, 'Bearer error="invalid_token"'),
        (bearer(URL, header={"alg": "HS256"}), 401, 401, 'Bearer error="invalid_token"'),
        (bearer(URL, header={"jku": "http://x"}), 401, 401, 'Bearer error="invalid_token"'),
        ({"Authorization": "Bearer 0123456789abcdef0123456789abcdef"}, 401, 401, 'Bearer error="invalid_token"'),
        ({"Authorization": "Bearer "}, 401, 401, 'Bearer error="invalid_token"'),
        ({"Authorization": f"Bearer {hosted.key()}"}, 200, 200, None),
    ]
    for headers, registry, item, challenge in rows:
        for target, want in [(target, registry) for target in REGISTRY] + [(ITEM, item)]:
            answer = hosted.get(target, headers=headers)
            assert answer.status == want, (target, headers, answer)
            assert answer.headers["cache-control"] == "private, no-cache", answer
            if want >= 400:
                assert answer.headers["www-authenticate"].startswith(challenge), answer
                assert answer.json()["status_code"] == want
                assert "etag" not in answer.headers and "kodo-view" not in answer.headers
            else:
                assert "www-authenticate" not in answer.headers
    assert hosted.get(f"/flows?key={hosted.key()}").status == 200
    assert hosted.request("HEAD", "/flows").status == 401
    assert hosted.request("HEAD", "/flows", headers=bearer(URL)).status == 200
    etag = hosted.get("/flows", headers=bearer(URL)).headers["etag"]
    assert hosted.get("/flows", headers={"If-None-Match": etag}).status == 401
    assert hosted.get("/flows", headers={"If-None-Match": etag, **bearer(URL)}).status == 304
    for target in OPEN:
        answer = hosted.get(target)
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache"), (target, answer)
    # what a peer sends needs none
    assert hosted.post("/connect", connect_body("http://localhost:4322")).status == 201


def test_log_has_the_reason_and_nothing_of_the_token(hosted):
    hosted.get("/")
    fetch(hosted)
    rows = [
        (token(URL, exp=1), "the token has expired"),
        (token("http://other:1"), "the token is for another audience"),
        (token(URL, kid="foreign"), "the key of the token is unknown"),
        (token(URL, header={"jku": "https://evil.example"}), "the token brings its own key"),
        (token(URL, header={"alg": "none"}), "not signed by a key"),
        (token(URL, exp=None), "the token has no exp"),
        (token(URL, nbf=int(time.time()) + 999), "the token is not valid yet"),
        (token(URL)[:-4] + "AAAA", "the signature of the token is wrong"),
        ("x" * 20000, "the token is too long"),
        (token(URL, ["other"]), "the token does not have the role"),
    ]
    for text, reason in rows:
        answer = hosted.get("/flows", headers={"Authorization": "Bearer " + text})
        assert reason in answer.headers["www-authenticate"] and reason in answer.json()["detail"]
        assert reason in hosted.log().rstrip().splitlines()[-1].partition("GET /flows refused: ")[2]
    log = hosted.log() + hosted.screen()
    for text, _ in rows:
        for part in text.split("."):
            assert part[:12] not in log
    assert "evil" not in log


def test_page_of_a_refusal(hosted):
    hosted.get("/")
    fetch(hosted)
    for target in ("/flows", "/map", ITEM):
        answer = hosted.get(target, headers={"Accept": "text/html"})
        assert (answer.status, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
        assert "<h1>Sign in first</h1>" in answer.text() and "there is no token" in answer.text()
        assert "Flow 1" not in answer.text()
        assert "etag" not in answer.headers and "kodo-view" not in answer.headers
    answer = hosted.get("/flows", headers={"Accept": "text/html", **bearer(URL, exp=1)})
    assert answer.status == 401 and "the token has expired" in answer.text()
    answer = hosted.get("/flows", headers={"Accept": "text/html", **bearer(URL)})
    assert answer.status == 200 and "Flow 1" in answer.text()


def test_remote_user(hosted):
    hosted.get("/")
    fetch(hosted)
    assert hosted.get("/flows", REMOTE_USER="jane").status == 401           # the option is off
    hosted.write_loader({"auth_remote_user": True, "auth_jwks_url": "file:///nowhere", "flows": FLOWS})
    assert [hosted.get(target, REMOTE_USER="jane").status for target in REGISTRY] == [200] * len(REGISTRY)
    assert hosted.get(ITEM, REMOTE_USER="jane").status == 503               # of another role, and no keys
    assert hosted.get("/flows", REMOTE_USER="").status == 503
    for name in ("Remote-User", "REMOTE_USER", "X-Remote-User"):
        assert hosted.get("/flows", headers={name: "jane"}).status == 503
    hosted.write_loader({"auth_remote_user": True, "flows": FLOWS})         # alone it closes as well
    assert hosted.get("/flows", REMOTE_USER="jane").status == 200
    assert hosted.get("/flows", headers={"Remote-User": "jane"}).status == 401
    assert hosted.get("/flows", headers=bearer(URL)).status == 401
    hosted.write_loader({"flows": FLOWS})
    assert hosted.get("/flows").status == 200


def test_other_audience_and_role_path(hosted):
    options = {"flows": FLOWS, "auth_jwks_url": "file://" + os.path.join(hosted.cwd, "jwks.json"), "auth_audience": "https://a/b",
               "auth_jwt_role_path": "x/%AUD%"}
    hosted.write_loader(options)
    hosted.get("/")
    fetch(hosted)
    assert hosted.get("/flows", headers=bearer("https://a/b", x={"https://a/b": ["registry"]})).status == 200
    assert hosted.get("/flows", headers=bearer("https://a/b")).status == 403
    assert hosted.get("/flows", headers=bearer(URL, x={"https://a/b": ["registry"]})).status == 401
    # keys of another issuer do not count
    hosted.write_loader({**options, "auth_jwks_url": "file:///tmp/other"})
    assert hosted.get("/flows", headers=bearer("https://a/b", x={"https://a/b": ["registry"]})).status == 503


@pytest.mark.parametrize("url", ["ftp://x/certs", "file://host/certs", "file:certs", "certs", "https://"])
def test_bad_url(cwd, url):
    hosted = PlainCGI(cwd, {"auth_jwks_url": url})
    assert hosted.get("/").status == 503
    assert "auth_jwks_url: expected a url" in hosted.screen()


def test_libcrypto_is_opened_for_a_token_alone(cwd):
    jwks = os.path.join(cwd, "jwks.json")
    with open(jwks, "w", encoding="utf-8") as f:
        f.write(key_set("old"))
    hosted = PlainCGI(cwd, {"flows": FLOWS, "auth_jwks_url": f"file://{jwks}"}, env={"LD_DEBUG": "files"})
    hosted.get("/")
    fetch(hosted)
    for target, headers, is_opened in [("/", {}, False), ("/", bearer(URL), False), ("/flows", {}, False), ("/flows", bearer(URL), True)]:
        hosted.get(target, headers=headers)
        assert ("libcrypto" in hosted.screen()) == is_opened, (target, headers)


# --- an issuer ---

@pytest.fixture
def issuer():
    one = Issuer()
    yield one
    one.close()


@pytest.fixture
def service(cwd, issuer):
    one = Service(cwd, {"auth_jwks_url": issuer.url, "flows": FLOWS})
    yield one
    one.kill()


def status(service, **more):
    return service.get("/counts", headers=bearer(service.url, **more)).status


def earlier(service, minutes):
    """As if the last attempt were so long ago."""
    path = os.path.join(service.state_path(), "jwks")
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    lines[2] = str(int(lines[2]) - minutes * MINUTE_US)
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write("\n".join(lines))
    os.replace(path + ".new", path)
    if os.path.exists(path + ".wanted"):
        os.utime(path + ".wanted", times=(0, os.stat(path + ".wanted").st_mtime - 60 * minutes))
    with open(os.path.join(service.state_path(), "wake"), "w", encoding="ascii") as f:
        f.write("w")


def check(service):
    run = subprocess.run([kodotest.KODO, "check", service.loader], cwd=service.cwd, env=service.env, capture_output=True, text=True, timeout=60)
    return next(line for line in run.stdout.splitlines() if " keys of " in line)


def test_rotating(service, issuer):
    service.start()
    wait_until(lambda: status(service) == 200, 10, "the first keys are here")
    assert issuer.n == 1 and check(service).startswith("ok ")
    issuer.body = key_set("old", "new")
    # an unknown key, over and over: the issuer is asked again, but not before 5 minutes are over
    for _ in range(20):
        assert status(service, kid="new") == 401
    time.sleep(1)
    assert issuer.n == 1
    earlier(service, 6)
    wait_until(lambda: status(service, kid="new") == 200, 10, "the new key is here")
    assert issuer.n == 2 and status(service) == 200
    # gone from the set: gone here, at the latest after an hour
    issuer.body = key_set("new")
    earlier(service, 59)
    time.sleep(0.5)
    assert issuer.n == 2
    earlier(service, 2)
    wait_until(lambda: status(service) == 401, 10, "the old key is gone")
    assert status(service, kid="new") == 200 and issuer.n == 3


def test_down_at_the_start(service, issuer):
    issuer.close()
    service.start()
    wait_until(lambda: "cannot fetch the keys" in service.screen(), 10)
    assert status(service) == 503 and service.get("/").status == 200
    line = check(service)
    assert line.startswith("error ") and "never fetched" in line and "connect" in line.lower()
    again = Issuer(issuer.port)
    try:
        earlier(service, 1)
        wait_until(lambda: status(service) == 200, 10, "the keys are here")
    finally:
        again.close()


def test_outage_keeps_the_last_keys(service, issuer):
    service.start()
    wait_until(lambda: status(service) == 200, 10)
    wrong = [(500, "x", {}), (200, "<html>", {}), (200, '{"keys": []}', {}), (200, "", {}), (200, "x" * 300000, {}),
             (302, "", {"Location": f"http://localhost:{issuer.port}/other"})]
    for status_code, body, headers in wrong:
        issuer.status, issuer.body, issuer.headers, n = status_code, body, headers, issuer.n
        earlier(service, 61)
        wait_until(lambda: issuer.n > n, 10)
        wait_until(lambda: check(service).startswith("warning "), 10)
        assert status(service) == 200, (status_code, body[:20])
    assert "min old, and in force still" in check(service)
    issuer.close()
    earlier(service, 61)
    time.sleep(0.5)
    assert status(service) == 200
    service.stop()
    service.start()
    assert status(service) == 200                               # at once: they are in the state


def test_slow_issuer_holds_nobody_up(service, issuer):
    issuer.delay = 4
    peer = kodotest.Peer()
    try:
        service.options["connect"] = [peer.url]
        service.start()
        wait_until(lambda: issuer.n == 1 and peer.calls("/connect"), 3.5, "messages go on meanwhile")
        assert status(service) == 503
        wait_until(lambda: status(service) == 200, 10)
        assert issuer.n == 1
    finally:
        peer.close()


def test_changes_are_waited_for_with_a_token(service):
    service.start()
    wait_until(lambda: status(service) == 200, 10)
    view = service.get("/changes", headers=bearer(service.url)).json()["view"]
    began = time.monotonic()
    answer = service.get(f"/changes?since={view}&wait=1", headers=bearer(service.url))
    assert answer.status == 200 and time.monotonic() - began > 0.9
    assert service.get(f"/changes?since={view}&wait=1").status == 401
