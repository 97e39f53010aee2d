"""What the tests of the responder share."""

import kodotest
from kodotest import flow

OWN = "http://localhost:4321"
PEER = "http://localhost:4390"
with open(kodotest.KODO, "rb") as program:
    SANITIZED = b"__asan_init" in program.read()
FLOWS = [flow(n) for n in range(5)]


def check_json(answer, status=200):
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers["x-content-type-options"] == "nosniff"
    return answer.json()


def check_error(answer, status, detail, keys=None):
    body = check_json(answer, status)
    assert body["status_code"] == status
    assert body["detail"] == detail
    if keys is not None:
        assert [entry.get("key") for entry in body["extra"]] == keys
    return body
