"""What goes wrong. A fault is begun, lasts, and is ended; then the nodes that it hit must become level with the others again.

A fault may refuse to be begun here (not root, no faketime): `unavailable` says why. Nodes that lose their memory (a wiped folder) count as
faulty in the sense of PBFT until they are level, so no more than one of these happens at a time.
"""

import errno
import glob
import os
import random
import shutil
import signal
import subprocess
import time

from chaos_parts.cluster import ChaosNode, Cluster
from chaos_parts.process import faketime_library
from chaos_parts.story import Story, Violation

START_S = 90            # a node must be up again by then
DETECT_S = 60           # damage must be noticed by then
FULL_MAX_S = 600        # and a full disk by then, however little is written


class Fault:
    name = ""
    from_start = False          # time until commits counts from the fault's beginning (the node is gone), not from its end
    loses_memory = False
    lasts_s = (2.0, 6.0)

    def __init__(self, cluster: Cluster, story: Story, chance: random.Random, avoid: set[str]):
        """`avoid`: nodes that another fault holds."""
        self.cluster, self.story, self.chance = cluster, story, chance
        self.victim = chance.choice([n for n in cluster.nodes if n.name not in avoid])
        self.detail = ""
        self.down_at = 0.0      # when the node was gone, for faults that count from there
        self.duration_s = chance.uniform(*self.lasts_s)

    @staticmethod
    def unavailable() -> str:
        return ""

    def hit(self) -> set[str]:
        """Names of the nodes that must become level again."""
        return {self.victim.name}

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError

    def restart(self, node: ChaosNode) -> None:
        node.process.start()
        self.cluster.wait(f"{node.name} answers again", lambda: node.status() or not node.process.running(), START_S)
        if not node.process.running():
            raise Violation(f"{node.name} did not start again (status {node.process.process.returncode}):\n{node.process.last_log()}")


class Kill(Fault):
    name = "kill"
    from_start = True

    def begin(self) -> None:
        self.detail = f"kill -9 of {self.victim.name}"
        self.down_at = self.story.now()
        self.victim.process.stop(signal.SIGKILL)

    def end(self) -> None:
        self.restart(self.victim)


class KillPrimary(Kill):
    name = "kill-primary"

    def __init__(self, cluster: Cluster, story: Story, chance: random.Random, avoid: set[str]):
        super().__init__(cluster, story, chance, avoid)
        primary = cluster.primary()
        if primary.name not in avoid:
            self.victim = primary

    def begin(self) -> None:
        super().begin()
        self.detail += " (primary)"


class Pause(Fault):
    name = "pause"
    lasts_s = (2.0, 8.0)

    def begin(self) -> None:
        self.detail = f"SIGSTOP of {self.victim.name}"
        self.victim.process.send(signal.SIGSTOP)

    def end(self) -> None:
        self.victim.process.send(signal.SIGCONT)


class LinkFault(Fault):
    """Between the victim and some others, or all of them."""
    lasts_s = (2.0, 8.0)

    def __init__(self, cluster: Cluster, story: Story, chance: random.Random, avoid: set[str]):
        super().__init__(cluster, story, chance, avoid)
        others = [n for n in cluster.nodes if n is not self.victim]
        self.others = chance.sample(others, chance.choice([1, len(others), len(others)]))

    def hit(self) -> set[str]:
        return {self.victim.name} | ({n.name for n in self.others} if len(self.others) == 1 else set())

    def tell(self, what: str) -> None:
        whom = "all others" if len(self.others) == len(self.cluster.nodes) - 1 else " ".join(n.name for n in self.others)
        self.detail = what.format(victim=self.victim.name, others=whom)

    def end(self) -> None:
        for other in self.others:
            self.cluster.proxy.set(self.victim.name, other.name)
            self.cluster.proxy.set(other.name, self.victim.name)


