# ruff: noqa: F401 - imports of modules that register what they hold
"""What classes declare: their e-mails, and what is sealed under the keys of the settings."""

from licensing.classes import emails, handovers, passwords, year_letters
from licensing.entitlements.code_sealing import reseal_batches

reseal_batches.declare("pupils' passwords", passwords.reseal_batch)
reseal_batches.declare("codes of handovers", handovers.reseal_codes)
