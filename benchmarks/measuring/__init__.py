"""What the benchmarks of the parser are made of: inputs, clocks, peers and the table."""
