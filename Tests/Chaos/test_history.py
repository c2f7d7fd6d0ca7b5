#!/usr/bin/env python3
"""Each invariant of history.py and ledger.py is found broken in the smallest history that breaks it, and only
there."""

import unittest

from cluster import Engine
from history import History, Request, Round
from summary import summary


def event(sequence, kind, group, generation, restart=None):
    return {"sequence": sequence, "kind": kind, "group": group, "generation": generation,
            "node": None, "restart": restart}


def plan(epoch, master):
    ranks = [{"rank": 0, "node": master, "address": "10.0.0.1"}]
    return {"epoch": epoch, "groups": [{"name": "prefill-0", "url": "u", "bootstrap": None,
                                        "store": None, "ranks": ranks}]}


def engine(pid, node, generation, group="prefill-0"):
    return Engine(pid, node, group, generation, f"{group}.g{generation}.r0")


def record(**changes):
    """Of a killed engine on node-1, whose group served again a second and a half later."""
    return {"group": "prefill-0", "ended_generation": 1, "generation": 2, "epoch": 1,
            "cause": "failure", "why": "rank 0 on node-1 ended: killed by signal 9",
            "node": "node-1", "rank": 0, "failure": "ended", "die": None,
            "asked_by": "leader node-2", "failed_at": "2026-11-24T19:05:28.000Z",
            "detected_at": "2026-11-24T19:05:28.200Z", "stopped_at": "2026-11-24T19:05:28.300Z",
            "launched_at": "2026-11-24T19:05:28.500Z", "ready_at": "2026-11-24T19:05:29.500Z",
            "seconds": {"detect": 0.2, "stop": 0.1, "start": 0.2, "ready": 1.0},
            "total_seconds": 1.5} | changes


def kill(**changes):
    """The round of that fault."""
    return Round("an engine is killed", 10, 13, frozenset({"prefill-0"}), True,
                 frozenset({engine(1, 1, 1)}), frozenset({engine(2, 1, 2)}),
                 ("an engine is killed",), (("prefill-0", 1),), frozenset({"failure"}), False,
                 ("prefill-0", "node-1", 0), True, True)._replace(**changes)


def restart(history, told=None, *, of_event=None, fault=None, events=True):
    """A history with one restart, all of it right unless it is told otherwise."""
    told = told or record()
    history.saw_status({"term": 1, "leader": "node-2"})
    history.saw_plan("node-1", plan(1, "node-1"))
    history.saw_engines(1, [engine(1, 1, 1)])
    history.saw_engines(2, [engine(2, 1, 2)])
    history.saw_restarts("node-1", [told])
    if events:
        history.saw_events("node-1", [
            event(1, "launched", "prefill-0", 1), event(2, "ended", "prefill-0", 1),
            event(3, "launched", "prefill-0", 2),
            event(4, "ready", "prefill-0", 2, of_event or told)])
    history.rounds.append(fault or kill())


def broken(build):
    history = History()
    build(history)
    return [text.partition(":")[0] for text in history.violations()]


