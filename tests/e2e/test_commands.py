"""The commands that show and change a service: kodo flows, counts, peers, map, explain, connect, disconnect, evict."""
import json
import os
import re
import subprocess

import pytest

import kodotest
import servicetest
from kodotest import connect_body, flow, greeting, node, wait_until
from terminal import CLEAN, Terminal

FAR = "http://127.0.0.1:19"


def run(one, *arguments, service=True):
    done = subprocess.run([kodotest.KODO, *arguments] + (["--state", one.state_path()] if service else []), cwd=one.cwd,
                          capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


@pytest.fixture
def pair(service):
    """Two registries, the second connected to the first, which a node has connected to."""
    target = service({"organization": "Target", "flows": [flow(i, name=f"Target flow {i}") for i in range(3)]})
    one = service({"organization": "One", "flows": [flow(i) for i in range(5)], "connect": [target.url], "retry": 2})
    one.post("/connect", connect_body(FAR, 2, organization="Evil \x1b[31mred\u202e"))
    wait_until(lambda: one.total() == 10 and one.is_idle(), 10, "connected, and all sent")
    return one, target


def test_flows(pair):
    one, _ = pair
    done = run(one, "flows", 'name ~ "target"', "--by", "name:d", "--pp", "2")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and done.stderr == ""
    assert [line.split("  ")[0] for line in lines] == ["NAME", "Target flow 2", "Target flow 1", "3 of 10 flows, page 1 of 2 (--p 0)"]
    for arguments, target in ((["flows", "--json"], "/flows?pp=20"), (["counts", "--json"], "/counts"),
                              (["flows", "number 1", "--json", "--pp", "3", "--p", "1", "--by", "author"], "/flows?words=number+1&pp=3&p=1&by=author"),
                              (["map", "--json"], "/map")):
        ours, theirs = json.loads(run(one, *arguments).stdout), one.get(target).json()
        for answer in (ours, theirs):
            answer.pop("now", None)
        assert ours == theirs, arguments
    done = run(one, "flows", "beta ==")
    assert done.returncode == 0 and "0 of 10 flows" in done.stdout and "column 8" in done.stderr
    done = run(one, "flows", 'nmae == "x"')
    assert done.stderr.endswith("as a query it is wrong at column 1: there is no field `nmae`; did you mean name?\n") and "Error" not in done.stderr
    done = run(one, "flows", "traget")
    assert "3 of 10 flows" in done.stdout and done.stderr == 'kodo flows: nothing has "traget"; these have "target"\n'
    done = run(one, "flows", "x" * 300)
    assert done.returncode == 1 and "at most 256 bytes" in done.stderr
    assert run(one, "flows", "", one.loader, service=False).stdout.endswith("10 of 10 flows\n")


def test_tables_do_not_disturb_a_terminal(pair):
    one, _ = pair
    for command in ("flows", "counts", "peers", "map"):
        text = run(one, command).stdout
        assert "\x1b" not in text and "\u202e" not in text
    for command in ("peers", "map"):
        assert r"Evil \x1b[31mred\xe2\x80\xae" in run(one, command).stdout
    with open(os.path.join(one.cwd, "data", "kodo.log"), encoding="utf-8") as log:
        assert r"to organization Evil \x1b[31mred\xe2\x80\xae" in log.read()
    counts = [line.split() for line in run(one, "counts").stdout.splitlines()]
    assert counts[1] == ["total", "10"] and ["tag", "10", "all"] in counts and ["organization", "5", "One"] in counts


@pytest.mark.parametrize("arguments", [["check"], ["flows"], ["flows", "--json"], ["counts"], ["peers"], ["map"], ["export"], ["version"],
                                       ["help", "options"], ["help", "loader"], ["check", "--help"]], ids=" ".join)
def test_output_that_does_not_arrive(pair, arguments):
    one, _ = pair
    state = ["--state", one.state_path()] if arguments[0] not in ("version", "help") else []
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([kodotest.KODO, *arguments, *state], cwd=one.cwd, stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=30, check=False)
    assert done.returncode == 1 and done.stderr.startswith("kodo"), done


def test_peers_and_explain(pair):
    one, target = pair
    wait_until(one.is_idle, 10, "the target is notified of the new node")
    peers = {row["url"]: row for row in json.loads(run(one, "peers", "--json").stdout)}
    assert set(peers) == {target.url, FAR}
    assert (peers[target.url]["direction"], peers[target.url]["state"], peers[target.url]["flows"]) == ("both ways", "ok", 3)
    one.post("/connect", greeting("http://127.0.0.1:29", nodes=[node(FAR, [flow(7)])]))
    explained = json.loads(run(one, "explain", FAR + "/flows/flow-1", "--json").stdout)
    assert explained["url"] == FAR and explained["seen"] and [said["by"] for said in explained["statements"]] == ["http://127.0.0.1:29", FAR]
    assert [said["wins"] for said in explained["statements"]] == [True, False] and "higher version" in explained["statements"][1]["why"]
    text = run(one, "explain", one.url).stdout
    assert "wins: it is the own node" in text
    one.post("/disconnect", {"provider": "http://127.0.0.1:29", "url": ["http://127.0.0.1:29"]})
    one.post("/disconnect", {"provider": FAR, "url": [FAR]})
    assert "not seen" in run(one, "explain", FAR).stdout


def test_changes(pair):
    one, target = pair
    assert run(one, "evict", FAR).stdout == f"{FAR}: gone\n"
    assert one.total() == 8
    wait_until(lambda: target.total() == 8, 5, "the target is notified")
    done = run(one, "evict", target.url)
    assert done.returncode == 1 and "disconnect it first" in done.stderr
    assert run(one, "disconnect", target.url).stdout == f"{target.url}: left\n"
    assert one.total() == 5 and target.total() == 3
    assert run(one, "connect").stdout == f"{target.url}: ok\n"
    assert run(one, "connect", target.url.replace("localhost", "LocalHost")).stdout == f"{target.url}: ok\n"
    wait_until(lambda: one.total() == 8 and target.total() == 8, 5, "connected again")
    target.kill()
    done = run(one, "connect", target.url + "/")
    assert done.returncode == 1 and "failing" in done.stdout and "tried again" in done.stderr


def test_evict_and_forget(pair):
    """No tombstone stays, of a provider that is thrown out or has gone before; the others heard of the removal first."""
    one, target = pair
    below = FAR + "/below"
    one.post("/connect", greeting(FAR, nodes=[node(FAR, [flow(0)]), node("http://elsewhere:1", [flow(1)]), node(below, [flow(2)])]))
    one.post("/update", greeting(FAR, nodes=[node(FAR, [flow(0)])]))
    one.post("/disconnect", {"provider": FAR, "url": [below]})
    assert "not seen" in run(one, "explain", below).stdout
    assert run(one, "evict", FAR, "--forget").stdout == f"{FAR}: 3 removals forgotten\n{FAR}: gone\n"
    wait_until(lambda: target.total() == 8, 5, "the target is notified")
    for url in (FAR, below, "http://elsewhere:1"):
        assert "nothing" in run(one, "explain", url).stderr
    done = run(one, "evict", FAR, "--forget")
    assert done.returncode == 1 and "no such provider" in done.stderr
    other_case = FAR + "/Below"
    one.post("/connect", greeting(FAR, nodes=[node(FAR, [flow(0)]), node(other_case, [flow(1)])]))
    one.post("/disconnect", {"provider": FAR, "url": [FAR]})
    assert "not seen" in run(one, "explain", FAR).stdout
    assert run(one, "evict", below, "--forget").returncode == 1 and "not seen" in run(one, "explain", other_case).stdout
    assert "2 removals forgotten" in run(one, "evict", FAR, "--forget", "--no-wait").stdout
    assert not any(line.startswith("error") for line in run(one, "check").stdout.splitlines())
    assert run(one, "connect", "--forget").returncode != 0


def test_a_service_that_is_stopped(pair):
    one, target = pair
    assert one.stop() == 0
    assert "10 of 10 flows" in run(one, "flows").stdout
    assert run(one, "disconnect").stdout == f"{target.url}: left\n"         # a runner was started for it
    wait_until(lambda: target.total() == 3, 5, "left")


@pytest.mark.parametrize("arguments, status", [
    (["explain"], 2), (["evict"], 2), (["flows", "--pp", "0"], 2), (["flows", "--by"], 2), (["explain", "http://127.0.0.1:1"], 1),
    (["explain", "no url"], 1), (["evict", "http://127.0.0.1:1"], 1), (["connect", "http://127.0.0.1:1"], 1), (["connect", "x"], 1),
    (["flows", "--help"], 0), (["help", "explain"], 0)])
def test_statuses(pair, arguments, status):
    done = run(pair[0], *arguments, service=arguments[0] != "help")
    assert done.returncode == status and (done.stdout if status == 0 else done.stderr.startswith("kodo "))


def test_completion():
    script = os.path.join(kodotest.SRCDIR, "conf", "bash-completion", "kodo")
    words = subprocess.run(["bash", "-c", f". '{script}'; COMP_WORDS=(kodo ''); COMP_CWORD=1; _kodo; echo ${{COMPREPLY[*]}}"],
                           capture_output=True, text=True, check=True).stdout.split()
    known = subprocess.run([kodotest.KODO, "help"], capture_output=True, text=True, check=True).stdout
    assert words == sorted(line.split()[0] for line in known.splitlines() if line.startswith("  "))


@pytest.mark.parametrize("command", [["check"], ["flows"], ["counts"], ["peers"], ["map"], ["explain", FAR], ["export"], ["import", "x"],
                                     ["connect"], ["disconnect"], ["evict", FAR], ["backup", "x"]], ids=lambda command: command[0])
def test_commands_run_no_loader(place, command):
    """A program that a .env names, in whatever folder somebody stands: only `kodo service` and the runner run one."""
    with open(os.path.join(place, "program"), "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\ntouch {place}/ran\n")
    os.chmod(os.path.join(place, "program"), 0o755)
    with open(os.path.join(place, ".env"), "w", encoding="utf-8") as f:
        f.write("KODO_LOADER=./program\n")
    for arguments in ([], ["./program"]):
        done = subprocess.run([kodotest.KODO, *command, *([] if command[0] == "import" else arguments)], cwd=place, env={"PATH": os.environ["PATH"]},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        assert not os.path.exists(os.path.join(place, "ran")), command
        assert "program" in done.stdout + done.stderr, done
        assert command[0] == "check" or (done.returncode == 1 and "--state FOLDER" in done.stderr), done


@pytest.mark.parametrize("command", [["connect"], ["evict", FAR]], ids=["connect", "evict"])
def test_output_ends_with_the_command(place, command):
    """`kodo evict URL | cat`: the runner that a command starts, and that goes on to try, does not hold the pipe."""
    one = servicetest.Runner(place, {"registry": True, "feed": True, "connect": ["http://127.0.0.1:23"], "private": True})
    try:
        assert one.cgi.post("/connect", connect_body(FAR, 2)).status == 201
        process = subprocess.Popen([kodotest.KODO, *command, "--no-wait", "--state", one.cgi.state_path()], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "KODO_RECONNECT": kodotest.RECONNECT})
        out, err = process.communicate(timeout=10)
        assert process.returncode == 0 and b"Sanitizer" not in out + err
        assert [pid for pid in servicetest.processes_of(place) if "kodo-reconnect" in servicetest.command_line(pid)[0]] != []
    finally:
        one.close()


# --- how they look ---

def completed(*words):
    """What bash would offer after these words."""
    script = os.path.join(kodotest.SRCDIR, "conf", "bash-completion", "kodo")
    line = " ".join(f"'{word}'" for word in words)
    done = subprocess.run(["bash", "-c", f". '{script}'; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _kodo; echo ${{COMPREPLY[*]}}"],
                          capture_output=True, text=True, check=True)
    return done.stdout.split()


COMMANDS = [line.split()[0] for line in subprocess.run([kodotest.KODO, "help"], capture_output=True, text=True, check=True).stdout.splitlines()
            if line.startswith("  ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(place, command):
    texts = {run_in(place, *arguments) for arguments in ((command, "-h"), (command, "--help"), ("help", command))}
    assert len(texts) == 1, texts
    status, text, _ = texts.pop()
    assert status == 0 and text.startswith(f"usage: kodo {command}") and f"\nExample: kodo {command}" in text
    assert command == "version" or "Exit status: 0" in text


def run_in(place, *arguments):
    done = subprocess.run([kodotest.KODO, *arguments], cwd=place, env=CLEAN, capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments, meant", [
    (["statsu"], "status"), (["chek"], "check"), (["flow"], "flows"), (["help", "expalin"], "explain"), (["flows", "--josn"], "--json"),
    (["peers", "--wach"], "--watch"), (["check", "--conect=x"], "--connect"), (["status", "--hostde"], "--hosted"), (["init", "-x"], None),
    (["connect", "--nowait"], "--no-wait"), (["service", "--registyr"], "--registry"), (["xyzzy"], None), (["flows", "--xyzzy"], None),
    (["evict", "http://a", "--forgte"], "--forget"), (["export", "--xyzzy"], None), (["logs", "--levle", "info"], "--level"),
    (["audit", "--refusd"], "--refused"),
    (["peers", "-o", "yaml"], None), (["map", "-o", "wide"], None), (["peers", "--watch=0"], None), (["logs", "-n", "few"], None),
    (["check", "--state", "/tmp", "x"], None), (["check", "--hosted", "a", "b"], None)], ids=str)
def test_wrong_words(place, arguments, meant):
    """Exit status 2, and what was meant where that is near."""
    status, out, err = run_in(place, *arguments)
    assert (status, out) == (2, "") and err.startswith("kodo") and err.count("\n") == 1
    assert f"did you mean {meant}?" in err if meant else "did you mean" not in err, err


def test_outputs(pair):
    one, target = pair
    assert run(one, "counts", "-o", "json").stdout == run(one, "counts", "--json").stdout == run(one, "counts", "-ojson").stdout
    assert set(run(one, "peers", "-o", "name").stdout.split()) == {target.url, FAR}
    assert sorted(run(one, "flows", "-o", "name", "--pp", "100").stdout.split())[0].startswith(f"{FAR}/flows/")
    wide = run(one, "peers", "-o=wide").stdout.splitlines()
    assert "TRUST" in wide[0] and "ERROR" in wide[0] and len(wide) == 3
    assert run(one, "deny", "-o", "name").stdout == ""


def test_the_same_rule_names_the_service(pair):
    """A loader may stand before a query or a url, or alone in its place."""
    one, target = pair
    for arguments in (["kodo.yaml"], ["kodo.yaml", "number"], ["number", "kodo.yaml"], [one.state_path(), "number"]):
        done = run(one, "flows", *arguments, service=False)
        assert done.returncode == 0 and " of 10 flows" in done.stdout, done
    assert run(one, "explain", "kodo.yaml", target.url, service=False).stdout == run(one, "explain", target.url, "kodo.yaml", service=False).stdout
    assert run(one, "connect", "kodo.yaml", service=False).stdout == f"{target.url}: ok\n"


def test_a_narrow_terminal(service, place):
    """Of a peer its url and error are whole at 80 columns, of a flow its url; -o wide, and elsewhere, all is there."""
    long = "http://127.0.0.1:1/" + "long/" * 8
    one = service({"connect": [long], "retry": 1, "organization": "O" * 40, "flows": [flow(0, name="N" * 50, author="a" * 50)]})
    wait_until(lambda: "paused" in run(one, "peers").stdout, 10)
    status, text = Terminal(one.cwd, "peers", "kodo.yaml").end()
    lines = text.replace("\r", "").splitlines()
    assert status == 0 and long.rstrip("/") in text and "Couldn't connect to server" in text and "paused" in text
    assert all(len(line) <= 80 for line in plain(text)) and "TRUST" not in lines[0], lines
    wide = Terminal(one.cwd, "peers", "kodo.yaml", "-o", "wide").end()[1]
    assert "TRUST" in wide and len(plain(wide)) == 2 and "TRUST" in run(one, "peers").stdout
    text = Terminal(one.cwd, "flows", "kodo.yaml").end()[1]
    assert f"{one.url}/flows/flow-0" in text and "…" in text and all(len(line) <= 80 for line in plain(text))
    assert "N" * 50 in run(one, "flows").stdout


def plain(text):
    """Lines without colours."""
    return [re.sub("\x1b\\[[0-9;]*[mHJ]", "", line) for line in text.replace("\r", "").splitlines()]


def test_colours(pair):
    """On a terminal only, not under NO_COLOR, nor where it is dumb."""
    one, _ = pair
    for command in ("peers", "check", "status"):
        assert "\x1b[3" in Terminal(one.cwd, command, "kodo.yaml").end()[1], command
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            assert "\x1b" not in Terminal(one.cwd, command, "kodo.yaml", **env).end()[1], (command, env)
        assert "\x1b" not in run(one, command).stdout
    assert "\x1b[3" in Terminal(one.cwd, "peers", "kodo.yaml", NO_COLOR="").end()[1]


def test_watch(pair):
    one, _ = pair
    with subprocess.Popen([kodotest.KODO, "counts", "kodo.yaml", "--watch=1"], cwd=one.cwd, stdout=subprocess.PIPE, text=True) as watch:
        seen = []
        while len(seen) < 2:
            line = watch.stdout.readline()
            assert line
            if line.startswith("total"):
                seen.append(int(line.split()[1]))
                one.post("/connect", connect_body("http://127.0.0.1:39", 3))
        assert seen == [10, 13]
        watch.terminate()
    terminal = Terminal(one.cwd, "status", "kodo.yaml", "--watch")
    assert "\x1b[H\x1b[J" in terminal.read("last runs")
    terminal.process.kill()
    terminal.end()


# --- kodo status, kodo logs ---

def test_status(pair):
    one, target = pair
    done = run(one, "status", "kodo.yaml", service=False)
    assert done.returncode == 0 and done.stdout.startswith(f"One, registry at {one.url}\n")
    for name, words in (("service", "runs"), ("listed by", f"{target.url} (Target)"), ("pending", "0"), ("runner", "runs"), ("flows", "10"),
                        ("loader", one.loader), ("state", one.state_path())):
        assert re.search(rf"^  {name} +{re.escape(words)}", done.stdout, re.M), (name, done.stdout)
    assert re.search(r"^  last runs +\d+\w ago, by service", done.stdout, re.M)
    facts = json.loads(run(one, "status", "-o", "json").stdout)
    assert facts["well"] and facts["listed_by"] == [target.url] and facts["role"] == "registry" and facts["served"] and facts["flows"] == 10
    target.kill()
    one.post("/connect", connect_body(FAR, 4))
    wait_until(lambda: run(one, "status").returncode == 1, 20, "a target is in trouble")
    assert re.search(rf"^  (failing|paused) +{target.url}\n +\S", run(one, "status").stdout, re.M)
    assert one.stop() == 0
    assert "does not run" in run(one, "status", "kodo.yaml", service=False).stdout
    assert run(one, "status", "--state", "/nowhere", service=False).returncode == 1


def test_a_refused_loader(pair):
    """Commands that read show what is in force, and say why the file is not; others do nothing."""
    one, _ = pair
    with open(one.loader, encoding="utf-8") as f:
        good = f.read()
    with open(one.loader, "a", encoding="utf-8") as f:
        f.write("- nosuch: 1\n")
    line = len(good.splitlines()) + 1
    done = run(one, "status", "kodo.yaml", service=False)
    assert done.returncode == 1 and re.search(r"^  service +runs", done.stdout, re.M) and "refused since it was changed" in done.stdout
    assert re.search(rf"^kodo status: {re.escape(one.loader)}:{line}: .*nosuch.*; what held before goes on$", done.stderr, re.M), done.stderr
    facts = json.loads(run(one, "status", "-o", "json", "kodo.yaml", service=False).stdout)
    assert "nosuch" in facts["refused"] and facts["served"] and not facts["well"]
    done = run(one, "flows", "kodo.yaml", service=False)
    assert done.returncode == 0 and "Flow" in done.stdout and "nosuch" in done.stderr
    assert run(one, "cache", "reset", "kodo.yaml", service=False).returncode != 0
    with open(one.loader, "w", encoding="utf-8") as f:
        f.write(good)
    assert json.loads(run(one, "status", "-o", "json", "kodo.yaml", service=False).stdout)["refused"] is None


def test_logs(pair):
    one, _ = pair
    log = os.path.join(one.cwd, "data", "kodo.log")
    whole = open(log, encoding="utf-8").read().splitlines()
    assert run(one, "logs", "-n", "3").stdout.splitlines() == whole[-3:]
    assert run(one, "logs", "-n", "0").stdout == ""
    assert run(one, "logs", "-n", "1000").stdout.splitlines() == whole
    with open(log, "a", encoding="utf-8") as f:
        f.write("2026-01-01 00:00:00,000 ERROR kodo: x - wrong\n" + "".join(f"2026-01-01 00:00:00,000 INFO kodo: x - {i} {'y' * 90}\n" for i in range(2000)))
    assert run(one, "logs", "-n", "1", "--level", "error").stdout.endswith("x - wrong\n")
    assert [line.split()[6] for line in run(one, "logs", "-n", "1500").stdout.splitlines()] == [str(i) for i in range(500, 2000)]


def test_logs_follow_over_a_rotation(pair):
    one, _ = pair
    log = os.path.join(one.cwd, "data", "kodo.log")
    with open(log, "a", encoding="utf-8") as old, subprocess.Popen(
            [kodotest.KODO, "logs", "-f", "-n", "1", "--level", "critical", "kodo.yaml"], cwd=one.cwd, stdout=subprocess.PIPE, text=True) as follow:
        def say(f, word):
            f.write(f"2026-01-01 00:00:00,000 CRITICAL kodo: x - {word}\n2026-01-01 00:00:00,000 INFO kodo: x - not shown\n")
            f.flush()
        say(old, "one")
        assert follow.stdout.readline().endswith("x - one\n")
        os.rename(log, log + ".1")
        with open(log, "a", encoding="utf-8") as new:
            say(old, "two")                                 # by a process that has not noticed
            say(new, "three")
            assert [follow.stdout.readline().split()[-1] for _ in range(2)] == ["two", "three"]
            say(new, "four")
            assert follow.stdout.readline().endswith("x - four\n")
        follow.terminate()


# --- completion ---

@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in ("help", "version")])
def test_completion_of_options(place, command):
    """All that its usage names, sorted."""
    usage = run_in(place, command, "-h")[1]
    named = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*|-[a-z])\b", usage.split("Example:")[0].split("Which service")[0])) - {"--json"}
    words = completed("kodo", command, "-")
    assert words == sorted(words) and named <= set(words), (command, named - set(words))
    assert command in ("init", "service") or {"--help", "--hosted", "--state"} <= set(words)


def test_completion_of_values():
    assert completed("kodo", "peers", "-o", "") == ["json", "wide", "name"] and completed("kodo", "map", "-o", "") == ["json"]
    assert completed("kodo", "init", "--role", "p") == ["provider"] and completed("kodo", "st") == ["status"]
