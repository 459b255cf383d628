# ruff: noqa: F401 - imports of modules that register what they hold
"""What accounts declare: their e-mails, and what is recorded at each sign-in."""

from accounts import devices, emails
