# ruff: noqa: F401 - imports of modules that register what they hold
"""What the worker declares: its own periodic tasks."""

from jobs import due, housekeeping, retention
