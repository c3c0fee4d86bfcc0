"""Dagster's own records of runs, read for people and for the recovery of batches."""
