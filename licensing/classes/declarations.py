"""What classes declare: their e-mails, and what is sealed under the keys of the settings."""

from licensing.classes import (
    emails,  # noqa: F401 - registers its kinds
    handover_codes,
    passwords,
    sharing_emails,  # noqa: F401 - registers its kinds
    year_letter_emails,  # noqa: F401 - registers its kind
)
from licensing.entitlements.key_rotation import reseal_batches

reseal_batches.declare("pupils' passwords", passwords.reseal_batch)
reseal_batches.declare("codes of handovers", handover_codes.reseal_batch)
