"""The short form of tools/chaos: a killed primary, a paused node, a cut and a damaged store under load, and every check at the end."""

import json
import os
import subprocess

from conftest import ROOT


def test_a_killed_primary_a_pause_a_cut_and_a_damaged_store(tmp_path):
    file = tmp_path / "chaos.json"
    done = subprocess.run(["/usr/bin/python3", "-m", "chaos_parts", "--short", "--rate", "20", "--clients", "4", "--json", str(file)],
                          env={**os.environ, "PYTHONPATH": os.path.join(ROOT, "tools")}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert done.returncode == 0, done.stdout
    result = json.loads(file.read_text())
    assert result["ok"] and not result["violations"]
    assert {"kill-primary", "pause", "cut", "corrupt"} == set(result["byFault"])
    assert result["acknowledged"] > 20 and result["inBlocks"] >= result["acknowledged"]