class HistoryTests(unittest.TestCase):
    def test_a_quiet_history_breaks_nothing(self):
        def build(history):
            history.saw_status({"term": 1, "leader": "node-1"})
            history.saw_status({"term": 2, "leader": "node-2"})
            history.saw_plan("node-1", plan(1, "node-1"))
            history.saw_plan("node-2", plan(1, "node-1"))
            history.saw_events("node-1", [event(1, "launched", "prefill-0", 1)])
            history.saw_events("node-2", [event(1, "launched", "prefill-0", 1)])
            history.saw_engines(1, [engine(1, 1, 1)])
        self.assertEqual(broken(build), [])

    def test_two_leaders_of_a_term(self):
        def build(history):
            history.saw_status({"term": 1, "leader": "node-1"})
            history.saw_status({"term": 1, "leader": "node-2"})
        self.assertEqual(broken(build), ["no term has two leaders"])

    def test_two_plans_of_an_epoch(self):
        def build(history):
            history.saw_plan("node-1", plan(1, "node-1"))
            history.saw_plan("node-2", plan(1, "node-2"))
        self.assertEqual(broken(build), ["no epoch has two plans"])

    def test_ledgers_that_differ(self):
        def build(history):
            history.saw_events("node-1", [event(1, "launched", "prefill-0", 1)])
            history.saw_events("node-2", [event(1, "launched", "decode-0", 1)])
        self.assertEqual(broken(build), ["all agents have the same ledger"])

    def test_a_launch_before_the_end_of_the_last(self):
        def build(history):
            restart(history, events=False)
            history.saw_events("node-1", [
                event(1, "launched", "prefill-0", 1), event(2, "launched", "prefill-0", 2),
                event(3, "ready", "prefill-0", 2, record())])
        self.assertEqual(broken(build), ["generations rise"])

    def test_a_launch_of_the_same_generation_again(self):
        def build(history):
            history.saw_events("node-1", [
                event(1, "launched", "prefill-0", 1), event(2, "ended", "prefill-0", 1),
                event(3, "launched", "prefill-0", 1)])
        self.assertEqual(broken(build), ["generations rise"])

    def test_a_rank_on_two_nodes(self):
        def build(history):
            history.saw_engines(1, [engine(1, 1, 1), engine(2, 2, 1)])
        self.assertEqual(broken(build), ["no rank of a generation runs twice"])

    def test_two_generations_on_a_node(self):
        def build(history):
            restart(history)
            history.saw_engines(3, [engine(1, 1, 1), engine(2, 1, 2)])
        self.assertEqual(broken(build), ["no node runs two generations of a group"])

    def test_a_restart_of_a_group_that_was_not_hit(self):
        def build(history):
            history.rounds.append(Round(
                "fault", 0, 9, frozenset({"decode-0"}), True,
                frozenset({engine(1, 1, 1), engine(3, 2, 1, "decode-0")}), frozenset()))
        self.assertEqual(broken(build), ["a fault restarts no other group"])

    def test_a_restart_between_two_faults(self):
        def build(history):
            quiet = Round("fault", 0, 9, frozenset(), True, frozenset(),
                          frozenset({engine(1, 1, 1)}))
            history.rounds += [quiet, quiet._replace(before=frozenset({engine(2, 1, 1)}),
                                                     after=frozenset({engine(2, 1, 1)}))]
        self.assertEqual(broken(build), ["nothing restarts between faults"])

    def test_a_failed_request_while_only_agents_were_gone(self):
        def build(history):
            history.rounds.append(
                Round("fault", 0, 9, frozenset(), False, frozenset(), frozenset()))
            history.requests.append(Request(1, 2, None, "refused"))
        self.assertEqual(broken(build), ["a lost agent costs no request"])

    def test_an_answer_that_no_other_of_its_placement_gave(self):
        def build(history):
            history.saw_engines(1, [engine(1, 1, 1)])
            history.requests += [Request(1, 2, "right", None), Request(1, 2, "wrong", None)]
        self.assertEqual(broken(build), ["every answer is that of the placement"])


    def test_a_leftover_of_another_generation_tells_nothing_of_answers(self):
        def build(history):
            restart(history)
            history.saw_engines(11, [engine(1, 1, 1), engine(2, 2, 2)])
            history.requests += [Request(11, 11.2, "right", None), Request(11.3, 11.5, "new", None)]
        self.assertEqual(broken(build), [])


