"""The weekly letter, rendered when it is sent from what is to be done then."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils import timezone

from collectivities.letters import build_stop_url, describe_membership, find_recipient, get_week, is_working_day
from collectivities.models import Letter, Member, MemberLetter
from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from core.formatting import collectivity_forms
from mailing import kinds
from mailing.kinds import EmailItem, NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from sites.office.home.to_do import TodoItem
from sites.office.weekly_letter.member_items import list_member_items, load_week
from sites.office.weekly_letter.writing import WEEKLY_KIND
from tenants.models import Collectivity

#: Lines that a letter shows; the home page has the others.
MAX_ITEMS = 12


def build_renderer(messages: Sequence[Message]) -> Callable[[Message], RenderedEmail]:
    """Load once what the letters of an office say, and return a function that renders each."""
    now = timezone.now()
    week = load_week(now)
    letters = MemberLetter.objects.in_bulk([message.topic_id for message in messages])
    office = Collectivity.objects.get(schema_name=connection.schema_name)

    def render_one(message: Message) -> RenderedEmail:
        letter = letters[message.topic_id or 0]
        today = date_in_paris(now)
        if not is_working_day(today) or get_week(today) != letter.period:
            raise NoLongerDue("La lettre n'a pas pu partir un jour ouvré de sa semaine.")
        member = find_recipient(letter.member_id, Letter.WEEKLY)
        if member is None:
            raise NoLongerDue("Cette personne a quitté le bureau, ou ne veut plus de cette lettre.")
        items = list_member_items(member, week)
        if not items:
            raise NoLongerDue("Plus rien n'était à faire à l'envoi.")
        return _build(member, office, items)

    return render_one


def render(message: Message) -> RenderedEmail:
    """Render the letter for sending. Raises `NoLongerDue`."""
    return build_renderer([message])(message)


def _build(member: Member, office: Collectivity, items: Sequence[TodoItem]) -> RenderedEmail:
    of_office = collectivity_forms(office.name).of_the
    points = formatting.pluralize(len(items), "point")
    others = len(items) - MAX_ITEMS
    more = formatting.pluralize(others, "autre point est", "autres points sont")
    return render_email(
        greeting=format_salutation(member.user.first_name),
        subject=f"Cette semaine au bureau {of_office} : {points} à voir",
        paragraphs=[f"Voici ce qui attend un geste de votre part au bureau {of_office}."],
        items=[EmailItem(one.words, office.office_url(one.url), one.action) for one in items[:MAX_ITEMS]],
        button="Ouvrir le bureau",
        address=office.office_url(),
        notes=[f"{more} sur la page d'accueil du bureau."] if others > 0 else [],
        reason=(
            f"Vous recevez cette lettre, une fois par semaine au plus, parce que {describe_membership(member, office)}"
            " et que quelque chose y attend ; les semaines sans rien de nouveau, elle ne vient pas. Vous choisissez vos"
            " lettres à la page « Mes e-mails » du bureau."
        ),
        unsubscribe_url=build_stop_url(office, member.pk, Letter.WEEKLY),
    )


kinds.register(WEEKLY_KIND, label="Lettre de la semaine", render=render, prefetch=build_renderer)
