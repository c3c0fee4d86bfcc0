"""What the benchmark of 100,000 batches is made of: the records, the roll-ups, and the clocks."""
