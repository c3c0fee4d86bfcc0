"""Sensors: what makes Argus run by itself."""
