"""Pages beside large imports and uploads: how long they take, compared with the same pages while nothing else runs."""

from bench.load.run import load

__all__ = ["load"]
