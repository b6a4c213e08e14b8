"""The kinds of run: faults at random for some minutes, a short fixed series, and one killed primary after another."""

import dataclasses
import random
import statistics
import threading
import time

from chaos_parts import faults
from chaos_parts.cluster import ChaosNode, Cluster
from chaos_parts.load import Attempt, Client, Load
from chaos_parts.story import Story, Violation

COMMIT_S = 90        # commits must be there again by then after a fault
LEVEL_S = 180        # and the node must be level with the others
VIEW_S = 30          # so long is waited for its view; the protocol lets a member that asked for a view alone wait longer
BLINK_S = 0.5        # level: it has what the others had so long before (a member outside the view follows by block sync)


@dataclasses.dataclass
class Recovery:
    """One line of the table."""
    fault: str
    detail: str
    begin_s: float
    end_s: float = 0
    with_others: str = ""            # faults that held at the same time
    commit_s: float | None = None    # until a payment committed through a node that was not hit; from the node's end, or else from the fault's end
    level_s: float | None = None     # until the nodes that were hit were level, from the fault's end (for a kill: from the new start)
    view_s: float | None = None      # until they were in the view of the others, and so vote again; None: not within VIEW_S


class Chaos:
    def __init__(self, cluster: Cluster, load: Load, story: Story, seed: int):
        self.cluster, self.load, self.story, self.seed = cluster, load, story, seed
        self.recoveries: list[Recovery] = []
        self.active: dict[faults.Fault, Recovery] = {}
        self.lock = threading.Lock()
        self.probes: list[Attempt] = []
        self.episodes = 0
        self.over = threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()

    def watch(self) -> None:
        """A node that ends although nobody asked for it is a finding, at once."""
        while not self.over.wait(0.1):
            for node in self.cluster.unexpected_ends():
                node.process.expected = False
                self.story.violated(f"{node.name} ended by itself with status {node.process.process.returncode}:\n{node.process.last_log()}")

    def close(self) -> None:
        self.over.set()
        self.watcher.join()

    # Runs.

    def at_random(self, minutes: float, kinds: list[type[faults.Fault]]) -> None:
        chance = random.Random(f"{self.seed}/schedule")
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end and not self.story.violations:
            self.episode([chance.choice(kinds)] + ([chance.choice(kinds)] if chance.random() < 0.3 else []))
            self.over.wait(chance.uniform(0.5, 2.5))

    def series(self, kinds: list[type[faults.Fault]], lasts_s: float) -> None:
        for kind in kinds:
            if not self.story.violations:
                self.episode([kind], lasts_s)

    def episode(self, kinds: list[type[faults.Fault]], lasts_s: float | None = None) -> None:
        """One fault, or two that overlap."""
        self.episodes += 1
        made: list[faults.Fault] = []
        for i, kind in enumerate(kinds):
            if i > 0 and (kind.loses_memory or isinstance(made[0], faults.FullDisk)):
                continue   # loss of memory comes first if at all, and a tmpfs is moved in peace
            avoid = {name for fault in made for name in fault.hit()}
            if kind.loses_memory:   # somebody keeps the whole chain, so that the checks can read it
                whole = [n.name for n in self.cluster.nodes if n.first_block() == 1]
                avoid |= set(whole) if len(whole) == 1 else set()
            made.append(kind(self.cluster, self.story, random.Random(f"{self.seed}/{self.episodes}/{i}"), avoid))
            # Two that are gone leave no quorum of fewer than seven: commits come when the second is back, so that one does not wait for them.
            if i > 0 and kind.from_start and made[0].from_start and (len(self.cluster.nodes) - 1) // 3 < 2:
                made[i].from_start = False
        if lasts_s is not None:
            for fault in made:
                fault.duration_s = lasts_s
        threads = [threading.Thread(target=self.run_fault, args=(fault, i)) for i, fault in enumerate(made)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.cluster.heal_links()

    def run_fault(self, fault: faults.Fault, number: int) -> None:
        if number > 0:
            time.sleep(fault.chance.uniform(0, 2))
        record = Recovery(fault.name, "", self.story.now())
        with self.lock:
            for other, other_record in self.active.items():
                record.with_others = (record.with_others + " " + other.name).strip()
                other_record.with_others = (other_record.with_others + " " + fault.name).strip()
            self.active[fault] = record
        try:
            fault.begin()
            record.detail = fault.detail
            self.story.say(fault.detail)
            until = time.monotonic() + fault.duration_s
            if fault.from_start:
                record.commit_s = self.until_commit(fault, fault.down_at)
            time.sleep(max(0.0, until - time.monotonic()))
            fault.end()
            record.end_s = self.story.now()
            self.story.say(f"end of: {fault.detail}")
            if not fault.from_start:
                record.commit_s = self.until_commit(fault, record.end_s)
            record.level_s = self.until_level(fault, record.end_s)
            record.view_s = self.until_view(fault, record.end_s)
            self.recoveries.append(record)
            view = f"{record.view_s:.2f} s" if record.view_s is not None else f"more than {VIEW_S} s"
            self.story.say(f"over: {fault.detail}: commits after {record.commit_s:.2f} s, level after {record.level_s:.2f} s, in the view after {view}")
        except (Violation, TimeoutError, AssertionError) as problem:
            self.story.violated(f"{fault.detail}: {problem}")
        except Exception as problem:
            self.story.violated(f"{fault.name} on {fault.victim.name} could not be made: {problem!r}")
        finally:
            with self.lock:
                del self.active[fault]

    # Measurements.

    def untouched(self) -> list[ChaosNode]:
        with self.lock:
            hit = {name for fault in self.active for name in fault.hit()}
        return [n for n in self.cluster.nodes if n.name not in hit] or self.cluster.nodes

    def until_commit(self, fault: faults.Fault, since: float) -> float:
        """Seconds since `since` until a new payment is acknowledged by a node that was not hit."""
        client = Client("probe", self.untouched(), self.story, f"{self.seed}/{self.episodes}/{fault.name}")
        try:
            attempt = self.load.workshop.payment("application-1", self.load.devices[0], 1)
            self.probes.append(attempt)
            if not client.settle(attempt, client.nodes, COMMIT_S, wait_s=2):
                raise Violation(f"no commit within {COMMIT_S} s; the probe's answers: {attempt.answers[-8:]}")
            return self.story.now() - since
        finally:
            client.close()

    def until_level(self, fault: faults.Fault, since: float) -> float:
        """Seconds since `since` until each node that was hit has what the others had a moment before."""
        for node, others in self.hit_and_others(fault):
            aims: list[tuple[float, int]] = []

            def level() -> bool:
                aims.append((time.monotonic(), max(n.height() for n in others)))
                past = [aim for at, aim in aims if aims[-1][0] - at >= BLINK_S] or [aims[-1][1]]
                return node.height() >= past[-1]

            self.cluster.wait(f"{node.name} is level with the others", level, LEVEL_S)
        return self.story.now() - since

    def until_view(self, fault: faults.Fault, since: float) -> float | None:
        """Seconds since `since` until each node that was hit is in the view of the others, None when that takes too long."""
        for node, others in self.hit_and_others(fault):

            def joined() -> bool:
                views = [s["view"] for s in (n.status() for n in others) if s]
                status = node.status()
                return status is not None and bool(views) and status["view"] == max(views)

            try:
                self.cluster.wait(f"{node.name} is in the view of the others", joined, VIEW_S)
            except TimeoutError:
                return None
        return self.story.now() - since

    def hit_and_others(self, fault: faults.Fault) -> list[tuple[ChaosNode, list[ChaosNode]]]:
        hit = [n for n in self.cluster.nodes if n.name in fault.hit()]
        return [(node, [n for n in self.untouched() if n is not node]) for node in hit]

    def failover(self, kills: int) -> list[float]:
        """Kills the primary so many times; seconds without commits for each, as clients of the surviving nodes saw it."""
        gaps: list[float] = []
        for i in range(1, kills + 1):
            self.cluster.wait_ready(seconds=LEVEL_S)
            time.sleep(1.0)    # so that the load before the kill is seen, too
            primary = self.cluster.primary()
            killed = time.monotonic()
            fault = faults.Kill(self.cluster, self.story, random.Random(i), {n.name for n in self.cluster.nodes} - {primary.name})
            record = Recovery("kill-primary", "", self.story.now())
            with self.lock:
                self.active[fault] = record
            fault.begin()
            record.detail = fault.detail + " (primary)"
            record.commit_s = self.until_commit(fault, fault.down_at)
            time.sleep(1.0)
            times = [at for at, by in self.load.acknowledged_times() if by != primary.name and at > killed - 1.0]
            gap = max(b - a for a, b in zip(times, times[1:]) if b > killed)
            gaps.append(gap)
            fault.end()
            record.end_s = self.story.now()
            record.level_s = self.until_level(fault, record.end_s)
            record.view_s = self.until_view(fault, record.end_s)
            with self.lock:
                del self.active[fault]
            self.recoveries.append(record)
            self.story.say(f"kill {i} of {kills}: {primary.name}, {gap:.3f} s without commits; level {record.level_s:.2f} s after its new start")
            if self.story.violations:
                break
        if gaps:
            self.story.say(f"time without commits: p50 {statistics.median(gaps):.3f} s, max {max(gaps):.3f} s of {len(gaps)} kills")
        return gaps
