"""Faults, one at a time: `kodo check` names each with its remedy, and nothing else."""
import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import threading
import time

import pytest

import kodotest
from kodotest import connect_body, free_port, greeting, http_request
from servicetest import RawPeer, answer_with

NOBODY = 65534
FAR = "http://localhost:19"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners and mounts")


class Front(threading.Thread):
    """A web server before a plain CGI kodo that can be made faulty."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.port = free_port()
        self.body_max = 1 << 30
        self.strip = ()
        self.status, self.answer = None, b""
        self.moved = None       # where all is redirected to
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def serve(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0)) if "content-length" in self.headers else None
                if front.status is not None or (body is not None and len(body) > front.body_max):
                    self.send_response(front.status or 413)
                    self.end_headers()
                    self.wfile.write(front.answer)
                    return
                if front.moved is not None:
                    self.send_response(301)
                    self.send_header("location", front.moved + self.path)
                    self.end_headers()
                    return
                names = {n: v for n, v in self.headers.items() if n.lower() not in ("content-length", *front.strip)}
                got = site.request(self.command, self.path, names, body)
                self.send_response(got.status)
                self.send_header("content-type", got.headers.get("content-type", ""))
                self.send_header("content-length", str(len(got.body)))
                self.end_headers()
                self.wfile.write(got.body)

            do_GET = do_POST = serve

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("localhost", self.port), Handler)
        self.start()

    def run(self):
        self.server.serve_forever(0.05)


class Site(kodotest.PlainCGI):
    """A service in a folder of nobody's (if we are root), asked once; check() and probe() run as nobody."""

    def __init__(self, cwd, options=None):
        super().__init__(cwd, runner=kodotest.RECONNECT)
        os.chmod(os.path.dirname(cwd), 0o755)
        self.front = Front(self)
        self.peer = kodotest.Peer(answer=lambda *_: (200, self.target))
        self.target = {**greeting("http://localhost:1", registry=True), "now": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        # trigger cron: no runner is started behind our back
        self.options = {"url": f"http://localhost:{self.front.port}", "trigger": "cron", "connect": [self.peer.url], "retry": 0,
                        **(options or {})}
        self.write_loader(self.options)
        os.makedirs(os.path.join(cwd, "data"))
        self.give_away()
        self.as_user(kodotest.RECONNECT, "--resolve", self.loader)
        self.touch("cron.ran")

    def give_away(self):
        if os.geteuid() == 0:
            for folder, _, files in os.walk(self.cwd):
                for path in [folder] + [os.path.join(folder, name) for name in files]:
                    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def as_user(self, *command, env=None, cwd="/"):
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
        return subprocess.run(command, env={**self.env, **(env or {})}, capture_output=True, text=True, timeout=60, cwd=cwd, check=False)

    def request(self, method, target, headers=None, body=None, **more):
        """As nobody, like everything here."""
        data = kodotest.body_bytes(body)
        env = {**self.env, **kodotest.cgi_env(method, target, headers, data, **more)}
        command = [kodotest.KODO]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
        done = subprocess.run(command, env=env, cwd="/", input=data or b"", capture_output=True, timeout=60, check=False)
        return kodotest.parse_cgi(done.stdout, done.stderr)

    def state_path(self):
        return os.path.join(self.cwd, self.options.get("cache_data", "./data/test.json").replace(".json", ".lmdb"))

    def path(self, name=""):
        return os.path.join(self.state_path(), name)

    def touch(self, name, age_s=0):
        with open(self.path(name), "a", encoding="ascii"):
            pass
        os.utime(self.path(name), (time.time() - age_s, time.time() - age_s))
        if os.geteuid() == 0:
            os.chown(self.path(name), NOBODY, NOBODY)

    def faults(self, *arguments, program=kodotest.KODO, env=None):
        """The lines of kodo check that are not ok, and its exit status."""
        done = self.as_user(program, "check", *(arguments or ("--hosted", self.loader)), env=env, cwd=self.cwd)
        *lines, summary = done.stdout.splitlines()
        assert summary.startswith(f"summary {sum(line.startswith('ok') for line in lines)} ok"), done.stdout
        assert lines and all(re.match(r"(ok|warning|error) +\S", line) for line in lines), (done.stdout, done.stderr)
        assert done.returncode == any(line.startswith("error") for line in lines), done.stdout
        return [line for line in lines if not line.startswith("ok")]

    def probed(self):
        """The same after a probe, of the probe's lines."""
        done = self.as_user(kodotest.RECONNECT, "--probe", self.loader)
        assert "probe failed" not in done.stderr, done.stderr
        lines = [line for line in done.stdout.splitlines() if not line.startswith("ok")]
        kept = self.faults()
        assert [re.sub(r"^(\w+) +", r"\1 ", line) for line in lines] == [re.sub(r"^(\w+) +probe: ", r"\1 ", line) for line in kept]
        return kept


@pytest.fixture
def site(folders):
    made = []

    def make(options=None):
        made.append(Site(folders(), options))
        return made[-1]
    yield make
    for one in made:
        one.peer.close()
        one.front.server.shutdown()


def only(lines, kind, pattern):
    """One fault, of that kind, and its line says what it is and what to do."""
    assert len(lines) == 1 and lines[0].startswith(kind) and re.search(pattern, lines[0]), lines


def test_nothing_is_wrong(site):
    one = site()
    assert one.probed() == []
    assert one.faults() == []


# --- the state folder ---

@needs_root
def test_wrong_owner(site):
    one = site()
    os.chmod(one.path(), 0o700)
    os.chown(one.path("write.lock"), 0, 0)
    os.chmod(one.path("write.lock"), 0o666)
    only(one.faults(), "error", r"write\.lock belongs to root and not to nobody; chown nobody ")


def test_checked_by_another_user(site):
    one = site()
    if os.geteuid() != 0:
        pytest.skip("is another user only as root")
    done = subprocess.run([kodotest.KODO, "check", "--hosted", one.loader], env=one.env, capture_output=True, text=True, check=False)
    only([line for line in done.stdout.splitlines() if not line.startswith(("ok", "summary"))], "warning",
         r"belongs to nobody, and this is root.*runuser -u nobody")


def test_state_is_read_only(site):
    one = site()
    os.chmod(one.path(), 0o500)
    only(one.faults(), "error", r"cannot be written by uid \d+: Permission denied; change its owner, or set cache_data")
    os.chmod(one.path(), 0o700)


def test_state_is_open_to_all(site):
    one = site()
    os.chmod(one.path(), 0o755)
    only(one.faults(), "error", r"everybody may read the folder .*; chmod o= it")


def test_state_is_a_file(site):
    one = site()
    shutil.rmtree(one.path())
    with open(one.state_path(), "w", encoding="ascii") as f:
        f.write("x")
    only(one.faults(), "error", r"is not a folder: move it away, or set cache_data")


def test_state_lies_in_the_web_space(site, folders):
    one = site({"cache_data": "./data/public_html/x/cache.json"})
    only(one.faults(), "warning", r"seems to lie in a web space .*; set cache_data to a folder outside")


def test_symbolic_link(site):
    one = site()
    os.rename(one.path("key"), one.path("key.away"))
    os.symlink("key.away", one.path("key"))
    only(one.faults(), "error", r"key is a symbolic link; remove it")


def test_key_is_readable(site):
    one = site()
    os.chmod(one.path("key"), 0o644)
    only(one.faults(), "error", r"everybody may read the key .*; chmod o= it")


SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/vfs.h>
int statfs(const char *path, struct statfs *st)
{
	int (*real)(const char *, struct statfs *) = (int (*)(const char *, struct statfs *))dlsym(RTLD_NEXT, "statfs");
	int failed = real(path, st);
	st->f_type = 0x6969;
	return failed;
}
"""


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="ASAN has to be the first library")
def test_network_file_system(site, place):
    one = site()
    os.chmod(place, 0o755)
    with open(os.path.join(place, "shim.c"), "w", encoding="ascii") as f:
        f.write(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{place}/shim.so", f"{place}/shim.c", "-ldl"], check=True)
    only(one.faults(env={"LD_PRELOAD": f"{place}/shim.so"}), "error",
         r"network file system \(NFS\), where locks .* set cache_data to a path on a local disk")


@needs_root
def test_disk_is_full(folders):
    cwd = folders()
    os.makedirs(os.path.join(cwd, "data"))
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", os.path.join(cwd, "data")], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no mounting here")
    try:
        os.rmdir(os.path.join(cwd, "x")) if os.path.exists(os.path.join(cwd, "x")) else None
        one = MountedSite(cwd)
        only(one.faults(), "warning", r"disk: less than 64 MiB free below .*; free some")
        one.peer.close()
        one.front.server.shutdown()
    finally:
        subprocess.run(["umount", "-l", os.path.join(cwd, "data")], check=True)


class MountedSite(Site):
    """data/ is there already."""

    def __init__(self, cwd):
        real = os.makedirs
        os.makedirs = lambda path, *a, **k: real(path, exist_ok=True)
        try:
            super().__init__(cwd)
        finally:
            os.makedirs = real


def test_map_is_nearly_full(site):
    one, port = site({"map_max_mib": 1}), 5000      # the map is at least 64 MiB; new nodes are left out before its end
    for n in (130, 20, 3):
        answer, flows = None, [kodotest.flow(i, description="x" * 60000) for i in range(n)]
        while answer is None or not answer.json()["message"]:
            port += 1
            answer = one.post("/connect", connect_body(f"http://localhost:{port}", nodes=[kodotest.node(f"http://localhost:{port}", flows)]))
    only(one.faults(), "warning", r"reserve: \d+ KiB are left for new providers and nodes, what is more is refused; raise map_max_mib")


def test_damaged_store(site):
    one = site()
    one.post("/connect", connect_body("http://localhost:5000", 500))
    os.truncate(one.path("data.mdb"), 8192)
    only(one.faults(), "error", r"damaged.*restore a backup|restore a backup")


def test_clock_was_set_back(site):
    one = site()
    one.touch("data.mdb", -3600)
    only(one.faults(), "error", r"clock: the state was written 3[56]\d\d s ahead of now.*timedatectl")


# --- options and programs ---

def test_unknown_option(site):
    one = site()
    one.write_loader({**one.options, "nosuch": 1})
    only([line for line in one.faults() if "in force" not in line], "error", r"kodo\.yaml:\d+: .*nosuch")


def test_loader_is_no_yaml(site):
    one = site()
    one.write_loader("- url: [\n")
    only([line for line in one.faults() if "in force" not in line], "error", r"kodo\.yaml:\d+: ")


def test_loader_is_gone(site):
    one = site()
    os.unlink(one.loader)
    lines = one.faults()
    assert any(re.match(r"error .*kodo\.yaml", line) for line in lines) and len([x for x in lines if x.startswith("error")]) == 1, lines


def test_unimplemented_protection(site):
    one = site()
    one.write_loader({**one.options, "auth_token": "secret"})
    only([line for line in one.faults() if "in force" not in line], "error", r"kodo\.yaml:\d+: .*auth_token")


def test_everybody_writes_the_loader(site):
    one = site()
    os.chmod(one.loader, 0o666)
    only(one.faults(), "error", r"everybody may write to the loader .*; chmod o-w it")


def test_log_cannot_be_written(site):
    one = site()
    log = os.path.join(one.cwd, "data", "kodo.log")
    os.chmod(log, 0o400)
    only(one.faults(), "error", r"the log .*kodo\.log cannot be written: Permission denied; chown or chmod it, or set log_file")


def test_no_runner(site):
    one = site()
    only(one.faults(env={"KODO_RECONNECT": "/nonexistent/kodo-reconnect"}), "error",
         r"kodo-reconnect is not where it can be started .*chmod 755")


def test_everybody_writes_the_program(site, place):
    one = site()
    os.chmod(place, 0o755)
    shutil.copy(kodotest.KODO, f"{place}/kodo")
    os.chmod(f"{place}/kodo", 0o757)
    only(one.faults(program=f"{place}/kodo"), "error", r"everybody may write to the program .*; chmod o-w it")


def test_group_writes_the_program(site, place):
    one = site()
    os.chmod(place, 0o755)
    shutil.copy(kodotest.KODO, f"{place}/kodo")
    os.chmod(f"{place}/kodo", 0o775)
    only(one.faults(program=f"{place}/kodo"), "warning", r"the group may write to the program .*suEXEC refuses; chmod g-w it")


def test_damaged_cache_file(site):
    one = site()
    with open(os.path.join(one.cwd, "data", "test.json"), "w", encoding="ascii") as f:
        f.write('{"providers": [')
    only(one.faults(), "error", r"test\.json: .*; repair it or move it away")


def test_taken_port(site):
    one = site()
    one.write_loader({**one.options, "url": f"http://localhost:{one.peer.port}", "connect": []})
    lines = [line for line in one.faults(one.loader) if "in force" not in line]
    only(lines, "error", rf"listen: port {one.peer.port} of localhost: Address already in use; end the program that has it")


# --- cron ---

def test_cron_never_ran(site):
    one = site()
    os.unlink(one.path("cron.ran"))
    assert one.faults() == []           # a new state: cron may still come
    one.touch("key", 600)
    only(one.faults(), "error", r"cron: never ran, and with `trigger: cron` nothing else sends; add a line to the crontab")


def test_cron_is_late(site):
    one = site()
    one.touch("cron.ran", 1800)
    only(one.faults(), "error", r"cron: ran last 30 min ago; check the crontab of the owner")
    one.write_loader({**one.options, "trigger": "auto"})
    one.get("/")
    # the request has started a runner, and while one runs nobody needs cron
    kodotest.wait_until(lambda: [line.startswith("warning") and "cron: ran last 30 min ago" in line
                                 for line in one.faults()] == [True], 5, "a warning when the runner has ended")


def test_paused_peer(site):
    """One word in kodo check, kodo peers, kodo map and on the pages."""
    one = site({"retry": 1})
    one.peer.close()
    one.as_user(kodotest.RECONNECT, "--once", one.loader)
    only(one.faults(), "warning", rf"{one.peer.url}: paused, tried again later \(.*onnect.*\); no program listens there: start the service, or open the firewall")
    state = ("--state", one.state_path())
    assert json.loads(one.as_user(kodotest.KODO, "peers", "--json", *state).stdout)[0]["state"] == "paused"
    assert "paused, tried again later: " in one.as_user(kodotest.KODO, "map", *state).stdout
    for page in ("/status", "/map"):
        text = re.sub(r"<[^>]*>", "", one.get(page, headers={"accept": "text/html"}).text())
        assert "paused, tried again later" in text, page


def test_target_redirects(site, place):
    """Redirects are not followed: said is where it leads to, and what to write."""
    far = RawPeer(answer_with(301, headers="Location: https://registry.example.org/connect\r\nRetry-After: 5\r\n"))
    one = site({"retry": 1, "connect": [far.url]})
    one.as_user(kodotest.RECONNECT, "--once", one.loader)
    said = "redirects to https://registry.example.org/connect; write https://registry.example.org into connect"
    only(one.faults(), "warning", rf"{far.url}: paused, tried again later \(HTTP status 301: {said}\)")
    assert said in one.as_user(kodotest.KODO, "peers", "--state", one.state_path()).stdout
    assert f"failed with {far.url}/connect: 301 {said}" in one.log()
    far.close()


def test_failing_target(site):
    """Before it is paused, too."""
    far = RawPeer(answer_with(400, body=b"<center>The plain HTTP request was sent to HTTPS port</center>"))
    one = site({"retry": 1, "connect": [far.url]})
    one.as_user(kodotest.RECONNECT, "--once", one.loader)
    only(one.faults(), "warning", r"HTTPS port.*; it speaks https: correct its url")
    far.close()
    far = RawPeer(answer_with(503))
    one = site({"retry": 9, "connect": [far.url]})
    one.as_user(kodotest.RECONNECT, "--for", "3", one.loader)
    only([line for line in one.faults() if "cron" not in line], "warning",
         rf"{far.url}: \d+ attempts failed \(HTTP status 503: .*; it is in trouble: see its log")
    far.close()


def test_target_takes_all(site):
    """A web page instead of a registry, which answers 200 to whatever is posted."""
    far = RawPeer(answer_with(200, body=b"<html>It works!</html>"))
    one = site({"retry": 1, "connect": [far.url]})
    one.as_user(kodotest.RECONNECT, "--once", one.loader)
    only(one.faults(), "warning", rf"{far.url}: takes our connect and does not answer as a registry; correct connect")
    far.close()


def test_two_of_one_url(site):
    """Both say what the other one has not said: neither is at fault by itself."""
    one = site({"connect": []})
    for i in range(5):
        body = {**greeting(FAR), "organization": f"Org {i % 2}", "nodes": [], "kodo": {"life": 7 + i % 2, "sent": i + 1}}
        assert one.post("/connect", body).status == 201
    only(one.faults(), "warning", rf"{FAR}: two services speak under one url; give each its own")
    assert one.log().count(f"two services speak under one url, {FAR}: give each its own") == 1


# --- seen from outside ---

def test_redirecting_target_and_url(site):
    far = RawPeer(answer_with(308, headers="Location: https://registry.example.org/\r\n"))
    one = site({"connect": [far.url]})
    only(one.probed(), "error", rf"target {far.url}: HTTP status 308: redirects to https://registry.example.org/; "
                                r"write https://registry.example.org into connect; correct its url")
    far.close()
    one = site()
    one.front.moved = "https://kodo.example.org"
    [line] = one.probed()
    assert line.endswith(f"own url {one.options['url']}: redirects to https://kodo.example.org/check; write https://kodo.example.org into url")
    with open(one.path("probe"), encoding="ascii") as f, open(one.path("key"), encoding="ascii") as key:
        assert key.read().strip() not in f.read()


def test_target_speaks_the_other_scheme(site, place):
    plain = kodotest.Peer()
    one = site({"connect": [plain.url.replace("http:", "https:")]})
    only(one.probed(), "error", r"it may speak http: correct its url")
    plain.close()
    tls = RawPeer(lambda connection, *_: connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46"))
    one = site({"connect": [tls.url]})
    only(one.probed(), "error", r"it may speak https: correct its url")
    tls.close()

def test_dead_target(site):
    one = site()
    one.peer.close()
    only(one.probed(), "error", rf"target {one.peer.url}: .*onnect.*; no program listens there: start the service, or open the firewall")


def test_target_without_address(site):
    one = site({"connect": ["http://nosuch.invalid:3367"]})
    only(one.probed(), "error", r"target http://nosuch\.invalid:3367: .*resolve.*; the name has no address: correct the url, or")


def test_target_is_no_registry(site):
    one = site()
    one.target = {**one.target, "registry": False}
    only(one.probed(), "error", r"is no registry; correct the option connect")


def test_target_is_the_service_itself(site):
    """By another name, or it would have been dropped from the option."""
    one = site()
    one.target = {**one.target, "url": one.options["url"]}
    only(one.probed(), "error", r"is this service itself; take it out of connect")


def test_target_is_another_program(site):
    one = site()
    one.target = {"hello": "world"}
    only(one.probed(), "error", r"status 200 and no registry's answer; correct the option connect")


def test_clocks_differ(site):
    one = site()
    one.target = {**one.target, "now": "2026-01-01T00:00:00Z"}
    only(one.probed(), "warning", r"our clock and its differ by -?\d+ s; set the wrong one right \(timedatectl\)")


def test_certificate_is_not_trusted(site, place):
    cert = f"{place}/cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
                    "-subj", "/CN=localhost", "-keyout", f"{place}/key.pem", "-out", cert], capture_output=True, check=True)
    server = http.server.ThreadingHTTPServer(("localhost", free_port()), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, f"{place}/key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    one = site({"connect": [f"https://localhost:{server.server_address[1]}"]})
    only(one.probed(), "error", r"certificate.*; its certificate is not trusted: renew it there, or install ca-certificates")
    server.shutdown()


def test_machine_code_is_forbidden(site):
    """By a hardened unit, or SELinux: here by prctl(PR_SET_MDWE), which what is started inherits."""
    one = site()
    program = os.path.join(one.cwd, "hardened")
    with open(program, "w", encoding="ascii") as f:
        f.write("#!/usr/bin/python3\nimport ctypes, os, sys\n"
                "sys.exit(99) if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0 else None\n"
                f"os.execv({kodotest.KODO!r}, [{kodotest.KODO!r}, *sys.argv[1:]])\n")
    os.chmod(program, 0o755)
    if one.as_user(program, "version").returncode == 99:
        pytest.skip("Linux before 6.3")
    [line] = one.faults(program=program)
    assert line.startswith("warning") and "MemoryDenyWriteExecute=no" in line, line


def test_authorization_is_stripped(site):
    one = site()
    one.front.strip = ("authorization",)
    only(one.probed(), "warning", r"Authorization does not arrive; Apache: CGIPassAuth On")


def test_body_ceiling_is_too_low(site):
    one = site()
    one.front.body_max = 131072
    only(one.probed(), "warning", r"a body of 10 MiB does not arrive \(status 413\); raise the web server's ceiling")


def test_own_url_leads_elsewhere(site):
    one = site()
    one.front.status = 404
    only(one.probed(), "error", r"own url http.*: status 404 and not our answer; the web server does not lead")


def test_own_url_is_anothers(site):
    one = site()
    with open(one.path("key"), "w", encoding="ascii") as f:
        f.write("0" * 32 + "\n")
    key = one.path("key")
    assert http_request(one.front.port, "GET", "/check?key=" + "0" * 32).status == 200
    one.front.status, one.front.answer = 403, one.get("/check").body
    only(one.probed(), "error", r"own url .*: another service answers there.*correct url")
    assert os.path.exists(key)


@pytest.mark.parametrize("status, word", [(401, "password"), (403, r"\.htaccess"), (500, "executable"), (502, "socket"), (503, "restart")])
def test_own_url_is_refused_by_the_web_server(site, status, word):
    one = site()
    one.front.status, one.front.answer = status, b"<h1>Forbidden</h1>"
    only(one.probed(), "error", rf"own url .*: the web server itself refuses it \({status}\): .*{word}.*; see its error log")


# --- the page ---

def test_page(site):
    one = site()
    with open(one.path("key"), encoding="ascii") as f:
        key = f.read().strip()
    assert one.get("/check").status == 403 and one.get("/check?key=" + "0" * 32).status == 403
    got = one.get(f"/check?key={key}").json()
    assert got["transport"] == "CGI" and not got["authorization"]
    assert {f["finding"] for f in got["findings"]} == {"ok"}, got
    assert one.get(f"/check?key={key}", headers={"authorization": "Basic eDp5"}).json()["authorization"]
    os.chmod(one.path("key"), 0o644)
    faults = [f["text"] for f in one.get(f"/check?key={key}").json()["findings"] if f["finding"] == "error"]
    assert len(faults) == 1 and "everybody may read the key" in faults[0]
    page = one.get(f"/check?key={key}", headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html") and "everybody may read the key" in page.text()
    assert key not in page.text() and key not in json.dumps(got)
