"""Where runs are carried out: on this machine, on Celery workers, or as Kubernetes Jobs."""
