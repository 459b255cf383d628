"""Explains SMTP replies in French for the tenant's members. Pure.

The text of a reply is free; the explanation relies on its enhanced status code (RFC 3463), else on its basic code. The
reply itself follows the sentence, for mail administrators.
"""

import datetime
import re
from typing import NamedTuple

from core.foreign_values import clean_line

#: Separates our sentence from the server's reply.
REPLY_SEPARATOR = " Réponse du serveur : "
#: Of a server's reply that is kept.
MAX_REPLY_LENGTH = 300

_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")

#: By enhanced code without its class (4: temporary, 5: permanent).
_BY_ENHANCED_CODE = {
    "1.1": "Cette adresse n'existe pas : corrigez-la et renvoyez le message.",
    "1.2": "Le domaine de cette adresse n'existe pas : corrigez-la et renvoyez le message.",
    "1.3": "Cette adresse est mal écrite : corrigez-la et renvoyez le message.",
    "1.6": "Cette boîte a déménagé : demandez sa nouvelle adresse à l'établissement.",
    "1.8": "Le serveur du destinataire refuse l'adresse de l'expéditeur : prévenez l'assistance.",
    "1.10": "Le domaine de cette adresse ne reçoit pas d'e-mails : corrigez-la et renvoyez le message.",
    "2.0": "La boîte du destinataire ne reçoit pas de messages.",
    "2.1": "La boîte du destinataire est désactivée : demandez une autre adresse à l'établissement.",
    "2.2": "La boîte du destinataire est pleine.",
    "2.3": "Le message est trop grand pour la boîte du destinataire.",
    "3.4": "Le message est trop grand pour le serveur du destinataire.",
    "4.1": "Le serveur du destinataire ne répond pas.",
    "4.4": "Le domaine de cette adresse ne reçoit pas d'e-mails : corrigez-la et renvoyez le message.",
    "4.7": "Le serveur du destinataire n'a pas répondu à temps.",
    "7.1": "Le serveur du destinataire n'accepte pas ce message, par une règle de sécurité ou un filtre antispam.",
    "7.23": "Le serveur du destinataire ne reconnaît pas l'expéditeur (SPF) : prévenez l'assistance.",
    "7.25": "Le serveur du destinataire ne reconnaît pas l'expéditeur (DNS inverse) : prévenez l'assistance.",
    "7.26": "Le serveur du destinataire ne reconnaît pas l'expéditeur (SPF, DKIM) : prévenez l'assistance.",
}
_BY_CODE = {
    421: "Le serveur est momentanément indisponible.",
    450: "La boîte du destinataire est momentanément indisponible.",
    451: "Le serveur du destinataire demande de patienter.",
    452: "Le serveur du destinataire manque de place.",
    501: "Cette adresse est mal écrite : corrigez-la et renvoyez le message.",
    550: "Le serveur du destinataire refuse cette adresse : vérifiez-la et renvoyez le message.",
    551: "Cette boîte a déménagé : demandez sa nouvelle adresse à l'établissement.",
    552: "La boîte du destinataire est pleine.",
    553: "Cette adresse est mal écrite : corrigez-la et renvoyez le message.",
    554: "Le serveur du destinataire n'accepte pas ce message, par une règle de sécurité ou un filtre antispam.",
}
#: What servers write beside a code that says less, with the code that says it. In this order.
_BY_TEXT = (
    (
        "1.2",
        re.compile(
            r"(?:host|domain)(?: name)?(?: or domain name)? (?:not found|does not exist)|nxdomain|domaine introuvable",
            re.IGNORECASE,
        ),
    ),
    (
        "1.1",
        re.compile(
            r"user unknown|unknown user|no such (?:user|address|mailbox)|does(?: not|n't) exist|recipientnotfound"
            r"|recipient (?:address )?rejected: (?:user|undeliverable)|mailbox not found|no mailbox here"
            r"|unrouteable address|\binconnue?\b(?![.-])",
            re.IGNORECASE,
        ),
    ),
    ("2.2", re.compile(r"over ?quota|quota exceeded|mailbox (?:is )?full|full mailbox|bo[iî]te pleine", re.IGNORECASE)),
    (
        "7.1",
        re.compile(
            r"\bspam\b|blacklist|blocklist|blocked|reputation|ind[ée]sirable|message content rejected", re.IGNORECASE
        ),
    ),
)
#: Codes that say nothing by themselves, and those that servers use for several things: their text is asked first.
_VAGUE_CODES = frozenset({"0.0", "1.0", "1.10", "2.0", "3.0", "4.0", "5.0", "7.0"})
#: With a permanent failure, codes that mean the address itself, and not this message or the box's state of today.
_REFUSED_ADDRESS_CODES = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1", "4.4"})

