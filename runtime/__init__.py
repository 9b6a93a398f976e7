"""Services for long jobs: result store, progress, logging, signals, wall time, ranks, threads, exit codes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
