"""How long an empty node takes to join a chain, and what it fetches: by a snapshot, and by blocks."""

import shutil
import time

from measured_cluster import MeasuredCluster, wait


def join(build: str, blocks: int):
    with MeasuredCluster(build) as cluster:
        cluster.stop(1, 2, 3, 4)
        shutil.rmtree(cluster.data(1))
        shutil.rmtree(cluster.data(4))
        cluster.make_chain(blocks)
        for number in (2, 3):
            cluster.give_data(number, of=1)
        print(f"data folder of {blocks} blocks: {cluster.data_bytes(1) / 1e6:.1f} MB", flush=True)
        cluster.start(1, 2, 3)
        wait("three nodes run", lambda: cluster.metric(1, "agiddi_peers_connected") >= 2)
        for way in ("snapshot", "blocks"):
            cluster.configure(4, f'join = "{way}"')
            began = time.monotonic()
            cluster.start(4)
            wait("the empty node has joined", lambda: cluster.metric(4, "agiddi_certified_height") >= blocks)
            print(f"join by {way}: {time.monotonic() - began:.1f} s, fetched {cluster.metric(4, 'agiddi_join_fetched_bytes') / 1e6:.1f} MB of snapshot in "
                  f"{cluster.metric(4, 'agiddi_join_milliseconds') / 1e3:.1f} s (fetch and install), data folder {cluster.data_bytes(4) / 1e6:.1f} MB", flush=True)
            cluster.stop(4)
            shutil.rmtree(cluster.data(4))
