"""What the end-to-end tests share: ports, waiting, a FastCGI client, plain CGI, responders, services, peers.

Standard library only. Where the programs are: $KODO and $KODO_RECONNECT, else the tree that this file is in.
"""
import atexit
import contextlib
import http.client
import http.server
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import signing

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SRCDIR = os.environ.get("SRCDIR", TREE)
KODO = os.environ.get("KODO", os.path.join(TREE, "fcgi-app", "kodo"))
RECONNECT = os.environ.get("KODO_RECONNECT", os.path.join(TREE, "cron", "kodo-reconnect"))
WWW = os.path.join(SRCDIR, "www")

CALM = 1.0                  # seconds that something may take on a busy machine, where it should take milliseconds


# --- the programs, where every user may start them ---

def is_open(path):
    """May any user come to path, read it, and start it?"""
    folders = [os.path.abspath(path)]
    while folders[-1] != "/":
        folders.append(os.path.dirname(folders[-1]))
    return all(os.stat(folder).st_mode & 0o5 == 0o5 for folder in folders)


def copy_open(*pairs):
    """Copies of files and folders, (path, name in the copy), in a folder open to all that is gone at the end."""
    place = tempfile.mkdtemp(prefix="kt-", dir="/tmp")
    atexit.register(shutil.rmtree, place, True)
    for path, name in pairs:
        os.makedirs(os.path.dirname(os.path.join(place, name)), exist_ok=True)
        subprocess.run(["cp", "-R", path, os.path.join(place, name)], check=True)
    subprocess.run(["chmod", "-R", "a+rX", place], check=True)
    return [os.path.join(place, name) for _, name in pairs]


# root starts them as other users too, who may not enter a clone in /root
if os.geteuid() == 0 and os.path.exists(KODO) and not all(map(is_open, (KODO, RECONNECT, WWW))):
    KODO, RECONNECT, WWW = copy_open((KODO, "fcgi-app/kodo"), (RECONNECT, "cron/kodo-reconnect"), (WWW, "www"))


# --- waiting, ports, processes ---

def wait_until(test, seconds, what="", pause=0.02):
    """Call test until it is true and give its value; an OSError or ValueError of it means not yet. AssertionError after seconds."""
    end = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = test()
            if value:
                return value
            last = value
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"not so after {seconds} s: {what or test} (last: {last!r})")
        time.sleep(pause)


given_ports = set()


def free_port():
    """A port that nobody uses now. Not one that the system gives to whoever connects: it could be taken while a service restarts."""
    while True:
        port = random.randrange(*map(int, os.environ.get("TEST_PORTS", "22000 32000").split()))
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            if port not in given_ports:
                given_ports.add(port)
                return port


def process_state(pid):
    """The letter of /proc/PID/stat, None if there is no such process; a zombie has "Z", and kill -0 would call it alive."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_alive(pid):
    return process_state(pid) not in (None, "Z", "X")


def catches(pid, sig):
    """Has the process installed a handler for sig (or is it gone)?"""
    try:
        with open(f"/proc/{pid}/status") as f:
            caught = next(line for line in f if line.startswith("SigCgt:"))
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return True
    return bool(int(caught.split()[1], 16) & 1 << (sig - 1))


def children(pid):
    """All living descendants of pid."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and is_alive(int(name)):
            with contextlib.suppress(OSError):
                with open(f"/proc/{name}/stat") as f:
                    parents.setdefault(int(f.read().rpartition(")")[2].split()[1]), []).append(int(name))
    found, todo = [], [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def end(process, seconds=10):
    """SIGTERM, and give the exit status; AssertionError (after a SIGKILL) if it does not end."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"process {process.pid} did not end within {seconds} s of SIGTERM") from None


@contextlib.contextmanager
def folder():
    """A folder with a short path (sun_path has 108 bytes), gone afterwards."""
    path = tempfile.mkdtemp(prefix="kt-", dir="/tmp")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


# --- loaders and bodies ---

def yaml_of(options):
    """A loader's text: JSON is YAML."""
    return "".join(f"- {json.dumps({key: value}, ensure_ascii=False)[1:-1]}\n" for key, value in options.items())


def flow(n, **more):
    return {"url": f"/flow-{n}", "name": f"Flow {n}", "description": f"what number {n} does", "author": f"author{n}@example.com",
            "tags": ["all", f"n{n}"], **more}


def node(url, flows, **more):
    return {"url": url, "organization": f"Org of {url}", "flows": flows, **more}


def greeting(url, **more):
    """PROTOCOL.md's `default`."""
    return {"url": url, "organization": "Tester", "registry": False, "feed": False, "idle": True,
            "now": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "message": [], **more}


def connect_body(url, flows=1, **more):
    """A node at url with that many flows (or with that list of nodes in `nodes`)."""
    return greeting(url, **{"nodes": [node(url, [flow(i) for i in range(flows)])], **more})


# --- answers ---

class Answer:
    def __init__(self, status, headers, body, stderr=b"", seconds=0.0):
        self.status, self.headers, self.body, self.stderr, self.seconds = status, headers, body, stderr, seconds

    def json(self):
        return json.loads(self.body.decode("utf-8"))

    def text(self):
        return self.body.decode("utf-8")

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r} {self.stderr[-300:]!r}>"


