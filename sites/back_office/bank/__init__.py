"""Back office of bank statements: the lines to look at with their proposals, one line by hand, all lines."""

from sites.back_office.bank.statement_lines import StatementLineAdmin

__all__ = ["StatementLineAdmin"]
