"""Parts of Dagster that are ours: what `dagster.yaml` and Celery load by the name of its module.

The queue of runs, a launcher for each engine, the storage of its records, the executor of large
batches and the tasks of a worker. They lie in the package because each process that opens the
instance loads them, also where only the package is installed; what they decide is in `engine/`.
"""
