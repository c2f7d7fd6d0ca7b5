"""The ledger of restarts (`GET /v1/restarts`) against what was seen from outside.

Its records are held against processes, launches and the faults themselves: every generation that was
replaced has one record, every record has a cause that something was done for, and its times fit. Agents
forget old records, so all that were ever told are kept here; a record fills up while its restart goes on, and
nothing that it has said is taken back.
"""

import collections
import itertools

PARTS = ("detect", "stop", "start", "ready")
TIMES = ("failed_at", "detected_at", "stopped_at", "launched_at", "ready_at")
CAUSES = ("failure", "nodeLost", "planChanged", "byOperator", "dependency")
# These change until the next generation is launched, or after, with what is found out later.
MAY_CHANGE = ("epoch", "failure", "die", "seconds", "total_seconds")
# Of the sum of four parts in whole milliseconds, and of a round's beginning beside that of its fault.
ROUNDING_SECONDS, MARGIN_SECONDS = 0.005, 1


def key(record):
    return record["group"], record["ended_generation"]


def text(record):
    return (f"{record['group']} {record['ended_generation']}>{record['generation']} "
            f"({record['cause']}: {record['why']})")


class RestartLedger:
    def __init__(self):
        self.records = {}
        self._generations = collections.defaultdict(set)
        self._compared = 0
        self._differing = []

    # What was seen

    def saw_generation(self, group, generation):
        if generation > 0:
            self._generations[group].add(generation)

    def saw(self, teller, records):
        """Keeps them; the keys of those that are new."""
        keys = [key(record) for record in records]
        for double in {one for one in keys if keys.count(one) > 1}:
            self._differing.append(
                f"{teller} has {keys.count(double)} records of the end of {double}")
        new = [one for one in dict.fromkeys(keys) if one not in self.records]
        for record in records:
            self._compared += 1
            known = self.records.setdefault(key(record), dict(record))
            for name, value in record.items():
                if name in MAY_CHANGE or known[name] is None:
                    # An agent that lags knows less, and takes nothing back.
                    known[name] = known[name] if value is None else value
                elif value is not None and value != known[name]:
                    self._differing.append(
                        f"{text(known)}: {name} was {known[name]}, but {teller} has {value}")
        return tuple(new)

    def saw_disagreement(self, what):
        self._differing.append(what)

    # What must be true; each of these is given the whole history

    @property
    def invariants(self):
        return (self.a_restart_is_told_alike_by_all, self.every_restart_has_one_record,
                self.every_record_says_who_and_what_and_why, self.no_restart_is_without_a_cause,
                self.a_group_that_was_struck_restarts_once,
                self.the_rank_that_was_struck_is_named, self.the_times_of_a_restart_add_up,
                self.the_event_of_a_restart_has_its_record)

    def a_restart_is_told_alike_by_all(self, _):
        yield from self._differing
        yield from itertools.repeat(None, self._compared)

    def every_restart_has_one_record(self, _):
        """One for each generation that another has followed, and none else."""
        for group in sorted(self._generations.keys() | {group for group, _ in self.records}):
            generations = sorted(self._generations[group])
            for ended, launched in itertools.pairwise(generations):
                record = self.records.get((group, ended))
                if record is None:
                    yield f"{group}: {ended} was followed by {launched}, and no record tells of it"
                elif record["generation"] != launched:
                    yield f"{text(record)}: it was followed by {launched}"
                else:
                    yield None
            for record in self.records.values():
                if record["group"] == group and record["ended_generation"] not in generations[:-1]:
                    yield (None if record["generation"] is None
                           and record["ended_generation"] in generations
                           else f"{text(record)}: this was never seen")

    def every_record_says_who_and_what_and_why(self, history):
        leaders = set().union(*history.leaders.values())
        leaders |= {event["node"] for event in history.events.known.values()
                    if event["kind"] == "elected"}
        placed = {(name, node, rank) for groups in history.plans.known.values()
                  for name, *_, ranks in groups for rank, node, _ in ranks}
        for record in self.records.values():
            asker, place = record["asked_by"], (record["group"], record["node"], record["rank"])
            if not record["why"] or record["cause"] not in CAUSES:
                yield f"{text(record)}: no cause"
            elif asker != "operator" and asker.removeprefix("leader ") not in leaders:
                yield f"{text(record)}: {asker} never led"
            elif record["cause"] == "byOperator" and asker != "operator":
                yield f"{text(record)}: asked for by {asker}"
            elif record["cause"] == "failure" and place not in placed:
                yield f"{text(record)}: no plan has rank {record['rank']} on {record['node']}"
            elif record["epoch"] not in history.plans.known:
                yield f"{text(record)}: no plan has the epoch {record['epoch']}"
            else:
                yield None

    def no_restart_is_without_a_cause(self, history):
        """Each belongs to a fault that may have caused it, in the way that the record says."""
        told = set()
        for round in history.rounds:
            for record in (self.records[one] for one in round.restarts):
                told.add(key(record))
                if record["group"] not in round.may_disturb:
                    yield f"{round.fault}: {text(record)}, which it may not disturb"
                elif record["cause"] not in round.causes:
                    yield f"{round.fault}: {text(record)}"
                elif record["asked_by"] == "operator" and not round.ordered:
                    yield f"{round.fault}: {text(record)}, and no operator has asked for it"
                else:
                    yield None
        for record in self.records.values():
            if key(record) not in told and history.rounds:
                yield f"{text(record)}: outside of every fault"

    def a_group_that_was_struck_restarts_once(self, history):
        for round in history.rounds:
            if round.struck:
                failed = self._failures(round)
                yield (None if [group for group, _, _ in failed] == [round.struck[0]]
                       else f"{round.fault}: {round.struck[0]} was struck, the ledger has {failed}")

    def the_rank_that_was_struck_is_named(self, history):
        for round in history.rounds:
            if round.names and (failed := self._failures(round)):
                yield (None if round.struck in failed
                       else f"{round.fault}: {round.struck} was struck, the ledger names {failed}")

    def _failures(self, round):
        records = [self.records[one] for one in round.restarts]
        return [(record["group"], record["node"], record["rank"]) for record in records
                if record["cause"] == "failure"]

    def the_times_of_a_restart_add_up(self, history):
        """Where one leader saw it all by a clock that nobody set."""
        for round in history.rounds:
            if not round.one_clock:
                continue
            for record in (self.records[one] for one in round.restarts):
                yield self._wrong_times(record, round.steady - round.begun)

    def _wrong_times(self, record, longest):
        seconds = record["seconds"]
        known = [record[name] for name in TIMES if record[name] is not None]
        # One that ended before it served was never ready.
        if record["ready_at"] is None and (record["group"], record["generation"]) in self.records:
            return None
        missing = [part for part in PARTS[1:] if seconds[part] is None]
        if missing:
            return f"{text(record)}: it does not say how long {', '.join(missing)} took"
        if known != sorted(known):
            return f"{text(record)}: its times go back: {known}"
        total = record["total_seconds"]
        if abs(sum(seconds[part] or 0 for part in PARTS) - total) > ROUNDING_SECONDS:
            return f"{text(record)}: {seconds} is not {total} s"
        if total > longest + MARGIN_SECONDS:
            return f"{text(record)}: {total} s, in a fault of {longest:.1f} s"
        return None

    def the_event_of_a_restart_has_its_record(self, history):
        """The event `ready` that ends a restart carries it as the ledger has it."""
        carried = {}
        for event in history.events.known.values():
            if event.get("restart"):
                carried[key(event["restart"])] = event["restart"]
        for record in self.records.values():
            if record["ready_at"] is None:
                continue
            of_event = carried.get(key(record))
            if of_event is None:
                yield f"{text(record)}: no event tells of it"
            else:
                differ = [name for name in record
                          if name not in ("failure", "die") and of_event[name] != record[name]]
                yield (f"{text(record)}: {', '.join(differ)} differ in its event" if differ
                       else None)
