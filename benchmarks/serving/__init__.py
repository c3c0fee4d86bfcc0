"""A large fleet behind `argus serve`, and the readers that load it from processes of their own."""
