"""The operator at the pages of the back office, whose clicks are counted."""

from collections.abc import Callable, Iterable

from django.conf import settings

from licensing.books.bank.models import StatementLine
from tests.bank.statement_files import StatementFile
from tests.host_client import HostClient
from tests.sites.back_office.pages import page_text
from tests.sites.back_office.test_bank_statements import PAGE, read_form, sent_file, url
from tests.sites.month.month_of_sales import MonthOfSales, PlayedSale

_DEPOSITS = "/admin/billing/invoice/a-deposer/"
_REPORTS = "/admin/e_reporting/periodreport/"
_BOOKS = "/admin/accounting/accountingsettings/"


class OperatorPages:
    """A browser of the operator; a click is a page that is opened, a radio, a button."""

    def __init__(self, month: MonthOfSales) -> None:
        self.browser, self.clicks = HostClient(settings.BASE_DOMAIN), 0
        # Anew at each sitting: a session does not last for weeks.
        self.browser.force_login(month.operator)

    def transmit(self, route: str) -> int:
        """Have all that the page lists for a route transmitted, batch by batch; return how many pages that takes."""
        pages = 0
        while True:
            listed = self.browser.get(_DEPOSITS).context["batches"]
            numbers = next((batch.numbers for batch in listed if batch.route == route), "")
            if not numbers:
                return pages
            self.browser.post(f"{_DEPOSITS}{route}/transmettre/?factures={numbers}")
            pages += 1

    def upload(self, statement: StatementFile, write: Callable[..., bytes]) -> str:
        """Upload a bank file, from the page; return what the page says."""
        self.clicks += 3
        sent = sent_file(write(statement), statement.number)
        return page_text(self.browser.post("/admin/bank/statementline/deposer/", sent, follow=True))

    def confirm_sure_lines(self) -> None:
        """Press the page's button as long as lines are ticked."""
        while True:
            page = self.browser.get(PAGE)
            sent = read_form(page).sent if 'name="lignes"' in page.content.decode() else {}
            if not any(value for name, value in sent.items() if name.startswith("choix_")):
                return
            assert self.browser.post(PAGE, sent).status_code == 302
            self.clicks += 1

    def choose(self, choices: dict[StatementLine, str]) -> None:
        """Choose a proposal for each of these lines, and press the page's button once."""
        page = self.browser.get(PAGE)
        for key in choices.values():
            assert f'value="{key}"' in page.content.decode()
        sent = read_form(page).sent | {f"choix_{line.pk}": key for line, key in choices.items()}
        assert self.browser.post(PAGE, sent).status_code == 302
        self.clicks += len(choices) + 1

    def choose_alone(self, line: StatementLine, key: str) -> None:
        """Open a line, choose a proposal, and book it."""
        assert f'value="{key}"' in self.browser.get(url("choice", line.pk)).content.decode()
        sent = {"faire": "enregistrer", "choix": key}
        assert self.browser.post(url("choice", line.pk), sent).status_code == 302
        self.clicks += 3

    def book_by_numbers(self, line: StatementLine, sales: Iterable[PlayedSale]) -> None:
        """Open a deposit of cheques, type the numbers of its invoices, and book it."""
        typed = ", ".join(sale.number for sale in sales)
        page = self.browser.post(url("choice", line.pk), {"faire": "chercher", "recherche": typed})
        sent: dict = {"faire": "enregistrer", "commande": []}
        for choice in page.context["choices"]:
            if choice.is_ticked:
                sent["commande"].append(choice.order.pk)
                sent |= {f"montant_{choice.order.pk}": choice.amount, f"reste_{choice.order.pk}": choice.order.due}
        answer = self.browser.post(url("choice", line.pk), sent)
        assert answer.status_code == 302, page_text(answer)
        self.clicks += 3

    def set_aside(self, line: StatementLine, reason: str) -> None:
        """Open a line and set it aside."""
        self.browser.post(url("choice", line.pk), {"faire": "mettre-de-cote", "reason": reason})
        self.clicks += 2

    def declare_all(self) -> int:
        """Declare each period of e-reporting that waits; return how many."""
        [(_, waiting), _] = self.browser.get(_REPORTS).context["groups"]
        for one in waiting:
            statement = one["statement"]
            answer = self.browser.post(f"{_REPORTS}periode/{statement.kind}/{statement.period.begins_on}/")
            assert answer.status_code == 302, page_text(answer)
        return len(waiting)

    def download_books(self, start, end) -> bytes:
        """Return the accountant's file of a period."""
        answer = self.browser.post(f"{_BOOKS}telecharger/", {"du": str(start), "au": str(end)})
        return b"".join(answer)
