"""What the worker declares: its own periodic tasks."""

from jobs import due, housekeeping, retention  # noqa: F401 - register by decorator
