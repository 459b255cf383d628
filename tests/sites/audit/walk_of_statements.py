"""Acts on bank statements: uploaded, and their lines decided."""

from licensing.books.bank import operations as bank
from licensing.books.bank.matching import parse_key
from licensing.books.bank.models import StatementLine
from licensing.books.billing.models import Invoice
from licensing.books.billing.queries import get_balance
from tests.bank.actions import propose, upload
from tests.bank.statement_files import FileLine, StatementFile
from tests.sites.audit.walk_steps import Steps, WalkSteps


class WalkOfStatements(WalkSteps):
    def read_statement(self):
        """Upload a statement: a transfer for an order that is owed, or what is like nothing; or a debit."""
        day = self.at.date()
        line = FileLine(self.draw.choice(["-199.00", "3.12"]), self.draw.choice(["FRAIS", "VIREMENT REJETE"]), day=day)
        owed = Invoice.objects.current().filter(order__state="confirmed").order_by("pk")
        for invoice in owed[: 1 if self.draw.randrange(4) else 0]:
            amount = get_balance(invoice.order) + self.draw.choice([0, 0, 5, -5])
            line = FileLine(str(amount), "VIR", (invoice.number,), day=day)
        upload(StatementFile((line,), number=str(self.draw.random()), opening_on=day, closing_on=day), **self.by())

    def decide_line(self):
        """Book a line of a statement as it is proposed, or set it aside, or have it decided anew."""
        act = self.draw.choice(["book", "book", "book", "set aside", "take back"])
        lines = StatementLine.objects.exclude(state="debit").order_by("-pk")
        for line in lines.filter(state="waiting")[:1] if act == "book" else lines[self.draw.randrange(4) :][:1]:
            [proposals] = propose(line)
            if act == "take back":
                bank.take_line_back(line_id=line.pk, **self.by())
            elif act == "set aside":
                bank.set_line_aside(line_id=line.pk, reason="Autre vente.", **self.by())
            elif proposals:
                chosen = parse_key(self.draw.choice(proposals).key)
                bank.book_line(line_id=line.pk, chosen=chosen, **self.by())
                self.done["booked"] += 1

    BEGIN: Steps = (read_statement, read_statement, decide_line, decide_line, decide_line)
