"""The commands that show and change a service: kodo flows, counts, peers, map, explain, connect, disconnect, evict."""
import json
import os
import subprocess

import pytest

import kodotest
import servicetest
from kodotest import connect_body, flow, greeting, node, wait_until

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
                              (["flows", "number 1", "--json", "--pp", "3", "--p", "1", "--by", "author"], "/flows?q=number+1&pp=3&p=1&by=author"),
                              (["map", "--json"], "/map")):
        ours, theirs = json.loads(run(one, *arguments).stdout), one.get(target).json()
        for answer in (ours, theirs):
            answer.pop("now", None)
        assert ours == theirs, arguments
    done = run(one, "flows", "beta ==")
    assert done.returncode == 0 and "0 of 10 flows" in done.stdout and "column 8" in done.stderr
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
                                     ["connect"], ["disconnect"], ["evict", FAR]], ids=lambda command: command[0])
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
