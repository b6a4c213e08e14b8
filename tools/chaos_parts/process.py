"""One daemon as a child process: started, signalled, watched. It never outlives this program."""

import concurrent.futures
import glob
import os
import signal
import subprocess
import time

from client import binary

# Linux ends such a child when the thread that made it ends: so one thread, which lives as long as this program, makes them all.
MAKER = concurrent.futures.ThreadPoolExecutor(1)


def spawn(command: list[str], **options) -> subprocess.Popen:
    """A child that is killed when this program dies, however that happens."""
    return MAKER.submit(subprocess.Popen, ["setpriv", "--pdeathsig", "KILL", *command], **options).result()


def faketime_library() -> str | None:
    """For LD_PRELOAD. The C and C++ libraries stand behind it, so that their allocators are found before the daemon's own, which asks for the time while libfaketime begins."""
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    return found[0] + " libc.so.6 libstdc++.so.6" if found else None


class NodeProcess:
    """The daemon in `folder`. `expected` says whether it should be running: an end that nobody asked for is a finding."""

    def __init__(self, folder: str, fake_clock: bool):
        self.folder = folder
        self.config = os.path.join(folder, "node.toml")
        self.data = os.path.join(folder, "data")
        self.log = os.path.join(folder, "log")
        self.clock_file = os.path.join(folder, "clock")
        self.fake_clock = fake_clock
        self.process: subprocess.Popen | None = None
        self.expected = False

    def set_clock(self, offset_s: int) -> None:
        """The wall clock jumps by so much against the true one; monotonic clocks go on as they are."""
        with open(self.clock_file + ".new", "w", encoding="ascii") as file:
            file.write(f"{offset_s:+d}\n")
        os.replace(self.clock_file + ".new", self.clock_file)

    def environment(self) -> dict:
        if not self.fake_clock:
            return dict(os.environ)
        return {**os.environ, "LD_PRELOAD": faketime_library() or "", "FAKETIME_TIMESTAMP_FILE": self.clock_file, "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}

    def start(self, expected: bool = True) -> None:
        assert not self.running()
        if self.fake_clock and not os.path.exists(self.clock_file):
            self.set_clock(0)
        with open(self.log, "ab") as log:
            self.process = spawn([binary("agiddi-node"), "--config", self.config], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=log, env=self.environment())
        self.expected = expected

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: int) -> None:
        if self.running():
            self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 20) -> int:
        """Ends it and returns the exit status; one that does not listen is killed."""
        self.expected = False
        if self.process is None:
            return 0
        self.send(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.folder}: did not end within {seconds} s of signal {number}") from None

    def wait_end(self, seconds: float) -> int | None:
        """Its exit status when it ends by itself in time, else None."""
        end = time.monotonic() + seconds
        while self.running() and time.monotonic() < end:
            time.sleep(0.02)
        return None if self.running() else self.process.returncode

    def last_log(self, count: int = 12) -> str:
        try:
            with open(self.log, "rb") as file:
                file.seek(max(0, os.path.getsize(self.log) - 8192))
                return "\n".join("    " + line for line in file.read().decode(errors="replace").splitlines()[-count:])
        except OSError:
            return "    (no log)"

    def check_store(self) -> subprocess.CompletedProcess:
        return subprocess.run([binary("agiddi-node"), "--config", self.config, "--check-store"], capture_output=True, text=True, timeout=600)
