"""What keys and subscriptions declare: their e-mails, and who has « Mes classes » in the menu."""

from licensing.entitlements import emails, queries  # noqa: F401 - registers the kinds
from web.teaching import teaching_checks

teaching_checks.declare("entitlements", queries.is_teacher)
