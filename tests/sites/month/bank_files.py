"""The month's two bank files: what came in, what came back, and Stripe's payouts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from licensing.books.bank.models import LineState, StatementLine
from tests.bank.statement_files import FileLine, StatementFile
from tests.sites.month.month_of_sales import FIRST_DAY, LAST_DAY, PAYOUT_DAYS, PlayedSale, moment

#: The last day of the first file: the second goes on from there.
FIRST_FILE_ENDS = 20
#: Days between an order and its transfer, and between a payout and its line.
_TRANSFER_DAYS, _PAYOUT_LINE_DAYS = 8, 3
FEES = Decimal("-12.00")


def get_transfer_day(sale: PlayedSale) -> int:
    """Return the day on which a sale by mandat is paid."""
    return sale.day + _TRANSFER_DAYS


@dataclass
class BankFile:
    """A file that is being written; each line that pays a sale counts it as paid."""

    lines: list[FileLine] = field(default_factory=list)
    #: What is booked, in euros: transfers; and cheques, less the unpaid ones.
    transfers: Decimal = Decimal(0)
    cheques: Decimal = Decimal(0)
    payouts: Decimal = Decimal(0)

    def add_transfer(self, *sales: PlayedSale, more: Decimal = Decimal(0), label: str = "VIR SEPA") -> FileLine:
        """Add the transfer that pays these sales, whose invoices it names; `more`: in excess."""
        details = tuple(f"MANDAT {sale.number.replace('-', ' ')}" for sale in sales)
        return self._pay(sales, details, more=more, label=label)

    def add_transfer_of(self, sale: PlayedSale) -> FileLine:
        """Add a transfer that names its payer alone."""
        return self._pay([sale], (), label=f"VIR {sale.order.bill_name}")

    def _pay(self, sales: Sequence[PlayedSale], details: tuple, *, label: str, more: Decimal = Decimal(0)) -> FileLine:
        amount = sum((sale.left for sale in sales), more)
        self.transfers += amount
        for sale in sales:
            sale.paid += sale.left
        sales[0].paid += more
        return self._add(str(amount), label, max(get_transfer_day(sale) for sale in sales), details)

    def add_deposit(self, sales: Sequence[PlayedSale], *, day: int) -> FileLine:
        """Add a deposit of cheques, recorded on arrival or not."""
        self.cheques += sum(sale.owed for sale in sales)
        for sale in sales:
            sale.paid = sale.owed
        return self._add(str(sum(sale.owed for sale in sales)), "REMISE CHEQUES", day)

    def add_unpaid_cheque(self, sale: PlayedSale, *, day: int) -> FileLine:
        """Add the debit of a cheque that came back."""
        self.cheques -= sale.paid
        line = self._add(str(-sale.paid), "CHEQUE IMPAYE", day, (sale.number,))
        sale.paid = Decimal(0)
        return line

    def add_payouts(self, stripe, *, first: int, last: int) -> list[FileLine]:
        """Add the payouts whose lines are of these days."""
        made = [one for one in stripe.balance.transactions if one["type"] == "payout"]
        lines = []
        for day, payout in zip(PAYOUT_DAYS, made, strict=False):
            if first <= day + _PAYOUT_LINE_DAYS <= last:
                amount = Decimal(-payout["amount"]) / 100
                self.payouts += amount
                lines.append(self._add(str(amount), "VIR STRIPE PAYMENTS", day + _PAYOUT_LINE_DAYS))
        return lines

    def add_fees(self, *, day: int) -> None:
        """Add the bank's own fees, which are no payment."""
        self._add(str(FEES), "COMMISSIONS", day)

    def _add(self, amount: str, label: str, day: int, details: tuple[str, ...] = ()) -> FileLine:
        self.lines.append(FileLine(amount, label, details, day=moment(day).date()))
        return self.lines[-1]

    def build(self) -> StatementFile:
        """Return the first statement of the month."""
        return StatementFile(
            tuple(self.lines), opening_on=FIRST_DAY, closing_on=moment(FIRST_FILE_ENDS).date(), number="N-1"
        )

    def build_after(self, earlier: StatementFile) -> StatementFile:
        """Return the statement that goes on from another until the end of the month."""
        return earlier.followed_by(*self.lines, days=(LAST_DAY - earlier.closing_on).days)


def find_line(line: FileLine) -> StatementLine:
    """Return the stored line that waits and is this one of a file."""
    return StatementLine.objects.get(
        state=LineState.WAITING,
        amount=Decimal(line.amount),
        booked_on=line.day,
        label=line.label,
        details__contains=line.details[0] if line.details else "",
    )
