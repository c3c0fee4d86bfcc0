"""The command line `argus`: one module a command, put together in `main`."""
