# ruff: noqa: F401 - imports of modules that register what they hold
"""What the directory declares: its e-mails."""

from schools import emails
