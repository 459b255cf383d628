"""Result of one delivery attempt, explained in French for the tenant's members. Pure."""

from __future__ import annotations

from typing import NamedTuple

#: HTTP status that disables an endpoint.
STATUS_GONE = 410
#: Characters of a response body that are stored.
MAX_BODY_LENGTH = 500

TIMED_OUT = "Aucune réponse en dix secondes."
#: The same for a name that does not exist and for one that leads to a private network: reveals no internal host name.
HOST_UNREACHABLE = "Ce serveur ne se trouve pas en ce moment (DNS), ou se trouve dans un réseau qui n'est pas permis."
INVALID_URL = "Cette adresse n'en est pas une : modifiez-la."
CONNECTION_REFUSED = "Aucun serveur n'accepte la connexion à cette adresse."
BAD_CERTIFICATE = "Le certificat du serveur n'est pas valable pour cette adresse, ou n'est reconnu par personne."
TLS_FAILED = "La connexion chiffrée (TLS) n'a pas pu s'établir."
CONNECTION_LOST = "La connexion s'est interrompue avant la réponse."
NOT_HTTP = "La réponse n'est pas du HTTP lisible."
UNSEAL_FAILED = "Le secret de signature ne peut plus être relu : renouvelez-le, puis rejouez l'envoi."
HTTP_NOT_ALLOWED = "L'adresse n'est pas en https : l'exploitant du site ne permet plus d'envoi en clair. Modifiez-la."
GAVE_UP = "Abandonné au bout de trois jours sans succès."
ENDPOINT_REMOVED = "Le webhook a été supprimé."

_BY_STATUS = {
    400: "Le destinataire n'a pas compris l'envoi.",
    401: "Le destinataire demande à qui l'envoie de s'identifier : il doit se fier à la signature.",
    403: "Le destinataire refuse l'accès.",
    404: "Il n'y a rien à cette adresse chez le destinataire.",
    405: "Le destinataire n'accepte pas de POST à cette adresse.",
    408: "Le destinataire a trouvé l'envoi trop lent.",
    410: "Le destinataire ne veut plus rien recevoir : le webhook a été désactivé.",
    413: "Le destinataire trouve l'envoi trop grand.",
    429: "Le destinataire demande de ralentir.",
    502: "Le serveur du destinataire est injoignable derrière son relais.",
    503: "Le serveur du destinataire est momentanément indisponible.",
    504: "Le serveur du destinataire n'a pas répondu à son relais.",
}


class AttemptResult(NamedTuple):
    """Result of one attempt. `status` None: no response, `reason` says why. Empty `reason`: delivered."""

    status: int | None
    reason: str
    answer: str
    #: In milliseconds.
    duration: int

    @property
    def is_delivered(self) -> bool:
        return not self.reason


def explain_status(status: int) -> str:
    """Explain an HTTP status; empty if the event was delivered."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own division
        return ""
    if 300 <= status < 400:  # noqa: PLR2004
        sentence = (
            "Le destinataire renvoie à une autre adresse, et les envois ne suivent pas : indiquez l'adresse définitive."
        )
    elif status in _BY_STATUS:
        sentence = _BY_STATUS[status]
    elif status >= 500:  # noqa: PLR2004
        sentence = "Le serveur du destinataire est en panne."
    else:
        sentence = "Le destinataire a refusé l'envoi."
    return f"{sentence[:-1]} (réponse {status})."


def sanitize_body(raw: bytes) -> str:
    """Return the beginning of a response body as one line of printable text."""
    text = raw.decode("utf-8", "replace")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:MAX_BODY_LENGTH]
