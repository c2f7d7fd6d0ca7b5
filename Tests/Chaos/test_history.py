#!/usr/bin/env python3
"""Each invariant of history.py is found broken in the smallest history that breaks it, and only there."""

import unittest

from cluster import Engine
from history import History, Request, Round


def event(sequence, kind, group, generation):
    return {"sequence": sequence, "kind": kind, "group": group, "generation": generation}


def plan(epoch, master):
    ranks = [{"rank": 0, "node": master, "address": "10.0.0.1"}]
    return {"epoch": epoch, "groups": [{"name": "prefill-0", "url": "u", "bootstrap": None,
                                        "store": None, "ranks": ranks}]}


def engine(pid, node, generation, group="prefill-0"):
    return Engine(pid, node, group, generation, f"{group}.g{generation}.r0")


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
            history.saw_events("node-1", [
                event(1, "launched", "prefill-0", 1), event(2, "ended", "prefill-0", 1),
                event(3, "launched", "prefill-0", 2)])
            history.saw_engines(1, [engine(1, 1, 1)])
            history.saw_engines(2, [engine(2, 1, 2)])
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
            history.saw_events("node-1", [
                event(1, "launched", "prefill-0", 1), event(2, "launched", "prefill-0", 2)])
        self.assertEqual(broken(build), ["generations rise"])

    def test_a_rank_on_two_nodes(self):
        def build(history):
            history.saw_engines(1, [engine(1, 1, 1), engine(2, 2, 1)])
        self.assertEqual(broken(build), ["no rank of a generation runs twice"])

    def test_two_generations_on_a_node(self):
        def build(history):
            history.saw_engines(1, [engine(1, 1, 1), engine(2, 1, 2)])
        self.assertEqual(broken(build), ["no node runs two generations of a group"])

    def test_a_restart_of_a_group_that_was_not_hit(self):
        def build(history):
            history.rounds.append(Round(
                "fault", 0, 9, frozenset({"decode-0"}), True,
                frozenset({engine(1, 1, 1), engine(3, 2, 1, "decode-0")}), frozenset()))
        self.assertEqual(broken(build), ["a fault restarts no other group"])

    def test_a_failed_request_while_only_agents_were_gone(self):
        def build(history):
            history.rounds.append(Round("fault", 0, 9, frozenset(), False, frozenset(), frozenset()))
            history.requests.append(Request(1, 2, None, "refused"))
        self.assertEqual(broken(build), ["a lost agent costs no request"])

    def test_an_answer_that_no_other_of_its_placement_gave(self):
        def build(history):
            history.saw_engines(1, [engine(1, 1, 1)])
            history.requests += [Request(1, 2, "right", None), Request(1, 2, "wrong", None)]
        self.assertEqual(broken(build), ["every answer is that of the placement"])


if __name__ == "__main__":
    unittest.main()
