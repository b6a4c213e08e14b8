"""Chaos on real processes. story: what is told and found; proxy and cluster: the nodes and their links; load: signed clients; faults: what goes
wrong; runs: the three kinds of run; checks: what must hold at the end; report: tables and JSON.

The signing client is the one of the end-to-end tests, which shares no code with the daemon.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
