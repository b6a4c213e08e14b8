"""How much disk two equal nodes use over time under load, one that drops old blocks and one that keeps all. Both begin with a long chain, which was made."""

import shutil
import time

from measured_cluster import MeasuredCluster, wait

LEDGER = "keep_blocks = {keep}\nkeep_minutes = 0\nsnapshot_blocks = {every}"


def disk(build: str, blocks: int, seconds: int, keep: int, clients: int):
    with MeasuredCluster(build) as cluster:
        every = max(8, keep // 2)
        cluster.stop(1, 2, 3, 4)
        shutil.rmtree(cluster.data(1))
        cluster.make_chain(blocks)
        for number in (2, 3, 4):
            cluster.give_data(number, of=1)
        for number in (1, 2, 3, 4):   # the snapshots must be the same everywhere, or nothing is dropped
            cluster.configure(number, f"snapshot_blocks = {every}" if number == 1 else LEDGER.format(keep=keep, every=every))
        cluster.start(1, 2, 3, 4)
        wait("all run", lambda: all(cluster.metric(n, "agiddi_peers_connected") >= 3 for n in (1, 2, 3, 4)))
        cluster.begin_load("--clients", str(clients))
        print(f"keep_blocks = {keep}, snapshot_blocks = {every}")
        print("MB of tables and of the write-ahead log, which holds what is not in tables yet; of two snapshots")
        print(f"{'s':>5} {'height':>8} {'first block':>12} {'pruning: tables':>16} {'log':>7} {'archive: tables':>16} {'log':>7} {'snapshots':>10}", flush=True)
        began = time.monotonic()
        for step in range(11):
            time.sleep(max(0.0, began + seconds * step / 10 - time.monotonic()))
            print(f"{time.monotonic() - began:5.0f} {cluster.metric(2, 'agiddi_block_height'):8} {cluster.metric(2, 'agiddi_first_block'):12} "
                  f"{cluster.data_bytes(2, '.sst') / 1e6:16.1f} {cluster.data_bytes(2, '.log') / 1e6:7.1f} {cluster.data_bytes(1, '.sst') / 1e6:16.1f} "
                  f"{cluster.data_bytes(1, '.log') / 1e6:7.1f} {cluster.metric(2, 'agiddi_snapshot_bytes') / 1e6:10.1f}", flush=True)
        result = cluster.end_load()
        print(f"the load: {result['committedPerSecond']:.0f} payments/s in {result['blocksPerSecond']:.0f} blocks/s, answers {result['statuses']}")
