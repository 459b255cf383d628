"""Log lines and responses have the number of their request; lines are JSON where that is asked for."""

import io
import json
import logging
import logging.config
import re
import subprocess
import sys
import threading

import pytest
from django.core.exceptions import ImproperlyConfigured

from collectivities.capabilities import Role
from config.observability import build_logging
from core.telemetry import ContextFilter, JsonFormatter, LineFormatter, log_context
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.workers import ROOT, build_environment

NUMBER = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def lines():
    """Return a function that has a logger write as the settings have it, and returns it with what reads its lines."""
    opened = []

    def open_logger(form, name="tests.lines"):
        output = io.StringIO()
        handler = logging.StreamHandler(output)
        handler.setFormatter(JsonFormatter() if form == "json" else LineFormatter())
        handler.addFilter(ContextFilter())
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        opened.append((logger, handler))
        return logger, lambda: output.getvalue().splitlines()

    yield open_logger
    for logger, handler in opened:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def test_a_response_has_the_number_of_its_request(portal):
    first, second = (portal.get("/mentions-legales/")["X-Request-ID"] for _ in range(2))
    assert NUMBER.fullmatch(first)
    assert NUMBER.fullmatch(second)
    assert first != second


@pytest.mark.parametrize(("given", "is_kept"), [("proxy-0123456789ab", True), ("short", False), ("a" * 65, False)])
def test_the_number_of_the_proxy_is_kept_where_it_looks_like_one(portal, given, is_kept):
    assert (portal.get("/", headers={"x-request-id": given})["X-Request-ID"] == given) is is_kept


@pytest.mark.parametrize("given", ['12345678" }', "12345678 level=ERROR", "<script>12345678"])
def test_nothing_else_reaches_a_line(portal, given):
    assert NUMBER.fullmatch(portal.get("/", headers={"x-request-id": given})["X-Request-ID"])


def test_the_lines_of_a_request_have_its_number(portal, lines):
    _, read = lines("json", "django.request")
    answer = portal.get("/rien/", headers={"x-request-id": "proxy-0123456789ab"})
    assert answer.status_code == 404
    logging.getLogger("django.request").warning("Entre deux requêtes")
    line, between = (json.loads(one) for one in read())
    assert "request" not in between
    assert (line["message"], line["level"], line["request"]) == ("Not Found: /rien/", "WARNING", "proxy-0123456789ab")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["at"])


def test_a_refusal_says_to_which_account(office, nimes, caplog):
    viewer, stranger = MemberFactory(roles=[Role.VIEWER]).user, UserFactory()
    assert office("nimes", viewer).get("/ecoles/").status_code == 200
    office("nimes", viewer).get("/reglages/")
    office("nimes", stranger).get("/reglages/")
    refused = [record.getMessage() for record in caplog.records if record.name == "web.middleware"]
    assert refused == [f"Answered 403 to account {viewer.pk}", f"Answered 404 to account {stranger.pk}"]


def test_a_line_says_what_it_is_of_and_forgets_it_afterwards(lines):
    logger, read = lines("line")
    with log_context(job="12", task="mailing.drain"):
        logger.info("Une ligne")
        with log_context(request="7"):
            logger.info("Une autre")
    logger.info("Une troisième")
    assert [line.split("tests.lines ")[1] for line in read()] == [
        "[job 12] [task mailing.drain] Une ligne",
        "[job 12] [task mailing.drain] [request 7] Une autre",
        "Une troisième",
    ]


def test_threads_do_not_share_it(lines):
    logger, read = lines("json")
    with log_context(request="ours"):
        other = threading.Thread(target=logger.info, args=("theirs",))
        other.start()
        other.join()
    assert "request" not in json.loads(read()[0])


def test_a_traceback_and_a_line_break_stay_in_one_line(lines):
    logger, read = lines("json")
    try:
        int("première\nseconde")
    except ValueError:
        logger.exception("Échec\nde deux lignes")
    [line] = read()
    assert json.loads(line)["message"] == "Échec\nde deux lignes"
    assert "ValueError: invalid literal" in json.loads(line)["traceback"]


def test_a_line_for_people_is_one_and_says_its_hour_s_distance_to_utc(lines):
    logger, read = lines("line")
    logger.info("Première\r\n2026-12-01T09:00:00+0100 ERROR forgée\u2028encore")
    [line] = read()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} INFO tests\.lines Première\\n2026", line)


def test_another_form_is_refused():
    with pytest.raises(ImproperlyConfigured, match="LOG_FORMAT must be one of line, json"):
        build_logging("INFO", "xml")


@pytest.mark.parametrize("form", ["line", "json"])
def test_logging_takes_what_is_built(form):
    configured = build_logging("INFO", form)
    assert set(configured["formatters"]) == {configured["handlers"]["console"]["formatter"]} == {form}
    logging.config.DictConfigurator(configured).configure_handler(configured["handlers"]["console"] | {"filters": []})


@pytest.mark.slow
@pytest.mark.parametrize("level", ["DEBUG", "ERROR"])
def test_the_level_is_that_of_django_s_own_loggers_too(db, level):
    code = "import django, logging; django.setup(); print(logging.getLogger('django.request').getEffectiveLevel())"
    environment = build_environment(LOG_LEVEL=level, DJANGO_SETTINGS_MODULE="config.settings")
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    assert answer.stdout.strip() == str(logging.getLevelNamesMapping()[level])
