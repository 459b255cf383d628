"""Refusals about who leads a school: a stable code, and the French sentence that is shown as it stands."""

from __future__ import annotations

from typing import ClassVar


class HeadRefused(Exception):
    """A rule says no; nothing was changed."""

    code: ClassVar[str] = "head_refused"


class NotAPrincipal(HeadRefused):
    code = "not_a_principal"


class NoChosenSchool(HeadRefused):
    """The school is typed by hand, or not one of the account's."""

    code = "no_chosen_school"


class AlreadyVerified(HeadRefused):
    code = "already_verified"


class NoMailbox(HeadRefused):
    """The directory knows no address of the school's."""

    code = "no_mailbox"


class NothingToLead(HeadRefused):
    """No subscription, and nobody to take over from: the school is not written to for that."""

    code = "nothing_to_lead"


class AskedTooOften(HeadRefused):
    code = "asked_too_often"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class HeadLinkGone(HeadRefused):
    """Used, expired, or never made: whoever holds the link is told the same."""

    code = "head_link_gone"

    def __init__(self) -> None:
        super().__init__(
            "Ce lien n'est plus valable : il a déjà servi, a plus de sept jours, ou la personne n'en a plus besoin. "
            "Au besoin, elle peut en demander un autre depuis « Mon compte »."
        )


class HeadsHaveChanged(HeadRefused):
    """Somebody began or ceased to lead the school since the page was shown."""

    code = "heads_have_changed"

    def __init__(self) -> None:
        super().__init__(
            "La direction de l'établissement a changé entre-temps : relisez la page, puis confirmez de nouveau."
        )
