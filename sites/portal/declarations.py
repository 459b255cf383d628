"""What the portal declares: its e-mails."""

from sites.portal import contact_emails  # noqa: F401 - registers its kind
from sites.portal.privacy import emails  # noqa: F401 - registers its kind