class Cut(LinkFault):
    name = "cut"

    def begin(self) -> None:
        mode = self.chance.choice(["cut", "hold"])
        self.tell("{victim} cut off from {others}" + (" (noticed)" if mode == "cut" else " (silent)"))
        for other in self.others:
            self.cluster.proxy.set(self.victim.name, other.name, mode)
            self.cluster.proxy.set(other.name, self.victim.name, mode)


class OneWay(LinkFault):
    name = "one-way"

    def begin(self) -> None:
        mode = self.chance.choice(["cut", "hold"])
        outwards = self.chance.random() < 0.5
        self.tell(("{others} do not hear {victim}" if outwards else "{victim} does not hear {others}") + (" (noticed)" if mode == "cut" else " (silent)"))
        for other in self.others:
            source, target = (self.victim, other) if outwards else (other, self.victim)
            self.cluster.proxy.set(source.name, target.name, mode)


class Slow(LinkFault):
    name = "slow"

    def begin(self) -> None:
        delay_ms, rate = self.chance.choice([(30, 0), (150, 0), (400, 0), (0, 32_000), (50, 100_000)])
        self.tell(f"links between {{victim}} and {{others}}: {delay_ms} ms" + (f", {rate // 1000} kB/s" if rate else ""))
        for other in self.others:
            self.cluster.proxy.set(self.victim.name, other.name, "pass", delay_ms, rate)
            self.cluster.proxy.set(other.name, self.victim.name, "pass", delay_ms, rate)


class Clock(Fault):
    name = "clock"
    lasts_s = (3.0, 8.0)

    @staticmethod
    def unavailable() -> str:
        return "" if faketime_library() else "the package faketime is not installed (tools/bootstrap installs it)"

    def begin(self) -> None:
        offset = self.chance.choice([-1, 1]) * self.chance.choice([3, 30, 120, 900])
        self.detail = f"clock of {self.victim.name} jumps by {offset:+d} s"
        self.victim.process.set_clock(offset)

    def end(self) -> None:
        self.victim.process.set_clock(0)
        time.sleep(1.1)   # the library looks at its file once a second: only then has the clock jumped back


