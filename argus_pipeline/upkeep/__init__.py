"""What is done by night: batches that were left behind, old partition keys, data past its time."""
