"""Questions in words, answered from evidence, articles and past diagnoses alone."""
