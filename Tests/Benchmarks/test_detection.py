#!/usr/bin/env python3
"""What the table of detection times must refuse: a bar that is missed, and one that was not measured."""

import argparse
import contextlib
import io
import unittest

import detection
from detection_lab import Ours


class Silent:
    """A system that is asked for nothing but its name."""

    name = Ours.name

    def configuration(self):
        return ["no configuration"]


class ReportTests(unittest.TestCase):
    def setUp(self):
        self.options = argparse.Namespace(cases=["crash", "faults", "load"], sizes=[4], minutes=30)
        self.results = detection.Results()
        for case in self.options.cases:
            for name, bar in detection.targets(case, 4).items():
                self.results.samples[4, name] = {Ours.name: [0 if bar == 1 else bar / 2]}

    def report(self):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            kept = detection.report(self.results, [Silent()], self.options)
        return kept, text.getvalue()

    def test_all_that_was_asked_for_is_measured_and_kept(self):
        kept, text = self.report()
        self.assertTrue(kept, text)
        self.assertNotIn("MISSED", text)
        self.assertIn("load lasted 30 minutes", text)

    def test_a_bar_that_is_missed(self):
        self.results.samples[4, "SIGSTOP, all know"] = {Ours.name: [1.0, 4.0]}
        kept, text = self.report()
        self.assertFalse(kept)
        self.assertEqual(text.count("MISSED"), 1)

    def test_a_case_that_did_not_run(self):
        for absent in ("load and 5 % loss: deaths of the healthy", "ingress lost, it knows"):
            with self.subTest(absent):
                self.setUp()
                del self.results.samples[4, absent]
                kept, text = self.report()
                self.assertFalse(kept)
                self.assertIn("MISSED, as it was not measured", text)

    def test_a_size_of_which_nothing_was_measured(self):
        self.options.sizes = [4, 16]
        self.assertFalse(self.report()[0])

    def test_two_nodes_have_one_that_can_be_killed(self):
        kills = [name for name in detection.targets("crash", 2) if "SIGKILL, all" in name]
        self.assertEqual(kills, ["1st SIGKILL, all know"])


if __name__ == "__main__":
    unittest.main()
