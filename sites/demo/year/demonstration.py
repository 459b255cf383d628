"""`manage.py demo --year`: the simulated year, so placed that it ends yesterday, and where to look at it."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import long_date, number
from licensing.pools.positions import list_pool_positions
from sites.audit.checks import check_all
from sites.demo.people import PASSWORD
from sites.demo.year.letters import write_letters
from sites.demo.year.places import OFFICES, OPERATOR
from sites.demo.year.school_story import SchoolYearStory
from sites.demo.year.simulation import YearSimulation
from sites.demo.year.story import YearStory
from sites.demo.year.world import YearWorld

_DAY = datetime.timedelta(days=1)
LETTERS_FILE = "lettres.txt"


class RuleBroken(Exception):
    """The audit of the year found something."""


def choose_first_year(today: datetime.date) -> int:
    """Return the latest year in which a story can begin whose last day is over."""
    year = today.year - 1
    return year if YearStory(year, scale=0).last_day < today else year - 1


class YearDemonstration:
    """One run. `print_line` prints a line."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print_line = print_line
        self._today = date_in_paris(timezone.now())
        self.story = YearStory(choose_first_year(self._today))

    def run(self) -> None:
        """Play the year until yesterday, write its letters to a file, and check all rules."""
        started = time.monotonic()
        self._print_line(
            f"\nUne année de {len(OFFICES)} collectivités, {number(len(self.story.plans))} écoles et "
            f"{number(sum(len(plan.teachers) for plan in self.story.plans))} enseignants, jour après jour, "
            f"du {long_date(self.story.first_day)} à hier."
        )
        simulation = YearSimulation(self.story, on_evening=self._print_month)
        # The seals of a year's journals would be a thousand lines.
        logging.disable(logging.INFO)
        try:
            world = simulation.run(until=self._today - _DAY)
        finally:
            logging.disable(logging.NOTSET)
        letters: Path = settings.DATA / LETTERS_FILE
        letters.write_text(write_letters(simulation.book.letters), encoding="utf-8")
        self._add_up(world)
        self._print_line(
            f"   {number(len(simulation.book.letters))} lettres, par destinataire et dans l'ordre : {letters}\n"
            f"   ({time.monotonic() - started:.0f} s)"
        )

    def describe(self, port: int) -> str:
        """Return the accounts, and what to look at with each."""
        portal = f"http://{settings.BASE_DOMAIN}:{port}/"
        head = self._choose_school()
        people = [
            (
                f"{office.name:<24} http://{office.slug}.{settings.BASE_DOMAIN}:{port}/\n"
                f"  gestionnaire : {office.manager.username}   acheteur : {office.buyer.username}   "
                f"référent données : {office.officer.username}"
            )
            for office in OFFICES
        ]
        ales = f"http://ales.{settings.BASE_DOMAIN}:{port}/"
        chambery = f"http://chambery.{settings.BASE_DOMAIN}:{port}/"
        places = [
            ("l'accueil d'un gestionnaire", chambery, "claire"),
            ("le rapport pour le conseil", f"{chambery}rapport/", "claire"),
            ("les demandes des écoles", f"{chambery}demandes/", "claire"),
            ("rééquilibrer un lot", f"{chambery}distribuer/reequilibrer/", "claire"),
            ("la reconduction, donnée aux écoles le 1er septembre", f"{ales}reconduire/", "antoine"),
            ("« Mon compte » d'une direction : ses enseignants", f"{portal}mon-compte/", head.plan.mailbox),
            ("les « Années passées » de ses licences", f"{portal}mon-compte/licences/", head.plan.mailbox),
            ("« Mes classes » d'une enseignante ou d'un enseignant", f"{portal}mes-classes/", self._get_teacher(head)),
        ]
        return "\n".join(
            [
                f"\nLe portail               {portal}",
                *people,
                f"L'exploitant             {portal}admin/   {OPERATOR.username}",
                f"Mot de passe de tous     {PASSWORD}",
                "À voir :",
                *(f"  {what} : {address}   {account}" for what, address, account in places),
                "Ctrl-C pour arrêter.",
            ]
        )

    def _print_month(self, day: datetime.date) -> None:
        if day.day == 1:
            self._print_line(f"   {long_date(day)}")

    def _add_up(self, world: YearWorld) -> None:
        for office in world.offices.values():
            with tenant_context(office):
                for position in list_pool_positions():
                    self._print_line(
                        f"   {office.name}, {position.name} : {position.bought} achetées = {position.free} libres "
                        f"+ {position.issued} non activées + {position.redeemed_free} activées, non utilisées "
                        f"+ {position.held} utilisées."
                    )
        findings = check_all()
        if broken := [f"{finding.rule} : {'; '.join(finding.examples)}" for finding in findings if finding.broken]:
            raise RuleBroken("\n".join(broken))
        self._print_line(f"   audit : {len(findings)} règles vérifiées sur toutes les collectivités, aucune rompue.")

    def _choose_school(self) -> SchoolYearStory:
        """Return a school in its second year, where a class was taken along."""
        return next(one for one in self.story.second.values() if one.classes)

    def _get_teacher(self, school: SchoolYearStory) -> str:
        place = min(school.classes)
        return User.objects.get(email=school.plan.teachers[place].email).username
