"""The demo empties its database, so it refuses any other than its own."""

import pytest

from sites.demo import database


def test_a_database_that_is_not_the_demonstration_s_is_refused(db, settings, tmp_path):
    settings.DATA = tmp_path / ".data"
    with pytest.raises(database.NotDemoDatabase, match="make demo"):
        database.check_demo_database()


def test_its_own_data_folder_is_accepted(db, settings, tmp_path):
    settings.DATA = tmp_path / "demo"
    database.check_demo_database()
