"""A made-up fleet: batches as vehicles upload them, with faults that are known in advance."""
