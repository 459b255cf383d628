"""`manage.py demo --year`: which year is played, and what the command starts."""

import contextlib
import datetime
import sys

import pytest
from django.core.management import CommandError, call_command

from sites.demo import database, processes
from sites.demo.scenario import DemoScenario, RuleBroken
from sites.demo.year.simulation import YearDemonstration, choose_first_year
from sites.demo.year.story import YearStory


@pytest.fixture
def started(monkeypatch):
    """Note what the command starts and plays, and do nothing of it."""
    noted = []
    monkeypatch.setenv("PEPS_DEMO", "1")
    monkeypatch.setenv("SMTP_PORT", "8025")
    monkeypatch.setattr(database, "reset_database", lambda: noted.append("reset"))

    def run_process(name, *_, **__):
        noted.append(name)
        return contextlib.nullcontext()

    monkeypatch.setattr(processes, "run_process", run_process)
    monkeypatch.setattr(YearDemonstration, "run", lambda _: noted.append("year"))
    monkeypatch.setattr(YearDemonstration, "describe", lambda *_: "")
    monkeypatch.setattr(DemoScenario, "run", lambda _: noted.append("scenario"))
    return noted


@pytest.mark.parametrize(
    ("today", "first_year"),
    [
        ((2026, 9, 30), 2024),
        ((2026, 10, 1), 2025),
        ((2026, 12, 31), 2025),
        ((2027, 1, 1), 2025),
        ((2027, 9, 30), 2025),
        ((2027, 10, 1), 2026),
    ],
)
def test_the_latest_story_that_is_over_is_played(today, first_year):
    assert choose_first_year(datetime.date(*today)) == first_year


@pytest.mark.slow
def test_no_worker_runs_before_the_year_is_over(started, tmp_path, settings):
    settings.DATA = tmp_path
    call_command("demo", "--year", "--no-serve")
    assert started == ["reset", "year", "smtp_sink", "worker"]


def test_without_the_option_a_worker_takes_part_in_the_scenario(started, tmp_path, settings):
    settings.DATA = tmp_path
    call_command("demo", "--no-serve")
    assert started == ["reset", "smtp_sink", "worker", "scenario"]


@pytest.mark.slow
def test_a_broken_rule_ends_the_year_with_its_sentence(started, tmp_path, settings, monkeypatch):
    settings.DATA = tmp_path

    def run(_):
        raise RuleBroken("8. Achetées = libres + …")

    monkeypatch.setattr(YearDemonstration, "run", run)
    with pytest.raises(CommandError, match="8\\. Achetées"):
        call_command("demo", "--year", "--no-serve")


def test_the_page_s_addresses_are_those_of_the_story(db, monkeypatch):
    module = sys.modules[YearDemonstration.__module__]
    monkeypatch.setattr(module, "YearStory", lambda year, scale=0.1: YearStory(year, scale=scale))
    shown = YearDemonstration(print)
    monkeypatch.setattr(shown, "_get_teacher", lambda _: "une.enseignante")
    described = shown.describe(8123)
    for address in (
        "http://chambery.",
        "/rapport/",
        "/demandes/",
        "/reequilibrer/",
        "ales.peps.localhost:8123/reconduire/",
        "/mon-compte/",
        "une.enseignante",
    ):
        assert address in described
    assert ":8123/" in described


@pytest.mark.slow
@pytest.mark.parametrize("first_year", range(2020, 2032))
def test_whatever_the_year_acts_of_schools_are_on_school_days(first_year):
    story = YearStory(first_year)
    schools = [act for act in story.acts if "plan" in act.arguments]
    assert schools
    assert all(story.terms.is_school_day(act.day, act.arguments["plan"].office.zone) for act in schools)
    assert all(story.first_day <= act.day <= story.last_day for act in story.acts)
    assert all(act.day.weekday() < 5 for act in story.acts)


@pytest.mark.slow
@pytest.mark.parametrize("first_year", range(2020, 2032))
def test_whatever_the_year_whoever_acts_has_an_account_by_then(first_year):
    accounts: set[str] = set()
    for act in YearStory(first_year).acts:
        details = act.arguments
        if "plan" not in details:
            continue
        people, head = details["plan"].teachers, details["plan"].head.username
        places = {details[name] for name in ("place", "successor", "giver", "receiver") if name in details}
        places |= set(details.get("places", ()))
        named = {people[place].username for place in places}
        match act.name:
            case "sign_up":
                accounts |= named
            case "redeem_with_new_account":
                accounts.add(head)
            case "accept_invitation":
                assert head in accounts
                assert not named & accounts
                accounts |= named
            case "invite":
                assert head in accounts
                assert not named & accounts
            case "stop_reminders":
                pass
            case _:
                assert named | {head} <= accounts | ({head} if act.name == "ask_principal" else set()), act
