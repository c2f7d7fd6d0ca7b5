#!/usr/bin/env python3
"""What the table of planted bugs must refuse."""

import contextlib
import io
import unittest

import plant


def table(simulated, tested):
    """A table of so many bugs, all in a line that stands there once."""
    bug = {"bug": "one", "place": 1, "file": "Consensus/Quorum.swift",
           "line": "voters.count / 2 + 1"}
    return [dict(bug)] * simulated + [bug | {"test": "ConsensusTests"}] * tested


class TableTests(unittest.TestCase):
    def complaints(self, bugs):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            plant.check(bugs)
        return text.getvalue()

    def test_the_table_as_it_is(self):
        self.assertEqual(self.complaints(plant.read_bugs()), "")

    def test_fewer_than_ten_for_the_simulator(self):
        self.assertIn("fewer than 10", self.complaints(table(9, 30)))
        self.assertNotIn("fewer than 10", self.complaints(table(10, 0)))

    def test_what_the_documentation_counts_otherwise(self):
        self.assertIn("simulation.md does not say", self.complaints(table(10, 0)))

    def test_a_line_that_has_gone(self):
        self.assertIn("stands 0 times", self.complaints([table(1, 0)[0] | {"line": "no such line"}]))


if __name__ == "__main__":
    unittest.main()
