"""Work under kills: what was acknowledged must exist exactly once, and what was refused not at all."""

from bench.chaos.run import chaos

__all__ = ["chaos"]
