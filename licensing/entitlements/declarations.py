# ruff: noqa: F401 - imports of modules that register what they hold
"""What keys and subscriptions declare: their e-mails, and who has « Mes classes » in the menu."""

from licensing.entitlements import emails, queries
from web.frame import teaching_checks

teaching_checks.declare("entitlements", queries.is_teacher)
