"""The story of a run: every event with its time, and every check that failed."""

import threading
import time


class Violation(Exception):
    """Something that must never happen."""


class Story:
    def __init__(self, quiet: bool):
        self.begin = time.monotonic()
        self.quiet = quiet
        self.lines: list[str] = []
        self.violations: list[str] = []
        self.lock = threading.Lock()

    def now(self) -> float:
        return time.monotonic() - self.begin

    def say(self, text: str) -> None:
        with self.lock:
            line = f"[{self.now():7.2f} s] {text}"
            self.lines.append(line)
            if not self.quiet:
                print(line, flush=True)

    def violated(self, text: str) -> None:
        self.say("VIOLATION: " + text)
        with self.lock:
            self.violations.append(text)
