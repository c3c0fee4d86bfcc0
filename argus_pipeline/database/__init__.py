"""The schema `argus` in Postgres: its models, its migrations, and how rows get into it."""
