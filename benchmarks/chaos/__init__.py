"""Proof by breaking: the local stack is broken in every way that we know, and nothing may be lost.

    python -m benchmarks.chaos [--fault NAME …] [--strikes N] [--rounds N] [--batches N]
                               [--minutes M] [--seed S] [--json] [--keep]

An undisturbed run of a small simulated fleet comes first, and what it makes is the reference. Then
each fault strikes at random moments while the same fleet runs again, under other ids. After each
round every batch has all its outputs, equal to the reference, or is on the given-up list with the
true reason. The exit status is 1 when anything was lost, reported twice, stuck, torn or left over.
"""