BAD_ADDRESS = "Cette adresse est mal écrite : corrigez-la et renvoyez le message."
RENDERING_FAILED = "Le message n'a pas pu être composé, par une erreur de notre fait : prévenez l'assistance."
GAVE_UP = "Le message a été proposé {attempts} fois, en vain."
UNREACHABLE = "Notre serveur d'envoi ne répond pas. Rien n'est perdu : un nouvel essai est prévu."
INTERRUPTED = (
    "La connexion s'est interrompue pendant l'envoi : le message est peut-être parti. Un nouvel essai est prévu."
)
GAVE_UP_INTERRUPTED = (
    "La connexion s'est interrompue {attempts} fois pendant l'envoi : le message est peut-être arrivé, peut-être "
    "plusieurs fois. Demandez-le au destinataire avant de le renvoyer."
)
#: Instead of « Annulé » or « Échec » for what a server may have accepted; why it is not tried again may follow.
PERHAPS_ACCEPTED = "Le message est sans doute parti : la connexion s'est interrompue avant la réponse du serveur."
SENDER_REFUSED = (
    "Notre serveur d'envoi refuse notre adresse d'expéditeur. Rien n'est perdu : un nouvel essai est prévu."
)
CONNECTION_REFUSED = "Notre serveur d'envoi refuse la connexion. Rien n'est perdu : un nouvel essai est prévu."

_RETRY_MINUTES = (5, 15, 30, 60, 120, 240, 480, 480, 480, 480)
#: With the delays above, two days: usual for mail servers.
MAX_ATTEMPTS = len(_RETRY_MINUTES) + 1
#: After each interruption between a message and the server's reply, which may have accepted it.
_INTERRUPTION_MINUTES = (2, 10, 30, 120)
#: Copies of one message that recipients may get where the line breaks each time.
MAX_INTERRUPTIONS = len(_INTERRUPTION_MINUTES) + 1
#: Retry delay while our own SMTP server is unavailable. Retried without limit: the message is not at fault.
UNAVAILABLE_DELAY = datetime.timedelta(minutes=2)


class SmtpReply(NamedTuple):
    """An SMTP reply: code and text."""

    code: int
    text: str

    @property
    def is_final(self) -> bool:
        """Whether the failure is permanent."""
        return self.code >= 500  # noqa: PLR2004 - SMTP's own division


def parse_reply(code: int, text: bytes | str) -> SmtpReply:
    """Parse a reply into one line of printable text, at most `MAX_REPLY_LENGTH` letters."""
    reply_text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return SmtpReply(code, clean_line(reply_text, MAX_REPLY_LENGTH))


def explain_reply(answer: SmtpReply) -> str:
    """Explain a reply in French, followed by the reply itself."""
    meaning = _BY_ENHANCED_CODE.get(_find_subject_code(answer))
    if meaning is None:
        meaning = _BY_CODE.get(answer.code) or (
            "Le serveur du destinataire a refusé le message."
            if answer.is_final
            else "Le serveur du destinataire demande de patienter."
        )
    return quote_reply(meaning, answer)


def refuses_address(answer: SmtpReply) -> bool:
    """Whether the reply means that nothing will ever arrive at this address."""
    return answer.is_final and _find_subject_code(answer) in _REFUSED_ADDRESS_CODES


def _find_subject_code(answer: SmtpReply) -> str:
    """Return the enhanced code without its class, by the text where the code is vague; empty where nothing tells."""
    enhanced = _ENHANCED.search(answer.text)
    code = enhanced[1].partition(".")[2] if enhanced else ""
    if code in _BY_ENHANCED_CODE and code not in _VAGUE_CODES:
        return code
    by_text = next((meaning for meaning, words in _BY_TEXT if words.search(answer.text)), "")
    if not by_text and code not in _BY_ENHANCED_CODE and code.startswith("7."):
        # Exchange has some hundred codes for its filters.
        return "7.1"
    return by_text or code


def parse_report(status: str, diagnostic: str) -> SmtpReply:
    """Return the reply that a delivery report tells of a message that was given up: permanent, whatever it was first.

    `status`: as in RFC 3464, or empty; `diagnostic`: what a server answered, or said of it.
    """
    match = re.match(r"\s*(?:smtp;)?\s*([245]\d\d)[ -]?", diagnostic)
    text = diagnostic[match.end() :] if match else diagnostic
    enhanced = _ENHANCED.search(text)
    if status and (enhanced is None or enhanced[1].partition(".")[2] in _VAGUE_CODES):
        # Before the text's: the first one counts.
        text = f"{status} {text}"
    code = int(match[1]) if match else 550
    return parse_reply(code if code >= 500 else 554, text)  # noqa: PLR2004 - SMTP's own division


def quote_reply(sentence: str, answer: SmtpReply) -> str:
    """Return the sentence followed by the verbatim reply."""
    return f"{sentence}{REPLY_SEPARATOR}{answer.code} {answer.text}".rstrip()


def get_retry_delay(attempts: int) -> datetime.timedelta | None:
    """Return the retry delay after that many attempts; None after the last one."""
    return datetime.timedelta(minutes=_RETRY_MINUTES[attempts - 1]) if attempts < MAX_ATTEMPTS else None


def get_interruption_delay(interruptions: int) -> datetime.timedelta | None:
    """Return the retry delay after that many interruptions; None after the last one."""
    if interruptions >= MAX_INTERRUPTIONS:
        return None
    return datetime.timedelta(minutes=_INTERRUPTION_MINUTES[interruptions - 1])
