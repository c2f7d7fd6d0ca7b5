"""The numbers of a run: what was done how often, what it cost, and how much every invariant has looked at."""

import collections
import statistics

WIDTH = 44


def summary(history):
    return "\n".join(["", *faults(history), "", *totals(history), "", *invariants(history)])


def faults(history):
    """A row for each kind. What came of two faults at once stands with both."""
    yield (f"{'FAULT':{WIDTH}}{'TIMES':>7}{'PAIRED':>8}{'RESTARTS':>10}{'FAILED':>8}"
           f"{'LONGEST OUTAGE':>16}")
    rows = collections.defaultdict(list)
    for round in history.rounds:
        for kind in round.kinds:
            rows[kind].append(round)
    for kind, rounds in sorted(rows.items()):
        failed, outages = zip(*map(history.outage, rounds))
        yield (f"{kind:{WIDTH}}{len(rounds):7}{sum(len(round.kinds) > 1 for round in rounds):8}"
               f"{sum(len(round.restarts) for round in rounds):10}{sum(failed):8}"
               f"{max(outages):14.1f} s")


def totals(history):
    records = list(history.restarts.records.values())
    # Before the first fault the cluster formed.
    requests = [request for request in history.requests
                if history.rounds and request.begun >= history.rounds[0].begun]
    failed = sum(1 for request in requests if request.error)
    count = sum(len(round.kinds) for round in history.rounds)
    yield (f"{count} faults in {len(history.rounds)} rounds, {len(history.leaders)} terms, "
           f"{len(history.plans.known)} plans")
    causes = collections.Counter(record["cause"] for record in records)
    by_cause = ", ".join(f"{cause} {count}" for cause, count in sorted(causes.items()))
    took = [record["total_seconds"] for record in records if record["total_seconds"] is not None]
    times = (f"; median {statistics.median(took):.1f} s, longest {max(took):.1f} s"
             if took else "")
    yield f"{len(records)} restarts{': ' * bool(records)}{by_cause}{times}"
    worst = max(history.rounds, key=lambda round: history.outage(round)[1], default=None)
    outage = (f"; longest outage {history.outage(worst)[1]:.1f} s, in: {worst.fault}"
              if worst else "")
    yield f"{len(requests)} completions asked for, {failed} failed{outage}"


def invariants(history):
    yield f"{'INVARIANT':{WIDTH}}{'LOOKED AT':>12}{'BROKEN':>8}"
    for name, looked_at, broken in history.checks():
        yield f"{name:{WIDTH}}{looked_at:12}{len(broken):8}"
