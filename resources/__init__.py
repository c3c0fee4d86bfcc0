"""Resources: the bucket and the database as Dagster knows them. Each hands over a domain object."""
