"""A batch: one upload of a vehicle, completed by its manifest, and the partition key."""