class FullDisk(Fault):
    """The node's folder on a small tmpfs, which is then filled. It must end by itself, refuse to start while there is no room, and go on when there is."""
    name = "disk"
    from_start = True
    lasts_s = (1.0, 3.0)
    ROOM = 48 << 20

    @staticmethod
    def unavailable() -> str:
        return "" if os.geteuid() == 0 else "only root may mount a tmpfs"

    def begin(self) -> None:
        process = self.victim.process
        self.detail = f"disk of {self.victim.name} is full"
        process.stop(signal.SIGTERM)
        self.away = process.data + ".away"
        os.rename(process.data, self.away)
        used = sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(self.away) for name in names)
        os.mkdir(process.data)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used + self.ROOM}", "tmpfs", process.data], capture_output=True, text=True)
        if done.returncode != 0:
            os.rmdir(process.data)
            os.rename(self.away, process.data)
            self.restart(self.victim)
            raise RuntimeError(f"cannot mount a tmpfs here: {done.stderr.strip()}")
        self.cluster.mounts.append(process.data)
        shutil.copytree(self.away, process.data, dirs_exist_ok=True)
        self.restart(self.victim)
        process.expected = False
        self.ballast = os.path.join(process.data, "ballast")
        self.fill()
        status = self.end_of_room()
        self.down_at = self.story.now()
        if status is None:
            raise Violation(f"{self.victim.name} goes on with a full disk")
        if status == 0 or "No space" not in process.last_log():
            raise Violation(f"{self.victim.name} ended with status {status} on a full disk and does not say why:\n{process.last_log()}")
        self.story.say(f"{self.victim.name} ended by itself (status {status})")
        process.start(expected=False)
        if process.wait_end(START_S) == 0:
            raise Violation(f"{self.victim.name} ended with status 0 on a full disk")

    def end_of_room(self) -> int | None:
        """The store reserves the space of its log ahead: the node goes on as long as it finds room there, and under a light load that lasts."""
        height, status = -1, None
        for _ in range(FULL_MAX_S // DETECT_S):
            status = self.victim.process.wait_end(DETECT_S)
            if status is not None or self.victim.height() <= height:
                break
            height = self.victim.height()
        return status

    def fill(self) -> None:
        """Until not a byte more fits."""
        with open(self.ballast, "wb", buffering=0) as file:
            for block in (b"\0" * 65536, b"\0" * 512):
                try:
                    while file.write(block) == len(block):
                        pass
                except OSError as problem:
                    if problem.errno != errno.ENOSPC:
                        raise

    def end(self) -> None:
        process = self.victim.process
        if process.running():
            process.stop(signal.SIGKILL)
        os.remove(self.ballast)
        self.restart(self.victim)              # with what the full disk left behind
        process.stop(signal.SIGTERM)
        shutil.rmtree(self.away)
        shutil.copytree(process.data, self.away)
        subprocess.run(["umount", process.data], check=True, capture_output=True)
        self.cluster.mounts.remove(process.data)
        os.rmdir(process.data)
        os.rename(self.away, process.data)
        self.restart(self.victim)


class Corrupt(Fault):
    """Bytes of a store file of a stopped node flip. The node must notice and say so; it then joins again with an empty folder."""
    name = "corrupt"
    from_start = True
    loses_memory = True
    lasts_s = (0.5, 1.5)

    def begin(self) -> None:
        process = self.victim.process
        self.down_at = self.story.now()
        process.stop(self.chance.choice([signal.SIGTERM, signal.SIGKILL]))
        kind = self.chance.choice(["sst", "log"])
        if kind == "sst" and not self.files(kind):
            process.start(expected=False)          # opening makes tables of the log
            self.cluster.wait(f"{self.victim.name} answers", self.victim.status, START_S)
            process.stop(signal.SIGTERM)
        # A clean stop leaves everything in tables, a kill soon after the start everything in the log.
        file = self.chance.choice(self.files(kind) or self.files("log") or self.files("sst"))
        offset = self.flip(file)
        self.detail = f"{self.victim.name}: {os.path.basename(file)} damaged at byte {offset} of {os.path.getsize(file)}"
        process.start(expected=False)
        started = time.monotonic()
        status = process.wait_end(DETECT_S)
        log = process.last_log()
        if status is None:
            process.stop(signal.SIGKILL)
            found = process.check_store()
            raise Violation(f"{self.detail}: not noticed within {DETECT_S} s (--check-store afterwards: status {found.returncode}, {found.stderr[-300:]})")
        if status == 0 or not any(word in log for word in ("damaged", "Corruption", "corrupt")):
            raise Violation(f"{self.detail}: ended with status {status} without saying why:\n{log}")
        self.story.say(f"{self.victim.name} noticed the damage after {time.monotonic() - started:.1f} s (status {status})")

    def files(self, kind: str) -> list[str]:
        """Those with something in them."""
        return sorted(f for f in glob.glob(os.path.join(self.victim.process.data, "*." + kind)) if os.path.getsize(f) > 4096)

    def flip(self, file: str) -> int:
        """In the middle half of what was written: a log's last record may be incomplete after a crash, and is allowed to be dropped."""
        with open(file, "r+b") as store:
            content = store.read()
            length = len(content.rstrip(b"\0"))
            offset = self.chance.randrange(length // 4, max(length // 4 + 1, 3 * length // 4))
            store.seek(offset)
            store.write(bytes(b ^ 0xA5 for b in content[offset:offset + 8]))
        return offset

    def end(self) -> None:
        shutil.rmtree(self.victim.process.data)
        self.restart(self.victim)


ALL = [Kill, KillPrimary, Pause, Cut, OneWay, Slow, Clock, FullDisk, Corrupt]
BY_NAME = {fault.name: fault for fault in ALL}
