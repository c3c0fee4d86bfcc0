"""Uploading a batch: look at the files, send them, and complete the batch by its manifest."""
