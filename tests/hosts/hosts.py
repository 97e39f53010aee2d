"""Web servers that run kodo, each with the very sample of conf/ that an admin would use: only paths, names and ports are replaced.

All are private instances in a folder of their own, on ports of their own, started as root where they drop to www-data.
Each kind has start(), reload(), stop(), worker_pids(); its kodo is a copy made by `make install` (or the tarball of
`make shared-host`) inside its folder, so that processes can be told apart by their executable.
"""
import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import kodotest  # noqa: E402
from kodotest import wait_until  # noqa: E402

SRCDIR = kodotest.SRCDIR
BUILDDIR = os.environ.get("BUILDDIR", SRCDIR)
CONF = os.path.join(SRCDIR, "conf")
USER = "www-data"


def install(prefix):
    subprocess.run(["make", "-s", "-C", BUILDDIR, "install", f"prefix={prefix}", "DESTDIR="], check=True, stdout=subprocess.DEVNULL)


def copy_installed(prefix):
    """What `make install` installs, in prefix. Installed once a run, then copied."""
    once = os.environ.get("KODO_INSTALLED")
    if once is None:
        once = os.environ["KODO_INSTALLED"] = tempfile.mkdtemp(prefix="kodo-installed-", dir="/tmp")
        install(once)
        os.chmod(once, 0o755)
    shutil.copytree(once, prefix, dirs_exist_ok=True)
    # as `make install` has them; a copy would make two files of the hard link all the same
    os.chmod(prefix, 0o755)


def exe_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return ""


