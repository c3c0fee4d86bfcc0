"""A made-up vehicle fleet: batches as vehicles upload them, with faults that are known in advance."""
