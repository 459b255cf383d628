# ruff: noqa: F401 - imports of modules that register what they hold
"""What the portal declares: its e-mails."""

from sites.portal import contact, privacy
