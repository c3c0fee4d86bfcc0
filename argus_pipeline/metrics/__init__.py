"""Figures for Prometheus, derived from the records that are there when it asks."""
