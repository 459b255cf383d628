# ruff: noqa: F401 - imports of modules that register what they hold
"""What the collectivities' schemas declare: the e-mail of checkpoints."""

from tenants import checkpoints
