"""Pages of other sites: who may read what by scripts, and how a preflight is answered."""
import pytest

from kodotest import flow

SITE = {"origin": "https://site.example"}
PREFLIGHT = {**SITE, "access-control-request-method": "GET"}
PUBLIC = ["/", "/flows", "/flows?pp=x", "/counts", "/map", "/connect", "/changes", "/docs/openapi.json", "/nosuch", "/status"]


def cors(answer):
    return {name.removeprefix("access-control-"): value for name, value in answer.headers.items() if name.startswith("access-control-")}


def allowed(answer):
    return cors(answer).get("allow-origin")


def test_default(hosted):
    one = hosted({"flows": [flow(1)]})
    for target in PUBLIC:
        for method in ("GET", "HEAD"):
            for headers in ({}, SITE, {"origin": "null"}):
                answer = one.request(method, target, headers=headers)
                assert cors(answer) == {"allow-origin": "*", "expose-headers": "ETag, Kodo-View, Link, Retry-After"}, (target, answer)
                assert "Origin" not in answer.headers.get("vary", "")
    tag = one.get("/flows").headers["etag"]
    assert allowed(one.get("/flows", headers={"if-none-match": tag})) == "*"
    answer = one.request("OPTIONS", "/flows", headers=PREFLIGHT)
    assert (answer.status, answer.body, answer.headers["allow"]) == (204, b"", "GET, HEAD, OPTIONS")
    assert cors(answer) == {"allow-origin": "*", "allow-methods": "GET, HEAD", "allow-headers": "Accept, Content-Type, If-None-Match", "max-age": "86400"}
    # what changes something is not for others: not allowed, whatever the page asks for
    assert cors(one.request("OPTIONS", "/connect", headers={**SITE, "access-control-request-method": "DELETE"}))["allow-methods"] == "GET, HEAD"
    assert "allow-methods" not in cors(one.request("OPTIONS", "/flows"))
    key = {"authorization": f"Bearer {one.key()}"}
    for method, target, headers in (("OPTIONS", "/update", PREFLIGHT), ("OPTIONS", "/cron", PREFLIGHT), ("OPTIONS", "/check", PREFLIGHT), ("GET", "/cron", SITE),
                                    ("GET", f"/check?key={one.key()}", SITE), ("GET", "/flows?key=x", SITE), ("GET", "/flows", {**SITE, **key}),
                                    ("DELETE", "/connect", SITE), ("POST", "/connect", {}), ("OPTIONS", "/nosuch", PREFLIGHT)):
        assert cors(one.request(method, target, headers=headers, body={} if method == "POST" else None)) == {}, (method, target)


def test_list(hosted):
    one = hosted({"cors_origins": ["https://site.example:443", "http://localhost:8000"], "flows": [flow(1)]})
    for origin, may in (("https://site.example", True), ("HTTPS://SITE.example", True), ("http://localhost:8000", True), ("http://localhost:8001", False),
                        ("https://site.example.org", False), ("http://site.example", False), ("null", False), ("", False), ("https://", False)):
        answer = one.get("/flows", headers={"origin": origin} if origin else {})
        assert allowed(answer) == (origin if may else None), origin
        assert answer.headers["vary"] == "Accept, Accept-Encoding, Origin"
        assert ("allow-methods" in cors(one.request("OPTIONS", "/flows", headers={**PREFLIGHT, "origin": origin}))) == may
    assert "allow-credentials" not in cors(answer)


@pytest.mark.parametrize("value", ["none", []])
def test_none(hosted, value):
    one = hosted({"cors_origins": value, "flows": [flow(1)]})
    for target in PUBLIC:
        answer = one.get(target, headers=SITE)
        assert cors(answer) == {} and "Origin" not in answer.headers.get("vary", "")
    answer = one.request("OPTIONS", "/flows", headers=PREFLIGHT)
    assert answer.status == 204 and cors(answer) == {}


def test_where_reading_needs_a_token(hosted, place):
    one = hosted({"flows": [flow(1)], "auth_jwks_url": f"file://{place}/none.json"})
    assert allowed(one.get("/", headers=SITE)) == "*"
    assert allowed(one.get("/flows", headers=SITE)) is None
    for target, may in (("/", "*"), ("/flows", None), ("/flows/x", None), ("/v0.1/servers", None), ("/ard/search", None)):
        assert allowed(one.request("OPTIONS", target, headers=PREFLIGHT)) == may, target


def test_registry_api_of_mcp(hosted):
    """Its headers, beside those of everywhere."""
    one = hosted({"flows": [flow(1)]})
    both = {"allow-origin": "*", "allow-methods": "GET, OPTIONS", "allow-headers": "Authorization, Content-Type"}
    assert cors(one.get("/v0.1/servers", headers=SITE)) == {**both, "expose-headers": "ETag, Kodo-View, Link, Retry-After"}
    assert cors(one.request("OPTIONS", "/v0.1/servers", headers=PREFLIGHT)) == {**both, "max-age": "86400"}
