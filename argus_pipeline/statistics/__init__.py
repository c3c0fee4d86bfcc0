"""Statistics of a batch: what happened, where and when, in frames that are the same size always."""
