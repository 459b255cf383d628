# ruff: noqa: F401 - imports of modules that register what they hold
"""What the office's pages declare: e-mails, journal, menu, and what hears of sendings that fail."""

from collectivities.journal import JournalAction, declare_actions
from mailing.refusals import failed_sending_listeners
from sites.office import failure_letters, weekly_letter
from web.frame import OFFICE_SECTION, declare_page, declare_section

failed_sending_listeners.declare("office", failure_letters.notify_managers)

declare_actions(
    {
        "messages.sending_failed": JournalAction("Envois qui échouent"),
    }
)

for rank, section in enumerate(("Accueil", "Écoles", "Distribuer", "Achats", "Suivi")):
    declare_section(section, rank=rank)
declare_page("home", "Accueil", section="Accueil")
declare_page("distribute", "Distribuer", section="Distribuer", rank=10)
declare_page("purchases:list", "Commandes", section="Achats", rank=10)
declare_page("renewal:list", "Reconduire", section="Achats", rank=20)
declare_page("messages:list", "Messages", section="Suivi", rank=10)
declare_page("report", "Rapport", section="Suivi", rank=20)
declare_page("my_letters", "Mes e-mails", section=OFFICE_SECTION, rank=50)
declare_page("mfa_index", "Sécurité du compte", section=OFFICE_SECTION, rank=60)