def pids_below(place, names=("kodo", "kodo.fcgi", "ld.so")):
    """Processes whose executable lies below place and has one of these names."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and kodotest.is_alive(int(name)) and
            exe_of(name).startswith(place + "/") and os.path.basename(exe_of(name)) in names]


class Host:
    """base: the path of the url, "" or "/a". options go to the loader; None: loader_text is the loader (for the wire's replay)."""
    kind = None
    owner = (USER, USER)    # of the state: who runs the programs
    fastcgi = True
    stop_signal, reload_signal = signal.SIGTERM, None
    modules = []            # of Apache
    reload_pause = 0.7      # seconds between two reloads
    is_foreign = False      # the server's own settings are not ours to make
    own_body_max = None     # the server's own ceiling of bodies, where kodo's is not reached

    def __init__(self, place, options=None, port=None, base="", loader_text=None):
        self.place = place
        os.chmod(place, 0o755)
        self.port = port or kodotest.free_port()
        self.base = base
        self.url = f"http://localhost:{self.port}{base}"
        self.prefix = os.path.join(place, "usr")
        self.site = os.path.join(place, "site")
        self.run = os.path.join(place, "run")
        self.loader = os.path.join(self.site, "kodo.yaml")
        self.options = options
        self.loader_text = loader_text
        self.user, self.group = self.owner
        self.process = None
        self.lay_out()

    def lay_out(self):
        copy_installed(self.prefix)
        for path in (self.site, os.path.join(self.site, "data"), self.run):
            os.makedirs(path, exist_ok=True)
            shutil.chown(path, self.user, self.group)
            os.chmod(path, 0o755)
        self.write_loader()

    def write_loader(self, **more):
        if self.options is not None:
            self.options.update(more)
            text = kodotest.yaml_of({"url": self.url, "cache_data": "./data/cache.json", "private": True, **self.options})
        else:
            text = self.loader_text
        with open(self.loader + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        shutil.chown(self.loader + ".new", self.user)
        os.chmod(self.loader + ".new", 0o600)
        os.replace(self.loader + ".new", self.loader)

    # --- configuration ---

    def substitute(self, text):
        for old, new in (("/usr/local/bin", self.prefix + "/bin"), ("/srv/kodo", self.site), ("/run/kodo", self.run),
                         ("kodo\\.example\\.org", "localhost"), ("kodo.example.org", "localhost"),
                         ("*:80", f"*:{self.port}"), ("listen 80", f"listen {self.port}"), ("-u kodo ", f"-u {self.user} "),
                         ("-U kodo ", f"-U {self.user} "), ("-g kodo ", f"-g {self.group} "), ("su kodo ", f"su {self.user} ")):
            text = text.replace(old, new)
        return text

    def put_sample(self, name, to):
        with open(os.path.join(CONF, name), encoding="utf-8") as f:
            text = self.substitute(f.read())
        return self.put(to, text)

    def put(self, name, text):
        path = os.path.join(self.place, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    # --- start and stop ---

    def launch(self, command):
        with open(os.path.join(self.place, "screen"), "ab") as screen:
            # no KODO_* of the test's own: a server's environment has none
            env = {k: v for k, v in os.environ.items() if not k.startswith("KODO")}
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, env=env,
                                            start_new_session=True, cwd="/")
        wait_until(self.is_listening, 15, f"{self.kind} answers: {self.words()}")

    def is_listening(self):
        assert self.process.poll() is None, self.words()
        # mod_cgid answers 503 by itself while its daemon starts
        return self.get("/").status == 200

    def start(self):
        raise NotImplementedError

    def reload(self):
        os.kill(self.process.pid, self.reload_signal)

    def stop(self):
        """All of it, whatever state it is in; the runner too."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                for pid in [self.process.pid] + kodotest.children(self.process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self.process.wait()
        self.end_programs(signal.SIGTERM)
        try:
            wait_until(lambda: not self.program_pids(), 10)
        except AssertionError:
            self.end_programs(signal.SIGKILL)

    def program_pids(self):
        return pids_below(self.place, ("kodo", "kodo.fcgi", "kodo-reconnect", "ld.so"))

    def end_programs(self, number):
        for pid in self.program_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def worker_pids(self):
        return pids_below(self.place, ("kodo", "kodo.fcgi"))

    def runner_pids(self):
        return pids_below(self.place, ("kodo-reconnect",))

    def command_line(self, *arguments):
        """kodo from a shell, as the state's owner."""
        return self.as_user(os.path.join(self.prefix, "bin", "kodo"), *arguments)

    def as_user(self, *command, **more):
        entry = pwd.getpwnam(self.user)
        return subprocess.run(["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", *command],
                              capture_output=True, text=True, timeout=60, check=False, cwd="/", env={"PATH": "/usr/bin:/bin", **more})

    def probe(self):
        """kodo-reconnect --probe, as the state's owner."""
        return self.as_user(os.path.join(self.prefix, "bin", "kodo-reconnect"), "--probe", self.loader)

    def words(self, names=("screen", "error.log", "site/data/kodo.log"), last=3000):
        """What the server had to say: the last characters of each file."""
        text = ""
        for name in names:
            with contextlib.suppress(OSError):
                with open(os.path.join(self.place, name), encoding="utf-8", errors="replace") as f:
                    text += f"--- {name}\n{f.read()[-last:]}\n"
        return text

    # --- requests ---

    def loses_at_reload(self):
        """May the server answer 503 by itself while it is reloaded? mod_cgid does: its daemon is gone for a moment."""
        return "cgid" in self.modules

    def request(self, method, target, headers=None, body=None, timeout=30):
        return kodotest.http_request(self.port, method, self.base + target, headers, body, timeout)

    def get(self, target, **more):
        return self.request("GET", target, **more)

    def post(self, target, body, **more):
        return self.request("POST", target, body=body, **more)

    def state_path(self):
        return os.path.join(self.site, "data", "cache.lmdb")

    def key(self):
        with open(os.path.join(self.state_path(), "key"), encoding="ascii") as f:
            return f.read().strip()


# --- Apache ---

MODULES = "/usr/lib/apache2/modules"
APACHE = """
ServerRoot {place}
DefaultRuntimeDir {run}
PidFile {run}/apache.pid
ErrorLog {place}/error.log
LogLevel warn
ServerName localhost
TypesConfig /etc/mime.types
User {apache_user}
Group {group}
{modules}
StartServers 2
MaxRequestWorkers 150
GracefulShutdownTimeout 10
Listen {port}
<Directory "/">
	Require all denied
</Directory>
{more}
"""


class Apache(Host):
    modules = ["mpm_event", "authz_core", "alias", "env", "setenvif", "rewrite", "mime", "dir", "userdir", "reqtimeout"]
    reload_signal = signal.SIGUSR1
    sample = None

    def write_conf(self, more, apache_user=USER, group=USER):
        loads = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in self.modules]
        return self.put("apache.conf", APACHE.format(place=self.place, run=self.run, port=self.port, modules="\n".join(loads),
                                                     more=more, apache_user=apache_user, group=group))

    def start(self):
        conf = self.write_conf(self.server_lines() + "Include " + self.put_sample(self.sample, "site.conf"))
        self.launch(["/usr/sbin/apache2", "-f", conf, "-DFOREGROUND"])
        return self

    def server_lines(self):
        return ""


class ApacheFcgid(Apache):
    kind = "apache-fcgid"
    # a request that waits for a process to be started when mod_fcgid is reloaded waits for a minute (its fault), and it looks
    # each second whether there is one: so not in the first second, and not twice in three
    reload_pause = 4
    modules = Apache.modules + ["fcgid"]
    sample = "apache/kodo.conf"

    def server_lines(self):
        return f"FcgidIPCDir {self.run}\nFcgidProcessTableFile {self.run}/fcgid_shm\n"


class ApacheCGI(Apache):
    kind = "apache-cgi"
    fastcgi = False
    modules = Apache.modules + ["cgid"]
    sample = "cgi/apache.conf"

    def server_lines(self):
        return f"ScriptSock {self.run}/cgisock\n"


# --- lighttpd ---

LIGHTTPD = """
server.port = {port}
server.bind = "localhost"
server.document-root = "{place}/empty"
server.username = "www-data"
server.groupname = "www-data"
server.errorlog = "{place}/error.log"
server.upload-dirs = ( "{place}/upload" )
# as in Debian's lighttpd.conf: samples are read after it
server.http-parseopts = (
  "header-strict"           => "enable",# default
  "host-strict"             => "enable",# default
  "host-normalize"          => "enable",# default
  "url-normalize-unreserved"=> "enable",# recommended highly
  "url-normalize-required"  => "enable",# recommended
  "url-ctrls-reject"        => "enable",# recommended
  "url-path-2f-decode"      => "enable",# recommended highly (unless breaks app)
  "url-path-dotseg-remove"  => "enable",# recommended highly (unless breaks app)
)
include "{sample}"
"""


class Lighttpd(Host):
    reload_signal = signal.SIGUSR1
    stop_signal = signal.SIGINT
    sample = None

    def start(self):
        for name in ("empty", "upload"):
            os.makedirs(os.path.join(self.place, name), exist_ok=True)
        shutil.chown(os.path.join(self.place, "upload"), USER, USER)
        with open(os.path.join(self.place, "error.log"), "a") as f:
            shutil.chown(f.name, USER, USER)
        conf = self.put("lighttpd.conf", LIGHTTPD.format(place=self.place, run=self.run, port=self.port,
                                                         sample=self.put_sample(self.sample, "site.conf")))
        self.launch(["/usr/sbin/lighttpd", "-D", "-f", conf])
        return self


class Spawned:
    """Mixed in: the processes of kodo are started, and renewed, by the sample of spawn-fcgi."""

    # another one than the web server's, as the sample wants it
    owner = ("nobody", "nogroup")

    def spawn(self):
        script = self.put_sample("spawn-fcgi/kodo-workers", "kodo-workers")
        subprocess.run(["/bin/sh", script], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       cwd="/", env={"PATH": "/usr/bin:/bin"})

    def start(self):
        self.spawn()
        return super().start()


class LighttpdFastCGI(Spawned, Lighttpd):
    kind = "lighttpd-fastcgi"
    sample = "lighttpd/kodo.conf"


class LighttpdCGI(Lighttpd):
    kind = "lighttpd-cgi"
    fastcgi = False
    sample = "cgi/lighttpd.conf"


# --- nginx ---

NGINX = """
daemon off;
user www-data;
worker_processes 2;
pid {run}/nginx.pid;
error_log {place}/error.log warn;
events {{ worker_connections 512; }}
http {{
	access_log off;
	client_body_temp_path {run}/body;
	fastcgi_temp_path {run}/answers;
	proxy_temp_path {run}/proxy;
	uwsgi_temp_path {run}/uwsgi;
	scgi_temp_path {run}/scgi;
	include {sample};
}}
"""


class NginxFastCGI(Spawned, Host):
    kind = "nginx-fastcgi"
    sample = "nginx/kodo.conf"
    reload_signal = signal.SIGHUP
    stop_signal = signal.SIGQUIT

    def start(self):
        self.spawn()
        conf = self.put("nginx.conf", NGINX.format(place=self.place, run=self.run, sample=self.put_sample(self.sample, "site.conf")))
        self.launch(["/usr/sbin/nginx", "-c", conf, "-e", os.path.join(self.place, "error.log")])
        return self


# --- a shared host: a user's public_html, suEXEC, .htaccess, the user's cron ---

SHARED_USER, SHARED_APACHE = "kodotestyou", "kodotestwww"
SUEXEC = f"/etc/apache2/suexec/{SHARED_APACHE}"


class SharedHost(Apache):
    """The tarball in the home of an ordinary user; nothing of Apache's configuration but what a host has anyway."""
    kind = "shared-host"
    is_foreign = True
    fastcgi = False
    # CGI's path: Debian compiles the user's part of it into suEXEC's file
    modules = Apache.modules + ["cgid", "suexec"]
    seconds = 2             # between two runs of cron

    path = f"/~{SHARED_USER}/kodo"

    def __init__(self, place, options=None, port=None, base="", loader_text=None):
        super().__init__(place, {"trigger": "cron", **(options or {})}, port, self.path, loader_text)
        self.cron_stop = threading.Event()

    def lay_out(self):
        self.home = os.path.join(self.place, "home", SHARED_USER)
        os.makedirs(os.path.dirname(self.home), mode=0o755)
        for name, home in ((SHARED_USER, self.home), (SHARED_APACHE, "/nonexistent")):
            subprocess.run(["userdel", name], check=False, stderr=subprocess.DEVNULL)
            subprocess.run(["useradd", "--no-create-home", "--home-dir", home, "--user-group", "--shell", "/usr/sbin/nologin", name],
                           check=True)
        subprocess.run(["usermod", "-a", "-G", USER, SHARED_APACHE], check=True)
        self.user = self.group = SHARED_USER
        with open(SUEXEC, "w", encoding="ascii") as f:
            f.write(f"{self.place}/home\npublic_html\n")
        os.makedirs(self.home, mode=0o711)
        os.makedirs(self.run, exist_ok=True)
        os.chmod(self.run, 0o755)
        # as the user would, by README's line: unpack, nothing else
        shutil.chown(self.home, SHARED_USER, SHARED_USER)
        shutil.move(tarball(self.place), os.path.join(self.home, "kodo-1-shared-host.tar.gz"))
        self.unpack()
        self.site = os.path.join(self.home, "kodo")
        self.prefix = None
        self.loader = os.path.join(self.site, "kodo.yaml")
        self.write_loader()

    @staticmethod
    def readme(pattern):
        """The one line of the tarball's README that pattern matches."""
        with open(os.path.join(CONF, "shared-host", "README"), encoding="utf-8") as f:
            [line] = re.findall(rf"^ +({pattern})$", f.read(), re.M)
        return line

    def unpack(self):
        """As a user would whose files are nobody else's to see."""
        done = self.as_user("/bin/sh", "-ec", f"umask 077; cd {self.home}; {self.readme('.*tar -xzf .*')}")
        assert done.returncode == 0, done.stderr

    def start(self):
        conf = self.write_conf(f"""ScriptSock {self.run}/cgisock
{self.address()}
<Directory "{self.place}/home/*/public_html">
	AllowOverride All
	Require all granted
</Directory>""", SHARED_APACHE, USER)
        self.launch(["/usr/sbin/apache2", "-f", conf, "-DFOREGROUND"])
        threading.Thread(target=self.be_cron, daemon=True).start()
        return self

    def address(self):
        return "UserDir public_html"

    def be_cron(self):
        """The line of conf/cron/crontab.user, more often than each minute."""
        with open(os.path.join(CONF, "cron", "crontab.user"), encoding="utf-8") as f:
            command = re.search(r"^\* \* \* \* \* (.*)$", f.read(), re.M)[1]
        while not self.cron_stop.wait(self.seconds):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.as_user("/bin/sh", "-c", command, HOME=self.home)

    def stop(self):
        self.cron_stop.set()
        super().stop()
        for name in (SHARED_USER, SHARED_APACHE):
            subprocess.run(["userdel", name], check=False, stderr=subprocess.DEVNULL)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SUEXEC)

    def worker_pids(self):
        return [pid for pid in pids_below(self.place, ("ld.so",)) if self.program_of(pid) == "kodo"]

    def runner_pids(self):
        return [pid for pid in pids_below(self.place, ("ld.so",)) if self.program_of(pid) == "kodo-reconnect"]

    @staticmethod
    def program_of(pid):
        with contextlib.suppress(OSError, IndexError):
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return os.path.basename(f.read().split(b"\0")[5].decode())
        return ""

    def command_line(self, *arguments):
        return self.as_user(os.path.join(self.site, "kodo"), *arguments)

    def probe(self):
        return self.as_user(os.path.join(self.site, "kodo-reconnect"), "--probe")


