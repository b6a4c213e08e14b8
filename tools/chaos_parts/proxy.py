"""The links between the nodes: the program agiddi-chaos-proxy, which has a port for each ordered pair of nodes."""

import subprocess
import threading

from chaos_parts.process import spawn
from client import binary


class Proxy:
    def __init__(self):
        self.lock = threading.Lock()
        self.process = spawn([binary("agiddi-chaos-proxy")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line: str) -> str:
        with self.lock:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise RuntimeError(f"the proxy answered '{answer}' to '{line}'")
        return answer

    def link(self, source: str, target: str, port: int) -> int:
        """The port at which `source` reaches `target`."""
        return int(self.ask(f"link {source} {target} {port}").split()[1])

    def set(self, source: str, target: str, mode: str = "pass", delay_ms: int = 0, bytes_per_s: int = 0) -> None:
        self.ask(f"set {source} {target} {mode} {delay_ms} {bytes_per_s}")

    def bytes_passed(self) -> int:
        return int(self.ask("bytes").split()[1])

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
