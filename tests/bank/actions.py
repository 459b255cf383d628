"""Actions on bank statements, by the operations, for tests."""

import hashlib

from licensing.books.bank import books, matching, operations
from licensing.books.bank.formats import parse_statements
from licensing.books.bank.matching import ChosenMatch, PaymentShare
from licensing.books.bank.models import LineState, StatementLine
from licensing.books.bank.operations import get_due
from tests.bank.statement_files import StatementFile, write_camt
from tests.factories.accounts import OperatorFactory
from tests.factories.shop import get_seller
from tests.orders.dates import at_day

#: After the last line of the files of the tests.
AFTERWARDS = at_day(10)


def upload(*statements, write=write_camt, by=None, at=AFTERWARDS):
    """Store a file of these statements, read in this process; return the report."""
    get_seller()
    content = write(*statements)
    name, parsed = parse_statements(content)
    return operations.store_statements(
        name=name,
        statements=parsed,
        filename="releve.xml",
        sha256=hashlib.sha256(content).hexdigest(),
        by=by or OperatorFactory(),
        at=at,
    )


def receive(*lines, **fields):
    """Store a statement of these lines; return its lines, in the order of the file."""
    upload(StatementFile(lines, **fields))
    return list(StatementLine.objects.order_by("pk"))[-len(lines) :]


def propose(*lines):
    """Return the proposals of each line."""
    found = matching.propose_for_lines(lines, books.load_books(lines))
    return [found[line.pk] for line in lines]


def choose(order, amount=None):
    """Return the choice that a line pays this order, all that is due unless an amount is given."""
    order.refresh_from_db()
    due = get_due(order)
    return ChosenMatch(shares=(PaymentShare(order.pk, due if amount is None else amount, due),))


def book(line, chosen, *, by=None, at=AFTERWARDS, rest_reason=""):
    """Book a line; return it."""
    return operations.book_line(
        line_id=line.pk, chosen=chosen, by=by or OperatorFactory(), at=at, rest_reason=rest_reason
    )


def waiting():
    """Return the ids of the lines to look at."""
    return set(StatementLine.objects.filter(state=LineState.WAITING).values_list("pk", flat=True))
