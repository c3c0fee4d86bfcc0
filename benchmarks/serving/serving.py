"""The process that serves: as `argus serve`, without limits on how much one reader may ask.

    python -m benchmarks.serving.serving

Prints its address, and serves what the environment names until it is ended.
"""

from __future__ import annotations


def main() -> None:
    from argus_pipeline import settings
    from argus_pipeline.serve.app import make_app
    from argus_pipeline.serve.context import make_context
    from argus_pipeline.serve.options import Options
    from argus_pipeline.serve.server import address, listen, make_server
    from argus_pipeline.storage.object_store import ObjectStore

    options = Options(requests_per_second=1e6, burst=1_000_000)
    configured = settings.load()
    context = make_context(options, configured, ObjectStore(configured))
    sock = listen(options)
    print(address(sock), flush=True)
    make_server(make_app(context)).run(sockets=[sock])


if __name__ == "__main__":
    main()
