"""Renderer of the last e-mail to a user who deleted their account.

The only message that stores personal data in the outbox, as the account is erased when it is sent. A periodic task
deletes them once it is sent (`sites.portal.tasks`).
"""

from __future__ import annotations

from core.links import portal_url
from mailing.kinds import RenderedEmail, format_salutation, register, render_email
from mailing.models import Message

ACCOUNT_CLOSED = "account.closed"


def render_account_closed(message: Message) -> RenderedEmail:
    """Confirm that the account was deleted, with the consequences, and what to do if somebody else did it."""
    username, first_name = message.context["username"], message.context["first_name"]
    return render_email(
        greeting=format_salutation(first_name),
        subject=f"Votre compte « {username} » est supprimé",
        paragraphs=[
            (
                f"Le compte Pep's dont l'identifiant était « {username} » vient d'être supprimé, à la demande de la "
                "personne qui y était connectée."
            ),
            (
                "Votre nom, votre adresse e-mail, votre téléphone et votre mot de passe sont effacés. Les licences que "
                "vous déteniez sont de nouveau disponibles ; les classes, les comptes des élèves et les abonnements "
                "restent à l'établissement."
            ),
            (
                "Vous pourrez créer un nouveau compte quand vous le souhaitez : il sera neuf, et ne retrouvera rien de "
                "celui-ci."
            ),
        ],
        button="Nous écrire",
        address=portal_url("contact/"),
        notes=[
            (
                "Ce n'est pas vous qui l'avez demandé ? Écrivez-nous sans attendre, et changez le mot de passe de "
                "votre boîte aux lettres. C'est le dernier e-mail que vous recevez au sujet de ce compte."
            )
        ],
    )


register(ACCOUNT_CLOSED, label="Compte supprimé", render=render_account_closed)
