"""Proof beyond one machine: hosts that are network namespaces, and what strikes them.

    sudo python -m benchmarks.scale [--batches N] [--hosts N] [--strikes N] [--minutes M]
                                    [--seed S] [--json] [--keep]

One host has Postgres over TCP, Redis, MinIO and Dagster; the others have a worker each and see only
the network. An undisturbed run on one machine comes first, and what it makes is the reference. Then
the fleet is uploaded, and at random moments a process of a worker is killed, a host is destroyed, a
host's network is cut for a minute, Redis and the daemon are restarted. The exit status is 1 when a
batch is lost, other than undisturbed, or reported twice, and when a roll-up over them failed.
"""
