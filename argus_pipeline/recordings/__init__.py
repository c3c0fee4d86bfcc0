"""A recording: one binary file of a batch, and the tables that the parser makes of it."""
