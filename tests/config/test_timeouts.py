"""The limits of a connection: how long it takes to open, to be noticed as dead, to answer, to stay idle."""

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from procrastinate.contrib.django.utils import connector_params

from config.database import CONNECTION_DEFAULTS, from_url
from core.database_access import WEB_TIMEOUTS, WORKER_TIMEOUTS, apply_timeouts


def test_a_dead_server_is_noticed_by_default():
    assert from_url("postgresql://u:p@h/d")["OPTIONS"] == CONNECTION_DEFAULTS
    assert CONNECTION_DEFAULTS.keys() >= {"connect_timeout", "keepalives_idle", "tcp_user_timeout"}


def test_the_url_comes_before_the_defaults():
    options = from_url("postgresql://u:p@h/d?connect_timeout=2&tcp_user_timeout=9000&sslmode=require")["OPTIONS"]
    assert (options["connect_timeout"], options["tcp_user_timeout"], options["sslmode"]) == (2, 9000, "require")


def test_timeouts_of_the_url_are_no_parameter_of_a_command():
    settings = from_url("postgresql://u:p@h/d?statement_timeout=5s")
    assert settings["OPTIONS"] == CONNECTION_DEFAULTS
    apply_timeouts(settings, WEB_TIMEOUTS)
    assert settings["OPTIONS"]["options"] == "-c statement_timeout=5s -c idle_in_transaction_session_timeout=60s"


def test_the_url_s_own_options_come_last():
    settings = from_url("postgresql://u:p@h/d?options=-c%20statement_timeout%3D7s")
    apply_timeouts(settings, WEB_TIMEOUTS)
    assert settings["OPTIONS"]["options"].endswith(" -c statement_timeout=7s")


@pytest.mark.parametrize("value", ["soon", "5s -c x=y", "-1"])
def test_a_timeout_that_is_no_duration_is_refused(value):
    with pytest.raises(ImproperlyConfigured, match="statement_timeout of DATABASE_URL"):
        from_url(f"postgresql://u:p@h/d?statement_timeout={value}")


def test_procrastinate_s_connections_have_them_too(db, settings):
    given = dict(settings.DATABASES["default"])
    given["OPTIONS"] = dict(given["OPTIONS"])
    apply_timeouts(given, WORKER_TIMEOUTS)
    parameters = connector_params() | given["OPTIONS"]
    assert parameters.keys() >= CONNECTION_DEFAULTS.keys()
    with psycopg.connect(**parameters) as connection:
        for name, value in WORKER_TIMEOUTS.items():
            assert connection.execute(f"SHOW {name}").fetchone() == (value,)


def test_a_statement_that_takes_too_long_is_ended(db, settings):
    given = dict(settings.DATABASES["default"])
    given["OPTIONS"] = dict(given["OPTIONS"])
    apply_timeouts(given, {"statement_timeout": "100ms"})
    with (
        psycopg.connect(**(connector_params() | given["OPTIONS"])) as connection,
        pytest.raises(psycopg.errors.QueryCanceled),
    ):
        connection.execute("SELECT pg_sleep(20)")
