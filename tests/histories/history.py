"""A history of 2 to 5 services, from a seed: what happens, in words, and what must be seen at its end.

It ends in the healing: all run, with right clocks, and nobody has a target at a url without a service. Some have a second act, in which an
older copy of a registry is restored while owners are away; they stay away. What a service must sign off
is known to its state alone; so a state is deleted, or an older copy restored, only where nothing of that is lost. And of a link whose
ends both have other urls since neither end can tell the other.
"""
import collections
import random

ROLES = {"node": (False, False), "hybrid": (True, False), "registry": (True, True)}     # options registry and feed
DAY = 86400
CLOCKS_S = [60 * DAY, 60 * DAY, 20 * DAY, -DAY, -3600, 45]
CLOCK_LEAST_WRONG_S = DAY           # a clock that is further off at the end is corrected
LONG_S = 65                         # a pause in which a peer is given up
CONNECTED_S = 3             # then a service has connected
PARTS = ["kodo", "kodo-reconnect", "lighttpd"]

# pause: seconds before it; settings: of "loader"; value: see WORDS
Step = collections.namedtuple("Step", "pause what number settings value")
# up: numbers of those that run at its end; view: what must be seen then, see view_of
Act = collections.namedtuple("Act", "steps up view")
Settings = collections.namedtuple("Settings", "role port targets flows reset")

WORDS = {
    "loader": "loader:", "start": "starts", "kill": "is killed", "term": "is ended", "copy": "state is copied", "wipe": "state is deleted",
    "restore": "older state is restored", "stop": "is stopped (SIGSTOP)", "cont": "goes on (SIGCONT)", "leave": "leaves (DELETE /connect)",
    "away": "goes away (killed)", "kill_part": "one process is killed:", "clock": "clock differs by seconds:", "heal": "the healing begins",
}


class Member:
    """A service as the history has it so far. Ports are numbers of the history; whoever performs it gives them real ones."""

    def __init__(self, number, role):
        self.number, self.role, self.port = number, role, number
        self.first_role = role
        self.targets = frozenset()
        self.flows = 1 + number
        self.reset = self.has_left = self.is_stopped = False
        self.is_live = False                # its targets or role were changed while it ran
        self.is_down = True
        self.offset_s = 0
        self.started_with = set()           # pairs of own port and target
        self.since = set()                  # all pairs that it ever had
        self.copied = self.since_copy = None
        self.given_up_at_copy = 0           # urls, until then
        self.known_at_copy = set()          # numbers of those who surely were connected to it then
        self.up_at = 0.0

    def settings(self):
        return Settings(self.role, self.port, self.targets, self.flows, self.reset)

    def pairs(self):
        return {(self.port, target) for target in self.targets}

    def is_registry(self):
        return ROLES[self.role][0]

    def feeds(self):
        return ROLES[self.role][1]


