"""Stand-in sources of imports: an MCP registry that can be changed and can misbehave, and documents of the other families."""
import bisect
import http.server
import json
import threading
import time
import urllib.parse

import kodotest

OFFICIAL = "io.modelcontextprotocol.registry/official"


def isotime(seconds=None):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Source:
    """A web server whose answers are given by answer(path, query, headers) -> (status, headers, body)."""

    def __init__(self, answer):
        self.answer, self.requests, self.sent = answer, [], 0
        self.port = kodotest.free_port()
        self.url = f"http://localhost:{self.port}"
        self.slug = f"localhost-{self.port}"
        source = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                source.requests.append((self.path, dict(self.headers)))
                status, headers, body = source.answer(parts.path, dict(urllib.parse.parse_qsl(parts.query)), self.headers)
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                source.sent += len(body)
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("localhost", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def paths(self):
        return [path for path, _ in self.requests]

    def forget(self):
        self.requests, self.sent = [], 0

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Documents(Source):
    """A document for each path, with ETags where they are wanted."""

    def __init__(self, documents, etags=False):
        self.documents = documents

        def answer(path, query, headers):
            if path not in self.documents:
                return 404, {}, b"none"
            body = self.documents[path]
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            tag = f'"{hash(body) & 0xffffffff:x}"'
            if etags and headers["If-None-Match"] == tag:
                return 304, {"ETag": tag}, b""
            return 200, {"ETag": tag} if etags else {}, body
        super().__init__(answer)


def server(n, **more):
    """The n-th entry of an MCP registry: one in three has no remote, seven share a namespace."""
    remotes = [{"type": "sse" if n % 5 == 0 else "streamable-http", "url": f"https://s{n}.example.org/mcp"}] if n % 3 else []
    return {"name": f"io.github.u{n // 7:05}/server-{n:05}", "title": f"Server {n}", "description": f"Takes care of task number {n}", "version": "1.0.0",
            **({"remotes": remotes} if remotes else {}), **more}


class McpRegistry(Source):
    """GET /v0.1/servers over entries, name -> [server, status, updatedAt]; fault(page, answer) may change an answer."""

    def __init__(self, count):
        self.entries = {}
        self.fault = lambda page, answer: answer
        self.pages, self.order = 0, []
        for n in range(count):
            self.put(server(n), at="2026-01-01T00:00:00Z")
        super().__init__(self.list)

    def put(self, entry, status="active", at=None):
        self.entries[entry["name"]] = [entry, status, at or isotime()]

    def forget(self):
        super().forget()
        self.pages = 0

    def list(self, path, query, headers):
        if path != "/v0.1/servers":
            return 404, {}, b"none"
        since = query.get("updated_since")
        limit = int(query.get("limit", 30))
        if len(self.order) != len(self.entries):
            self.order = sorted(self.entries)
        names = []
        for name in self.order[bisect.bisect_right(self.order, query.get("cursor", "")):]:
            _, status, at = self.entries[name]
            if (since is None or at >= since) and (status != "deleted" or query.get("include_deleted") == "true"):
                names.append(name)
                if len(names) > limit:
                    break
        page, rest = names[:limit], names[limit:]
        body = {"servers": [{"server": self.entries[name][0],
                             "_meta": {OFFICIAL: {"status": self.entries[name][1], "updatedAt": self.entries[name][2], "isLatest": True}}} for name in page],
                "metadata": {"count": len(page), **({"nextCursor": page[-1]} if rest else {})}}
        self.pages += 1
        return self.fault(self.pages, (200, {}, body))

    def wanted(self):
        """What a registry that has imported it shows: (name, description, entry) of what can be called."""
        return sorted((entry["title"], entry["description"], entry["remotes"][0]["url"])
                      for entry, status, _ in self.entries.values() if status != "deleted" and entry.get("remotes"))


def shown(kodo, query="", page=1000):
    """All flows that kodo shows, as items with their entries."""
    items, target = [], f"/flows?pp={page}&fields=entry{query}"
    while target:
        answer = kodo.get(target, timeout=120)
        items += answer.json()["items"]
        link = answer.headers.get("link", "")
        target = link[link.index("<") + 1:link.index(">")] if 'rel="next"' in link else None
    return items


def state(kodo, peer, node, version):
    """The registry peer tells kodo of a node of that version."""
    node = {**node, "kodo": {"version": version}}
    body = kodotest.greeting(peer, nodes=[node], kodo={"versions": {node["url"]: version}, "entries": True})
    answer = kodo.post("/connect", body)
    assert answer.status in (200, 201), answer
