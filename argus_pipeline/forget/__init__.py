"""Takes a vehicle's name out of everything: the bucket, the tables and what Dagster lets change."""
