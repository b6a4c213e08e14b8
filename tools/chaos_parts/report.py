"""What a run prints at its end, and its JSON."""

import collections
import statistics

from chaos_parts.runs import Recovery


def percentiles(values: list[float]) -> dict[str, float]:
    return {"p50": round(statistics.median(values), 3), "max": round(max(values), 3)} if values else {}


def by_fault(recoveries: list[Recovery]) -> dict[str, dict]:
    groups: dict[str, list[Recovery]] = collections.defaultdict(list)
    for recovery in recoveries:
        groups[recovery.fault].append(recovery)
    return {name: {"count": len(group), "alone": sum(not r.with_others for r in group),
                   "commits_s": percentiles([r.commit_s for r in group]), "level_s": percentiles([r.level_s for r in group]),
                   "view_s": percentiles([r.view_s for r in group if r.view_s is not None]), "viewLate": sum(r.view_s is None for r in group)}
            for name, group in sorted(groups.items())}


def seconds(value: float | None) -> str:
    return f"{value:.2f}" if value is not None else "late"


def print_table(recoveries: list[Recovery]) -> None:
    if not recoveries:
        return
    print("\nTime to recover. commits: until a payment committed through a node that was not hit, from the fault's end (kill, disk, corrupt: from the")
    print("moment the node was gone). level: until the nodes that were hit had what the others had half a second before, from the fault's end (the")
    print("node's new start). view: until they were in the others' view, and so voted again.")
    print(f"{'at s':>7}  {'lasted s':>8}  {'commits s':>9}  {'level s':>8}  {'view s':>7}  fault")
    for r in sorted(recoveries, key=lambda r: r.begin_s):
        beside = f"   (with {r.with_others})" if r.with_others else ""
        print(f"{r.begin_s:7.1f}  {r.end_s - r.begin_s:8.1f}  {r.commit_s:9.2f}  {r.level_s:8.2f}  {seconds(r.view_s):>7}  {r.detail}{beside}")
    print(f"\n{'fault':<13} {'times':>5}  {'commits p50':>11} {'max':>7}  {'level p50':>9} {'max':>7}  {'view p50':>8} {'max':>7}")
    for name, g in by_fault(recoveries).items():
        print(f"{name:<13} {g['count']:>5}  {g['commits_s']['p50']:>11.2f} {g['commits_s']['max']:>7.2f}  {g['level_s']['p50']:>9.2f} {g['level_s']['max']:>7.2f}  {seconds(g['view_s'].get('p50')):>8} "
              f"{'late' if g['viewLate'] else seconds(g['view_s'].get('max')):>7}")
