"""The command line of tools/chaos."""

import argparse
import json
import os
import secrets
import signal
import sys

from chaos_parts import faults, report
from chaos_parts.checks import Checks
from chaos_parts.cluster import Cluster
from chaos_parts.load import Load
from chaos_parts.runs import Chaos
from chaos_parts.story import Story

SHORT = [faults.KillPrimary, faults.Pause, faults.Cut, faults.Corrupt]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/chaos", description="Real daemons on loopback under signed load, with faults at random. Exit status 0 when every check holds, 1 when not.",
                                     epilog="Faults: " + ", ".join(faults.BY_NAME))
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--minutes", type=float, help="faults at random for so long")
    kind.add_argument("--short", action="store_true", help="a killed primary, a paused node, a cut, a damaged store; about half a minute")
    kind.add_argument("--failover", type=int, metavar="K", help="kill the primary K times and print the time without commits")
    parser.add_argument("--nodes", type=int, default=4, choices=range(4, 8), help="4 to 7 (default 4)")
    parser.add_argument("--seed", type=int, help="of the choice of faults; random when not given, and printed")
    parser.add_argument("--only", metavar="FAULT,…", help="only these faults")
    parser.add_argument("--clients", type=int, default=8, help="clients that make load (default 8)")
    parser.add_argument("--rate", type=float, default=40, help="documents a second that they send together (default 40)")
    parser.add_argument("--json", metavar="FILE", help="writes the figures there (- = standard output, then nothing else is printed there)")
    parser.add_argument("--keep", action="store_true", help="keep the cluster's folder; after a failed check it is always kept")
    given = parser.parse_args()
    if given.only and (unknown := set(given.only.split(",")) - set(faults.BY_NAME)):
        parser.error(f"unknown faults {', '.join(sorted(unknown))}; there are {', '.join(faults.BY_NAME)}")
    return given


def usable(only: str | None, story: Story) -> list[type[faults.Fault]]:
    kinds = []
    for fault in faults.ALL:
        if only and fault.name not in only.split(","):
            continue
        if why := fault.unavailable():
            story.say(f"skipped: {fault.name}: {why}")
        else:
            kinds.append(fault)
    if not kinds:
        sys.exit("no fault is left to be made")
    return kinds


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    seed = given.seed if given.seed is not None else secrets.randbelow(1_000_000)
    story = Story(quiet=given.json == "-")
    kinds = SHORT if given.short else usable(given.only, story)
    cluster = Cluster(given.nodes, fake_clock=given.minutes is not None and faults.Clock in kinds)
    chaos = load = None
    gaps: list[float] = []
    figures: dict = {}
    try:
        story.say(f"{given.nodes} nodes in {cluster.folder}, seed {seed}")
        cluster.wait_ready()
        load = Load(cluster, story, seed, given.clients, given.rate)
        chaos = Chaos(cluster, load, story, seed)
        load.start()
        if given.short:
            chaos.series(SHORT, 2.0)
        elif given.failover:
            gaps = chaos.failover(given.failover)
        else:
            chaos.at_random(given.minutes, kinds)
        story.say("faults are over; the load ends")
        load.stop()
        if not story.violations:
            attempts = [a for client in load.clients for a in client.attempts] + chaos.probes
            checks = Checks(cluster, story, attempts)
            figures = checks.figures
            chaos.close()
            checks.run()
    except (TimeoutError, RuntimeError, AssertionError) as problem:
        story.violated(str(problem))
    finally:
        if load:
            load.stopping.set()
        if chaos:
            chaos.over.set()
        figures["proxiedBytes"] = cluster.proxy.bytes_passed() if cluster.proxy else 0
        keep = given.keep or bool(story.violations)
        cluster.close(keep)
    result = {"ok": not story.violations, "seed": seed, "nodes": given.nodes, "seconds": round(story.now(), 1), **figures,
              "violations": story.violations, "byFault": report.by_fault(chaos.recoveries) if chaos else {},
              "recoveries": [vars(r) for r in chaos.recoveries] if chaos else []}
    if gaps:
        result["failover"] = {"kills": len(gaps), **report.percentiles(gaps), "gaps_s": [round(g, 3) for g in gaps]}
    tell(given, result, chaos, cluster, keep, story)
    return 1 if story.violations else 0


def tell(given: argparse.Namespace, result: dict, chaos: Chaos | None, cluster: Cluster, keep: bool, story: Story) -> None:
    if given.json:
        text = json.dumps(result, indent=1)
        if given.json == "-":
            print(text)
        else:
            with open(given.json, "w", encoding="utf-8") as file:
                file.write(text + "\n")
    out = sys.stderr if given.json == "-" else sys.stdout
    if given.json != "-":
        if chaos:
            report.print_table(chaos.recoveries)
        shown = {k: v for k, v in result.items() if k not in ("recoveries", "byFault", "violations")}
        print("\n" + json.dumps(shown))
    if story.violations:
        if story.quiet:
            print("\n".join(story.lines), file=out)
        print(f"\n{len(story.violations)} checks FAILED:", file=out)
        for violation in story.violations:
            print("  " + violation, file=out)
        print(f"Again with the same choice of faults: tools/chaos {' '.join(again(given, result['seed']))}", file=out)
    if keep:
        print(f"The nodes' folders and logs are kept in {os.path.join(cluster.folder, 'nodes')}", file=out)


def again(given: argparse.Namespace, seed: int) -> list[str]:
    words = ["--short"] if given.short else ["--failover", str(given.failover)] if given.failover else ["--minutes", f"{given.minutes:g}"]
    words += ["--nodes", str(given.nodes), "--seed", str(seed)]
    return words + (["--only", given.only] if given.only else [])


if __name__ == "__main__":
    sys.exit(main())