def parse_cgi(data, stderr=b"", seconds=0.0):
    """The output of a CGI program."""
    head, separator, body = data.partition(b"\r\n\r\n")
    assert separator, f"no header in {data[:200]!r}, stderr {stderr[-500:]!r}"
    headers = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(": ")
        assert name.lower() not in headers, f"header {name} twice"
        headers[name.lower()] = value
    return Answer(int(headers.pop("status").split()[0]), headers, body, stderr, seconds)


def cgi_env(method, target, headers=None, body=None, length=True, **more):
    """The variables of RFC 3875 for a request. body None: none. length False: no CONTENT_LENGTH, as for a chunked body."""
    path, _, query = target.partition("?")
    env = {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "kodotest", "REMOTE_ADDR": "127.0.0.1",
           "REQUEST_METHOD": method, "REQUEST_URI": target, "QUERY_STRING": query, "SCRIPT_NAME": "", "PATH_INFO": path}
    for name, value in (headers or {}).items():
        env["HTTP_" + name.upper().replace("-", "_")] = value
    if body is not None and length:
        env["CONTENT_LENGTH"] = str(len(body))
    env.update(more)
    return {name: value for name, value in env.items() if value is not None}


def body_bytes(body):
    return body if body is None or isinstance(body, bytes) else json.dumps(body).encode()


# --- FastCGI, as a web server speaks it ---

BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
KEEP_CONN = 1


