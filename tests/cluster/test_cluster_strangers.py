"""What strangers send to a cluster: make check-cluster."""
import base64
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import cluster, connect  # noqa: E402
import signing  # noqa: E402
from kodotest import connect_body, wait_until  # noqa: E402


def b64(text):
    return base64.b64encode(text.encode()).decode()


def log_bytes(member):
    """Of the entries and parts that the log has, each as often as it was put."""
    found = member.call("/v3/kv/range", {"key": b64("k/kodo/log/"), "range_end": b64("k/kodo/part0")}, timeout=10).get("kvs", [])
    return sum(len(base64.b64decode(kv["value"])) for kv in found if "/log/" in (key := base64.b64decode(kv["key"]).decode()) or "/part/" in key)


def test_what_strangers_send_does_not_come_into_the_log(tmp_path):
    """Large bodies: of who is unknown, has another key, or is one too many."""
    with cluster(tmp_path, n=1, quota_strangers=1, retry=0) as c:
        machine, url = c.machines[0], "http://known.test"
        key = signing.Key()

        def signed(path, body, by=key):
            body = json.dumps(body).encode()
            return path, body, signing.headers(by, "POST", "http://registry.test" + path, url, body)

        path, body, fields = signed("/connect", connect_body(url))
        assert machine.post(path, body, headers=fields).status == 201
        large = connect_body("http://unknown.test", flows=8000)
        assert len(json.dumps(large)) > 1000000
        posts = [("/connect", large, {}, (507,)), ("/update", large, {}, (404,)), ("/reconnect", large, {}, (404,)),
                 ("/disconnect", {"provider": "http://unknown.test", "url": [f"http://u.test/{k:060}" for k in range(20000)]}, {}, (404,))]
        # the first one has its url asked for the key, which the log is to have
        posts += [(*signed(path, connect_body(url, flows=8000), signing.Key()), (403,)) for path in ("/connect", "/update", "/reconnect")]
        before = log_bytes(c.etcd[0])
        for path, body, fields, statuses in posts:
            answer = machine.post(path, body, headers=fields, timeout=20)
            assert answer.status in statuses, (path, answer)
        grown = log_bytes(c.etcd[0]) - before
        print(f"\n{len(posts)} large bodies that were refused took {grown} bytes of the log")
        assert grown < 4096
        # the one who is known is still there, and heard
        assert machine.urls() == {url}
        path, body, fields = signed("/update", connect_body(url, flows=2))
        assert machine.post(path, body, headers=fields).status == 200


def test_nobody_is_refused_for_what_another_machine_was_told(tmp_path):
    """An update right behind a connect at another machine, which may not have applied it yet."""
    with cluster(tmp_path, retry=0) as c:
        for k in range(120):
            url = f"http://p{k}.test"
            connect(c.machines[k % 3], url)
            answer = c.machines[(k + 1) % 3].post("/update", connect_body(url, flows=2))
            assert answer.status == 200, (k, answer)
        # one that is unknown everywhere is answered, though the log goes on
        assert c.machines[1].post("/update", connect_body("http://nobody.test")).status == 404
        wait_until(lambda: all(len(m.urls()) == 120 for m in c.machines), 20)