class SharedHostName(SharedHost):
    """The same with a name of the user's own."""
    path = "/kodo"

    def address(self):
        return f"DocumentRoot {self.home}/public_html\n" + self.readme("SuexecUserGroup .*").replace("YOU", SHARED_USER)


def tarball(place):
    """The tarball of `make shared-host`, made once a run, readable for all."""
    once = os.environ.get("KODO_TARBALL")
    if once is None:
        subprocess.run(["make", "-s", "-C", BUILDDIR, "shared-host"], check=True, stdout=subprocess.DEVNULL)
        [name] = [name for name in os.listdir(BUILDDIR) if name.endswith("-shared-host.tar.gz")]
        once = os.environ["KODO_TARBALL"] = os.path.join(BUILDDIR, name)
    path = os.path.join(place, "kodo.tar.gz")
    shutil.copy(once, path)
    os.chmod(path, 0o644)
    return path


KINDS = [ApacheFcgid, ApacheCGI, LighttpdFastCGI, LighttpdCGI, NginxFastCGI, SharedHost]


def missing():
    """What has to be installed before any of this can run, or None."""
    if os.geteuid() != 0:
        return "web servers are started as root, and drop to www-data"
    needed = ["/usr/sbin/apache2", f"{MODULES}/mod_fcgid.so", "/usr/lib/apache2/suexec-custom", "/usr/sbin/lighttpd", "/usr/sbin/nginx",
              "/usr/bin/spawn-fcgi", "/usr/bin/prometheus", "/usr/bin/promtool"]
    gone = [path for path in needed if not os.path.exists(path)]
    return f"{', '.join(gone)}: run ./autogen.sh --deps-hosts" if gone else None


def new_place():
    # short: a socket's path has 108 bytes
    return tempfile.mkdtemp(prefix="kh-", dir="/tmp")


def settle(seconds=0.3):
    time.sleep(seconds)