class History:
    def __init__(self, seed):
        self.seed = seed
        self.dice = random.Random(f"history {seed}")
        self.acts, self.steps = [], []
        self.pause = self.now = 0.0
        self.has_lost = False               # or a clock was months ahead: one digest check may have to find that out
        self.given_up = set()               # ports that are or were without their service
        n = self.dice.randint(2, 5)
        self.members = [Member(i, "registry" if i == 0 else self.dice.choice(["registry", "registry", "hybrid", "node", "node"]))
                        for i in range(n)]
        self.ports = range(n + 2)
        for m in self.members:
            m.targets = self.some_targets(m)
        self.begin()
        for _ in range(self.dice.randint(3, 14)):
            self.happen()
        self.heal(self.members)
        self.restore_while_away()

    # --- steps ---

    def step(self, what, m, value=None, settings=None):
        self.steps.append(Step(self.pause, what, m.number, settings, value))
        self.now += self.pause
        self.pause = 0.0

    def rest(self, most=None):
        """Before the next step."""
        if most is None:
            most = self.dice.choices([0.3, 2, 6, 25], [40, 40, 18, 2])[0]
        self.pause += self.dice.random() * most

    def write(self, m):
        self.step("loader", m, settings=m.settings())
        for pairs in (m.since, m.since_copy):
            if pairs is not None:
                pairs |= m.pairs()

    def launch(self, m, reset=False):
        m.reset = reset
        self.write(m)
        self.step("start", m)
        m.is_down = m.has_left = m.is_live = False
        m.started_with, m.up_at = m.pairs(), self.now

    def halt(self, m):
        if m.is_down:
            return
        self.step("kill" if m.is_stopped or self.dice.random() < 0.6 else "term", m)
        m.is_down, m.is_stopped = True, False
        if m.copied is None or self.dice.random() < 0.5:
            self.step("copy", m)
            # what it was told while it ran it may not have read
            m.copied, m.since_copy = m.started_with & m.pairs(), set()
            m.given_up_at_copy = len(self.given_up)
            m.known_at_copy = {o.number for o in self.members if self.is_surely_connected(o, m)}

    def is_surely_connected(self, m, to):
        return ((m.port, to.port) in m.started_with & m.pairs() and not (m.is_down or m.is_stopped or m.has_left)
                and self.now - max(m.up_at, to.up_at) > CONNECTED_S)

    def resume(self, m):
        self.step("cont", m)
        m.is_stopped, m.up_at = False, self.now

    def change(self, m):
        """Its settings are others now: it learns them as it runs, or by a restart; or it is down."""
        if m.is_down:
            self.write(m)
        elif not m.has_left and self.dice.random() < 0.4:
            self.write(m)
            m.is_live, m.up_at = True, self.now
        else:
            self.halt(m)
            self.launch(m)

    # --- what happens ---

    def some_targets(self, m):
        """Now and then one that is no registry, by mistake."""
        others = [o for o in self.members if o is not m and (o.is_registry() or self.dice.random() < 0.1)]
        density = self.dice.choice([0.3, 0.5, 0.8])
        ports = {o.port for o in others if self.dice.random() < density}
        if not ports and others and (m.number > 0 or self.dice.random() < 0.3):
            ports = {self.dice.choice(others).port}
        return frozenset(ports - {m.port})

    def begin(self):
        order = self.dice.sample(self.members, len(self.members))
        late = order.pop() if self.dice.random() < 0.1 else None
        for m in order:
            self.launch(m)
            self.rest(0.3)
        if late is not None:
            self.write(late)
            self.pause += self.dice.choice([2, LONG_S])
            self.launch(late)
        self.rest(4)

    def happen(self):
        self.draw(self.members, {
            self.do_flows: 5, self.do_restart: 3, self.do_down: 3, self.do_up: 4, self.do_wipe: 1, self.do_restore: 2,
            self.do_reset: 1, self.do_leave: 1, self.do_stop: 2, self.do_part: 1, self.do_clock: 1, self.do_targets: 3,
            self.do_role: 2, self.do_url: 1, self.do_turn: 2})

    def draw(self, members, kinds):
        kind = self.dice.choices(list(kinds), list(kinds.values()))[0]
        kind(self.dice.choice(members))
        self.rest()

    def do_flows(self, m):
        m.flows = 0 if self.dice.random() < 0.2 else self.dice.randint(1, 1000)
        self.write(m)

    def do_restart(self, m):
        self.halt(m)
        self.launch(m)

    def do_down(self, m):
        self.halt(m)
        if self.dice.random() < 0.06:
            self.pause += LONG_S

    def do_up(self, m):
        if m.is_stopped:
            self.resume(m)
        elif m.is_down:
            self.launch(m)

    def do_wipe(self, m):
        if m.since <= m.pairs():
            self.halt(m)
            self.rest(1)
            self.step("wipe", m)
            self.has_lost = True
            self.launch(m)

    def may_restore(self, m):
        return m.copied is not None and m.since_copy <= m.copied | m.pairs() and m.given_up_at_copy == len(self.given_up)

    def do_restore(self, m):
        if self.may_restore(m):
            self.halt_uncopied(m)
            self.step("restore", m)
            # a copy without those who connect to it is lost as far as they are concerned
            self.has_lost |= any(m.port in o.targets and o.number not in m.known_at_copy for o in self.members)
            self.launch(m)

    def halt_uncopied(self, m):
        """The copy is to be an older one."""
        if not m.is_down:
            self.step("kill", m)
            m.is_down, m.is_stopped = True, False

    def do_reset(self, m):
        self.halt(m)
        self.launch(m, reset=True)

    def do_leave(self, m):
        if not (m.is_down or m.is_stopped or m.is_live) and m.targets:
            self.step("leave", m)
            m.has_left = True

    def do_stop(self, m):
        if not m.is_down and not m.is_stopped:
            self.step("stop", m)
            m.is_stopped = True
            self.rest()
            if self.dice.random() < 0.5:
                self.resume(m)

    def do_part(self, m):
        if not m.is_down and not m.is_stopped:
            self.step("kill_part", m, self.dice.choice(PARTS))

    def do_clock(self, m):
        m.offset_s = 0 if m.offset_s else self.dice.choice(CLOCKS_S)
        self.step("clock", m, m.offset_s)
        if self.dice.random() < 0.7:
            m.flows = self.dice.randint(1, 1000)
            self.change(m)

    def do_targets(self, m):
        m.targets = self.some_targets(m)
        self.change(m)

    def do_role(self, m):
        if m.number > 0:
            m.role = self.dice.choice([role for role in ROLES if role != m.role])
            self.change(m)

    def do_url(self, m):
        """To one that was never used, or that another has given up. Those who have it as target may follow at once, or when it heals."""
        old = m.port
        free = [p for p in self.ports if p not in {o.port for o in self.members} | m.targets]
        ever = set().union(*(o.since for o in self.members))
        if not free or any(old in pair and self.given_up & set(pair) for pair in ever):
            return
        self.given_up.add(old)
        m.port = self.dice.choice(free)
        if not m.is_down:
            self.halt(m)
            self.launch(m)
        else:
            self.write(m)
        for other in self.members:
            if old in other.targets and self.dice.random() < 0.5:
                other.targets = other.targets - {old} | {m.port}
                self.change(other)

    def do_turn(self, m):
        others = [o for o in self.members if o.port in m.targets and m.is_registry()]
        if others:
            other = self.dice.choice(others)
            m.targets -= {other.port}
            other.targets |= {m.port}
            for one in self.dice.sample([m, other], 2):
                self.change(one)
                self.rest(1)

    # --- the end ---

    def heal(self, members):
        self.steps.append(Step(self.pause, "heal", None, None, None))
        self.pause = 0.0
        for m in self.dice.sample(members, len(members)):
            if abs(m.offset_s) >= CLOCK_LEAST_WRONG_S or (m.offset_s and self.dice.random() < 0.5):
                self.has_lost |= m.offset_s >= 30 * DAY
                m.offset_s = 0
                self.step("clock", m, 0)
            self.leave_dead_urls(m)
            if m.is_stopped:
                self.resume(m)
            if m.is_down:
                self.launch(m)
            self.rest(0.5)
        self.pause = 0.0
        self.acts.append(Act(self.steps, {m.number for m in members}, view_of(self.members)))
        self.steps = []

    def leave_dead_urls(self, m):
        there = {o.port for o in self.members}
        if m.targets - there:
            m.targets &= there
            if not m.targets:
                m.targets = self.some_targets(m)
            self.change(m)

    def restore_while_away(self):
        """Owners that always had the same targets go away. The registry that forgets them must have a peer that does not."""
        owners = [m for m in self.members if m.role == "node" == m.first_role and m.since <= m.pairs() and not m.has_left and m.flows]
        registries = [m for m in self.members if m.feeds() and self.may_restore(m)
                      and any({(m, o), (o, m)} <= set(links(self.members)) for o in self.members)]
        if not owners or not registries or self.dice.random() < 0.5:
            return
        away = self.dice.sample(owners, self.dice.randint(1, len(owners)))
        for m in away:
            self.step("away", m)
            m.is_down = True
        self.rest(3)
        others = [m for m in self.members if m not in away]
        kinds = {self.do_flows: 2, self.do_restart: 2, self.do_down: 2, self.do_up: 2, self.do_stop: 1, self.do_part: 1}
        before, after = self.dice.randint(0, 2), self.dice.randint(0, 2)
        for _ in range(before):
            self.draw(others, kinds)
        self.do_restore(self.dice.choice(registries))
        self.rest()
        for _ in range(after):
            self.draw(others, kinds)
        self.heal(others)

    def all_steps(self):
        return [step for act in self.acts for step in act.steps]

    def kinds(self):
        """What happened, for who counts."""
        steps = self.all_steps()
        found = {step.what for step in steps if step.what not in ("loader", "start", "copy", "heal")}
        found.update({"clock 60 days"} if any(s.what == "clock" and s.value >= 60 * DAY for s in steps) else set())
        found.update({"reset"} if any(s.settings and s.settings.reset for s in steps) else set())
        for name, field in (("role", "role"), ("url", "port"), ("targets", "targets")):
            values = {(s.number, getattr(s.settings, field)) for s in steps if s.settings}
            found.update({name} if len(values) > len(self.members) else set())
        return found

    # --- in words ---

    def story(self):
        lines = []
        for act in self.acts:
            if lines:
                lines.append("once all was right:")
            at = 0.0
            for step in act.steps:
                at += step.pause
                who = "" if step.number is None else f"s{step.number} "
                lines.append(f"{at:7.2f} s  {who}{WORDS[step.what]}{words_of(step)}")
        return "\n".join(lines)


def words_of(step):
    s = step.settings
    if s is None:
        return "" if step.value is None else f" {step.value}"
    targets = ", ".join(f"u{p}" for p in sorted(s.targets)) or "nobody"
    return (f" {s.role} at u{s.port}, connects to {targets}, flows " + (f"of round {s.flows}" if s.flows else "none")
            + (", cache_reset" if s.reset else ""))


# --- what must be seen ---

def links(members):
    """(x, y): x notifies y. x does so if it connects to y, which is a registry; y in return if both feed."""
    for x in members:
        for y in members:
            if y.port in x.targets and not x.has_left and y.is_registry():
                yield x, y
                if x.feeds() and y.feeds():
                    yield y, x


def sources(members, m):
    """Whose flows m shows: its own, and those of all from which a way of links leads to it."""
    found, edges = {m}, list(links(members))
    while True:
        more = {x for x, y in edges if y in found} - found
        if not more:
            return found
        found |= more


def view_of(members):
    """Number of each registry -> {(number, port, flows)} of those whose flows it must show."""
    return {m.number: {(o.number, o.port, o.flows) for o in sources(members, m)} for m in members if m.is_registry()}
