"""Who leaves is forgotten, everywhere and for good: in chains, beside what hangs or is down, with other urls and targets, and back."""
import shutil
import threading
import time

import pytest

import kodotest
import meshtest
from kodotest import CALM, wait_until
from meshtest import REGISTRY, SECONDS, NODE, Network

CHAIN = [{**REGISTRY, "workers": 2}] * 4, [(1, 0), (2, 1), (3, 2)], [3]


@pytest.fixture
def chain(folders):
    """R0 <- R1 <- R2 <- R3 <- the node."""
    with Network(folders, *CHAIN) as net:
        net.wait_converged()
        net.wait_quiet()
        yield net


def leave(one):
    answer = one.request("DELETE", "/connect")
    assert (answer.status, answer.body) == (204, b"")
    return answer


def assert_stays(test, seconds=2):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert test()
        time.sleep(0.1)


def test_healthy_chain(chain):
    answer = leave(chain.n[0])
    assert [r.shown() for r in chain.r] == [set()] * 4
    assert answer.seconds < 1 + CALM
    assert_stays(lambda: not any(r.shown() for r in chain.r))


@pytest.mark.parametrize("hanging", [0, 1, 2, 3])
def test_hanging_registry_in_a_chain(chain, hanging):
    with chain.r[hanging].stopped():
        answer = leave(chain.n[0])
        end = time.monotonic() + 1
        assert answer.seconds < 5
        for r in chain.r[hanging + 1:]:
            wait_until(lambda: r.shown() == set(), end - time.monotonic(), f"{r.name} has forgotten")
    for r in chain.r:
        wait_until(lambda: r.shown() == set(), SECONDS, f"{r.name} has forgotten")
    assert_stays(lambda: not any(r.shown() for r in chain.r), 1)


@pytest.mark.parametrize("down", [0, 1, 3])
def test_leave_while_a_registry_of_a_chain_is_down(chain, down):
    """It learns of the leave when it is back, and so do those behind it; no registry brings the node back."""
    chain.r[down].kill()
    assert leave(chain.n[0]).seconds < 5
    reached = chain.r[down + 1:]
    for r in reached:
        wait_until(lambda: r.shown() == set(), SECONDS, f"{r.name} has forgotten")
    for r in chain.r[:down]:
        assert r.shown() == chain.n[0].rows()
    chain.r[down].start()
    for r in chain.r:
        wait_until(lambda: r.shown() == set(), SECONDS, f"{r.name} has forgotten")
    chain.wait_quiet()
    assert_stays(lambda: not any(r.shown() for r in chain.r))


def test_leave_during_a_pending_connect(member):
    registry = member("R", REGISTRY)
    node = member("N", NODE, connect=[registry.url]).start()
    wait_until(lambda: "failed with" in node.log(), 5)
    leave(node)
    registry.start()
    assert_stays(lambda: registry.total() == 0, 3)
    # a start ends the leaving
    node.stop()
    node.start()
    wait_until(lambda: registry.shown() == node.rows(), SECONDS)


def test_connect_answered_late(member, peer):
    go_on = threading.Event()
    other = kodotest.node("http://localhost:19999", [kodotest.flow(1)])

    def answer(method, path, body):
        if path == "/connect":
            go_on.wait(20)
        return 201, kodotest.greeting(slow.url, registry=True, feed=True, nodes=[other])
    slow = peer(answer=answer, feed=True)
    leaver = member("R", {**REGISTRY, "workers": 2}, connect=[slow.url]).start()
    wait_until(lambda: slow.calls("/connect"), 5)
    assert leave(leaver).seconds < 5
    go_on.set()
    wait_until(lambda: slow.calls("/disconnect"), SECONDS)
    assert_stays(lambda: leaver.total() == 0)
    assert [call[1] for call in slow.calls()][-1] == "/disconnect" and len(slow.calls("/connect")) == 1


def test_leave_while_the_registry_is_down(member):
    registry = member("R", REGISTRY).start()
    node = member("N", NODE, connect=[registry.url]).start()
    wait_until(lambda: registry.shown() == node.rows(), SECONDS)
    registry.kill()
    assert leave(node).seconds < 5
    registry.start()
    wait_until(lambda: registry.total() == 0, SECONDS)
    assert_stays(lambda: registry.total() == 0, 3)


def restart_as(one, **options):
    assert one.stop() == 0
    if "url" in options:
        one.url = options["url"]
        one.port = int(one.url.rpartition(":")[2])
    one.options.update(options)
    one.start()


def test_other_url_other_target_and_back(member):
    registries = [member(f"R{i}", REGISTRY).start() for i in range(2)]
    node = member("N", NODE, connect=[registries[0].url]).start()
    first, second = node.url, f"http://localhost:{kodotest.free_port()}"
    both = [r.url for r in registries]

    def assert_at(*where):
        for r in registries:
            rows = node.rows() if r.url in where else set()
            wait_until(lambda: r.shown() == rows, SECONDS, f"{r.name} shows {rows}, but {r.shown()}")
        assert_stays(lambda: all(r.shown() == (node.rows() if r.url in where else set()) for r in registries), 0.5)

    assert_at(both[0])
    for url, targets in ((second, both[:1]), (second, both), (second, both[1:]), (first, both[:1]), (second, both[1:]), (second, []),
                         (first, both)):
        restart_as(node, url=url, connect=targets)
        assert_at(*targets)
    # a target that is down while it is dropped, and wanted again or not
    registries[0].kill()
    restart_as(node, url=second, connect=both[1:])
    restart_as(node, url=first, connect=both)
    registries[0].start()
    assert_at(*both)


# --- a registry that lost its state ---

@pytest.mark.parametrize("kind", [NODE, REGISTRY], ids=["of-a-node", "of-a-registry"])
def test_lost_state_is_full_again_within_a_period(member, clock, kind):
    env, ahead = clock
    registry = member("R", REGISTRY).start()
    other = member("O", kind, connect=[registry.url])
    other.options["flows"] = other.offer()
    other.env.update(env)
    other.start()
    wait_until(lambda: registry.shown() == other.rows(), SECONDS)
    registry.kill()
    shutil.rmtree(registry.state_path())
    registry.start()
    # a runner that begins reads the clock; the one that runs would at its next turn, at most a minute later
    meshtest.kill_runner(other)
    assert_stays(lambda: registry.total() == 0)
    ahead(361)                                              # a period of 300 s and its 20 % of jitter
    meshtest.kill_runner(other)
    wait_until(lambda: registry.shown() == other.rows(), SECONDS)