class LedgerTests(unittest.TestCase):
    def test_a_restart_as_it_should_be_breaks_nothing(self):
        self.assertEqual(broken(restart), [])

    def test_an_agent_that_knows_less_contradicts_nobody(self):
        def build(history):
            restart(history)
            history.saw_restarts("node-2", [record(
                generation=None, stopped_at=None, launched_at=None, ready_at=None)])
        self.assertEqual(broken(build), [])

    def test_two_records_of_one_end(self):
        def build(history):
            restart(history)
            history.saw_restarts("node-2", [record(), record()])
        self.assertEqual(broken(build), ["a restart is told alike by all"])

    def test_a_record_that_another_agent_tells_otherwise(self):
        def build(history):
            restart(history)
            history.saw_restarts("node-2", [record(detected_at="2026-11-24T19:05:28.201Z")])
        self.assertEqual(broken(build), ["a restart is told alike by all"])

    def test_a_restart_without_a_record(self):
        def build(history):
            restart(history)
            history.saw_engines(3, [engine(3, 1, 3)])
        self.assertEqual(broken(build), ["every restart has one record"])

    def test_a_record_of_a_restart_that_never_was(self):
        def build(history):
            never = record(ended_generation=7, generation=8, ready_at=None)
            restart(history)
            history.saw_restarts("node-1", [never])
            history.rounds.append(kill(
                restarts=(("prefill-0", 7),), one_clock=False,
                before=frozenset({engine(2, 1, 2)})))
        self.assertEqual(broken(build), ["every restart has one record"])

    def test_a_record_that_names_another_generation_after_it(self):
        self.assertEqual(broken(lambda history: restart(history, record(generation=3))),
                         ["every restart has one record"])

    def test_records_that_do_not_say_who_what_and_why(self):
        for changes in ({"why": ""}, {"cause": "chance"}, {"asked_by": "leader node-3"},
                        {"cause": "byOperator"}, {"node": "node-2"}, {"rank": None}, {"epoch": 9}):
            with self.subTest(changes):
                self.assertIn("every record says who and what and why",
                              broken(lambda history: restart(history, record(**changes))))

    def test_a_restart_that_no_fault_may_have_caused(self):
        without = "no restart is without a cause"
        for fault in (kill(may_disturb=frozenset(), before=frozenset()),
                      kill(causes=frozenset({"byOperator"})), kill(restarts=(), struck=None)):
            with self.subTest(fault):
                self.assertEqual(broken(lambda history: restart(history, fault=fault)), [without])
        self.assertEqual(
            broken(lambda history: restart(history, record(asked_by="operator"))), [without])

    def test_another_rank_named_than_the_one_that_was_struck(self):
        fault = kill(struck=("prefill-0", "node-4", 1))
        self.assertEqual(broken(lambda history: restart(history, fault=fault)),
                         ["the rank that was struck is named"])
        unsure = fault._replace(names=False)
        self.assertEqual(broken(lambda history: restart(history, fault=unsure)), [])

    def test_a_group_that_was_struck_and_goes_on(self):
        def build(history):
            history.rounds.append(kill(
                restarts=(), after=frozenset({engine(1, 1, 1)}), names=False))
        self.assertEqual(broken(build), ["a group that was struck restarts once"])

    def test_times_that_do_not_add_up(self):
        parts = record()["seconds"]
        for changes in ({"seconds": parts | {"stop": None}}, {"seconds": parts | {"ready": 7.0}},
                        {"stopped_at": "2026-11-24T19:05:27.000Z"},
                        {"seconds": parts | {"ready": 31.0}, "total_seconds": 31.5}):
            with self.subTest(changes):
                self.assertEqual(broken(lambda history: restart(history, record(**changes))),
                                 ["the times of a restart add up"])
                unsure = kill(one_clock=False)
                self.assertEqual(
                    broken(lambda history: restart(history, record(**changes), fault=unsure)), [])

    def test_a_generation_that_ended_before_it_served_was_never_ready(self):
        def build(history):
            first = record(ready_at=None, total_seconds=None,
                           seconds=record()["seconds"] | {"ready": None})
            restart(history, first, events=False)
            second = record(ended_generation=2, generation=3)
            history.saw_restarts("node-1", [second])
            history.saw_events("node-1", [event(9, "ready", "prefill-0", 3, second)])
            history.saw_engines(3, [engine(3, 1, 3)])
            history.rounds[-1] = kill(
                restarts=(("prefill-0", 1), ("prefill-0", 2)), struck=None, names=False)
        self.assertEqual(broken(build), [])

    def test_an_event_that_has_no_record_or_another(self):
        named = ["the event of a restart has its record"]
        other = record(detected_at="2026-11-24T19:05:28.201Z")
        self.assertEqual(broken(lambda history: restart(history, of_event=other)), named)
        self.assertEqual(broken(lambda history: restart(history, events=False)), named)


class SummaryTests(unittest.TestCase):
    def test_it_counts_faults_restarts_requests_and_what_was_looked_at(self):
        history = History()
        restart(history)
        history.requests += [Request(10, 10.5, "right", None), Request(10.6, 11, None, "refused"),
                             Request(12, 12.5, "right", None)]
        rows = [" ".join(line.split()) for line in summary(history).splitlines()]
        self.assertIn("an engine is killed 1 0 1 1 2.0 s", rows)
        self.assertIn("1 restarts: failure 1; median 1.5 s, longest 1.5 s", rows)
        self.assertIn("3 completions asked for, 1 failed; longest outage 2.0 s, in: "
                      "an engine is killed", rows)
        self.assertIn("every restart has one record 1 0", rows)

    def test_it_says_what_is_broken_and_what_was_never_looked_at(self):
        history = History()
        history.saw_status({"term": 1, "leader": "node-1"})
        history.saw_status({"term": 1, "leader": "node-2"})
        rows = [" ".join(line.split()) for line in summary(history).splitlines()]
        self.assertIn("no term has two leaders 1 1", rows)
        self.assertIn("every restart has one record 0 0", rows)


if __name__ == "__main__":
    unittest.main()
