"""Upload of a batch: check the files, send them, and write the manifest last."""
