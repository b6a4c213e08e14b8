"""A node that was down for an hour of load catches up while the load goes on: by blocks, as an archive node does, and by a snapshot, as a node does that
drops old blocks. The hour is measured first (how many blocks a second, how many transactions in each) and then made, not lived through."""

import shutil
import time

from measured_cluster import MeasuredCluster, wait

BEFORE_BLOCKS = 20_000   # what the node has when it goes down


def catch_up(cluster: MeasuredCluster, who: str, ledger: str, load: list[str], made: int):
    cluster.configure(4, ledger)
    cluster.start(1, 2, 3)
    wait("three nodes run", lambda: all(cluster.metric(n, "agiddi_peers_connected") >= 2 for n in (1, 2, 3)))
    cluster.begin_load("--without", "node-4", *load)
    wait("the load runs", lambda: cluster.metric(1, "agiddi_block_height") > made + 10)
    time.sleep(10)   # the load alone, for comparison
    began, before = time.monotonic(), cluster.load_began
    cluster.start(4)
    behind = cluster.metric(1, "agiddi_block_height") - max(cluster.metric(4, "agiddi_block_height"), BEFORE_BLOCKS)
    head = lambda: cluster.metric(4, "agiddi_certified_height") >= cluster.metric(1, "agiddi_certified_height") - 3
    wait("the node is at the head", head)
    seconds = time.monotonic() - began
    snapshot, received = cluster.metric(4, "agiddi_join_fetched_bytes"), cluster.metric(4, "agiddi_peer_bytes_in_total")
    # Its parts begin anew with a snapshot, and so does the second counter.
    fetched = f"fetched a snapshot of {snapshot / 1e6:.1f} MB and received {received / 1e6:.1f} MB after it" if snapshot else f"received {received / 1e6:.1f} MB"
    time.sleep(5)
    result = cluster.end_load()
    rates = result["doneBySecond"]
    alone, during = rates[1:int(began - before) - 1], rates[int(began - before) + 1:int(began - before + seconds) + 1]
    mean = lambda values: sum(values) / len(values) if values else 0
    print(f"{who}: {behind} blocks behind, at the head after {seconds:.1f} s ({behind / seconds:.0f} blocks/s), {fetched}, "
          f"data folder {cluster.data_bytes(4) / 1e6:.1f} MB; the load committed "
          f"{mean(alone):.0f}/s before, {mean(during):.0f}/s meanwhile (p99 {result['p99_ms']:.0f} ms over all), answers {result['statuses']}", flush=True)
    cluster.stop(1, 2, 3, 4)


def away(build: str, rate: int, minutes: int):
    load = ["--rate", str(rate), "--clients", "64"] if rate else ["--clients", "8"]
    with MeasuredCluster(build) as cluster:
        cluster.begin_load(*load)
        time.sleep(20)
        measured = cluster.end_load()
        blocks = round(measured["blocksPerSecond"] * 60 * minutes)
        transactions = max(1, round(measured["committedPerSecond"] / measured["blocksPerSecond"]))
        print(f"{minutes} minutes of load: {measured['committedPerSecond']:.0f} payments/s in {measured['blocksPerSecond']:.1f} blocks/s make {blocks} blocks of "
              f"{transactions} transactions", flush=True)
        cluster.stop(1, 2, 3, 4)
        shutil.rmtree(cluster.data(1))
        cluster.make_chain(BEFORE_BLOCKS, transactions)
        for number in (4, 2):
            cluster.give_data(number, of=1)
        base = cluster.data(2) + "-before"   # what node 4 has when it starts
        shutil.move(cluster.data(2), base)
        cluster.make_chain(BEFORE_BLOCKS + blocks, transactions)
        whole = cluster.data(1) + "-whole"
        shutil.copytree(cluster.data(1), whole)
        for who, ledger in (("archive node", ""), ("node with keep_blocks = 1000", "keep_blocks = 1000")):
            for number in (1, 2, 3, 4):
                shutil.rmtree(cluster.data(number), ignore_errors=True)
                shutil.copytree(base if number == 4 else whole, cluster.data(number))
            catch_up(cluster, who, ledger, load, BEFORE_BLOCKS + blocks)
