"""How much disk two equal nodes use over time under load, one that drops old blocks and one that keeps all."""

import time

from measured_cluster import MeasuredCluster, wait

LEDGER = "keep_blocks = {keep}\nkeep_minutes = 0\nsnapshot_blocks = {every}"


def disk(build: str, seconds: int, keep: int, clients: int):
    with MeasuredCluster(build) as cluster:
        every = max(8, keep // 2)
        cluster.stop(1, 2, 3, 4)
        for number in (1, 2, 3, 4):   # the snapshots must be the same everywhere, or nothing is dropped
            cluster.configure(number, f"snapshot_blocks = {every}" if number == 1 else LEDGER.format(keep=keep, every=every))
        cluster.start(1, 2, 3, 4)
        wait("all run", lambda: all(cluster.metric(n, "agiddi_peers_connected") >= 3 for n in (1, 2, 3, 4)))
        cluster.begin_load("--clients", str(clients))
        print(f"keep_blocks = {keep}, snapshot_blocks = {every}")
        print(f"{'s':>5} {'height':>8} {'first block':>12} {'pruning MB':>11} {'archive MB':>11} {'snapshots MB':>13}", flush=True)
        began = time.monotonic()
        for step in range(11):
            time.sleep(max(0.0, began + seconds * step / 10 - time.monotonic()))
            snapshots = cluster.metric(2, "agiddi_snapshot_bytes")
            print(f"{time.monotonic() - began:5.0f} {cluster.metric(2, 'agiddi_block_height'):8} {cluster.metric(2, 'agiddi_first_block'):12} "
                  f"{cluster.data_bytes(2) / 1e6:11.1f} {cluster.data_bytes(1) / 1e6:11.1f} {snapshots / 1e6:13.1f}", flush=True)
        result = cluster.end_load()
        print(f"the load: {result['committedPerSecond']:.0f} payments/s in {result['blocksPerSecond']:.0f} blocks/s, answers {result['statuses']}")