class FastCGI:
    """One connection to a FastCGI application on a unix socket."""

    def __init__(self, path, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def record(kind, content=b""):
        return struct.pack("!BBHHBB", 1, kind, 1, len(content), 0, 0) + content

    @classmethod
    def stream(cls, kind, data):
        pieces = [data[at:at + 65535] for at in range(0, len(data), 65535)]
        return b"".join(cls.record(kind, piece) for piece in pieces + [b""])

    @classmethod
    def whole(cls, env, body=b"", keep=False):
        """The bytes of a request."""
        pairs = b""
        for name, value in env.items():
            name, value = name.encode(), value.encode("utf-8", "surrogateescape")
            for text in (name, value):
                pairs += struct.pack("!B", len(text)) if len(text) < 128 else struct.pack("!I", len(text) | 1 << 31)
            pairs += name + value
        begin = cls.record(BEGIN, struct.pack("!HB5x", 1, KEEP_CONN if keep else 0))
        return begin + cls.stream(PARAMS, pairs) + cls.stream(STDIN, body)

    def send(self, env, body=b"", keep=False):
        self.socket.sendall(self.whole(env, body, keep))

    def exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                raise ConnectionError("the application closed the connection")
            data += piece
        return data

    def receive(self):
        """(stdout, stderr) up to the end of the request."""
        out, err = [], []
        while True:
            _, kind, _, length, padding, _ = struct.unpack("!BBHHBB", self.exactly(8))
            content = self.exactly(length + padding)[:length]
            if kind == STDOUT:
                out.append(content)
            elif kind == STDERR:
                err.append(content)
            elif kind == END:
                return b"".join(out), b"".join(err)


def listen(path):
    """A listening unix socket that children may inherit as descriptor 0."""
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(128)
    return s


# --- the program under a web server that is this test ---

class Hosted:
    """kodo as a web server starts it: subclasses say how. cwd holds kodo.yaml; runner: a program in place of kodo-reconnect."""

    def __init__(self, cwd, options=None, env=None, runner=None):
        self.cwd = cwd
        self.loader = os.path.join(cwd, "kodo.yaml")
        # nothing of the test's own environment: a web server cleans it as well
        self.env = {name: os.environ[name] for name in ("PATH", "LC_ALL", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_LIBRARY_PATH")
                    if name in os.environ}
        self.env.update({"KODO_LOADER": self.loader, "KODO_WWW": WWW,
                         "KODO_RECONNECT": runner or "/bin/true"})
        self.env.update(env or {})
        if options is not None:
            self.write_loader(options)

    def write_loader(self, options):
        """A dict, or the text of the file."""
        text = options if isinstance(options, str) else yaml_of({"url": "http://localhost:4321", "organization": "Test Organization",
                                                                 "cache_data": "./data/test.json", **options})
        with open(self.loader + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(self.loader + ".new", self.loader)

    def log(self):
        """What is in the log file."""
        path = os.path.join(self.cwd, "data", "kodo.log")
        return open(path, encoding="utf-8").read() if os.path.exists(path) else ""

    def state_path(self):
        return os.path.join(self.cwd, "data", "test.lmdb")

    def key(self):
        with open(os.path.join(self.state_path(), "key"), encoding="ascii") as f:
            return f.read().strip()

    def get(self, target, **more):
        return self.request("GET", target, **more)

    def post(self, target, body, **more):
        return self.request("POST", target, body=body, **more)

    def close(self):
        pass


class PlainCGI(Hosted):
    kind = "cgi"

    def request(self, method, target, headers=None, body=None, length=True, timeout=60, **more):
        data = body_bytes(body)
        env = {**self.env, **cgi_env(method, target, headers, data, length, **more)}
        began = time.monotonic()
        process = subprocess.Popen([KODO], cwd="/", env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(data or b"", timeout=timeout)
        assert process.returncode == 0, f"exit status {process.returncode}: {err[-2000:]!r}"
        self.stderr = err.decode("utf-8", "replace")
        return parse_cgi(out, err, time.monotonic() - began)

    def screen(self):
        return getattr(self, "stderr", "")


class Responder(Hosted):
    """Workers on one listening socket."""
    kind = "fcgi"

    def __init__(self, cwd, options=None, env=None, runner=None, workers=1, arguments=()):
        super().__init__(cwd, options, env, runner)
        self.path = os.path.join(cwd, "fcgi.sock")
        self.arguments = list(arguments)
        self.listener = listen(self.path)
        self.stderr_path = os.path.join(cwd, "stderr")
        self.workers = [self.start() for _ in range(workers)]

    def start(self):
        with open(self.stderr_path, "ab") as err:
            worker = subprocess.Popen([KODO] + self.arguments, cwd="/", env=self.env, stdin=self.listener, stdout=err, stderr=err)
        wait_until(lambda: catches(worker.pid, signal.SIGTERM), 10, "a worker has started", pause=0.002)
        return worker

    def request(self, method, target, headers=None, body=None, length=True, timeout=60, **more):
        data = body_bytes(body)
        whole = FastCGI.whole(cgi_env(method, target, headers, data, length, **more), data or b"")
        began = time.monotonic()
        with FastCGI(self.path, timeout) as connection:
            connection.socket.sendall(whole)                # soon: libfcgi closes what sends nothing for 2 s
            return parse_cgi(*connection.receive(), time.monotonic() - began)

    def screen(self):
        return open(self.stderr_path, encoding="utf-8", errors="replace").read()

    def close(self):
        for worker in self.workers:
            assert end(worker) == 0, self.screen()[-4000:]
        self.listener.close()


# --- kodo service ---

# TRUST=signed: what services are started with that say nothing of it; stand-ins for peers then sign all that they say
TRUST = {"trust": os.environ["TRUST"]} if "TRUST" in os.environ else {}
SIGNS = TRUST.get("trust") == "signed"
DOCUMENT_PATH = "/.well-known/kodo.json"
PEER_PATHS = ("/connect", "/update", "/disconnect", "/reconnect")


class Service:
    """`kodo service` in a folder of its own."""

    def __init__(self, cwd, options, arguments=(), port=None, env=None):
        self.cwd = cwd
        self.port = port or free_port()
        self.url = f"http://localhost:{self.port}"
        self.loader = os.path.join(cwd, "kodo.yaml")
        self.screen_path = os.path.join(cwd, "screen")
        self.options = {"url": self.url, "cache_data": f"./data/{self.port}.json", **TRUST, **options}
        self.arguments = list(arguments)
        self.program = KODO
        self.env = {**{name: value for name, value in os.environ.items()
                       if not name.startswith("KODO")}, "KODO_WWW": WWW, **(env or {})}
        self.process = None

    def write_loader(self, **more):
        self.options.update(more)
        with open(self.loader, "w", encoding="utf-8") as f:
            f.write(yaml_of(self.options))

    def start(self, seconds=15):
        self.write_loader()
        with open(self.screen_path, "ab") as screen:
            self.process = subprocess.Popen([self.program, "service", self.loader] + self.arguments, cwd=self.cwd, env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, start_new_session=True)
        wait_until(self.is_answering, seconds, f"{self.url} answers")
        return self

    def is_answering(self):
        assert self.process.poll() is None, self.screen()[-4000:]
        return self.get("/").status == 200

    def stop(self, seconds=10):
        """SIGTERM; the exit status."""
        return end(self.process, seconds)

    def kill(self):
        """Everything of it, at once."""
        if self.process is not None:
            pids = [self.process.pid] + children(self.process.pid)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            for pid in pids:                                # its web server may hold the port a little longer
                wait_until(lambda: not is_alive(pid), 10, f"process {pid} is gone", pause=0.001)

    def screen(self):
        return open(self.screen_path, encoding="utf-8", errors="replace").read()

    def state_path(self):
        return os.path.join(self.cwd, "data", f"{self.port}.lmdb")

    def request(self, method, target, headers=None, body=None, timeout=30):
        if SIGNS and method == "POST" and target in PEER_PATHS and headers is None:
            body = body_bytes(body)
            headers = signing.post_headers(self.url + target, body)
        return http_request(self.port, method, target, headers, body, timeout)

    def get(self, target, **more):
        return self.request("GET", target, **more)

    def post(self, target, body, **more):
        return self.request("POST", target, body=body, **more)

    def total(self):
        return self.get("/counts").json()["total"]

    def is_idle(self):
        return self.get("/").json()["idle"]


def http_request(port, method, target, headers=None, body=None, timeout=30):
    connection = http.client.HTTPConnection("localhost", port, timeout=timeout)
    began = time.monotonic()
    try:
        connection.request(method, target, body=body_bytes(body), headers=headers or {})
        answer = connection.getresponse()
        data = answer.read()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, data, seconds=time.monotonic() - began)
    finally:
        connection.close()


# --- a peer ---

class Peer:
    """An HTTP server that notes what it is sent: `seen` is a list of (method, path, body as JSON or None, time).

    answer(method, path, body) gives (status, JSON) and may be replaced; the default welcomes everybody.
    """

    def __init__(self, port=None, answer=None, feed=False, signs=SIGNS):
        self.port = port or free_port()
        self.url = f"http://localhost:{self.port}"
        self.seen = []
        self.headers = {}                                   # more fields of each answer
        self.asking = threading.local()                      # client: the address that answer() is called for
        self.signs = signs
        self.feed = feed
        self.answer = answer or self.welcome
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                data = self.rfile.read(int(self.headers.get("content-length") or 0))
                body = json.loads(data) if data else None
                peer.seen.append((self.command, self.path, body, time.monotonic()))
                peer.asking.client = self.client_address
                if peer.signs and self.path == DOCUMENT_PATH:
                    status, value = 200, signing.document(peer.url)
                else:
                    status, value = peer.answer(self.command, self.path, body)
                text = b"" if value is None else json.dumps(value).encode()
                more = signing.answer_headers(peer.url, status, text, self.headers) if peer.signs else {}
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                for name, value in {**peer.headers, **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_DELETE = do_PUT = serve

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):                     # a client that was killed
                pass

        self.server = Server(("localhost", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def welcome(self, method, path, body):
        me = greeting(self.url, registry=True, feed=self.feed, organization="Peer")
        return (201 if path == "/connect" else 200), me

    def calls(self, path=None):
        return [entry for entry in self.seen if path is None or entry[1] == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
