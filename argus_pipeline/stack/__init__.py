"""The local stack: Postgres, an S3 store and Dagster, started and stopped by one command."""
