"""Pupils' passwords at rest."""

import base64
import time

import pytest
from django.core.management import call_command

from licensing.classes import passwords
from licensing.entitlements import code_sealing
from tests.factories.classes import PASSWORD, ClassroomFactory, PupilFactory

NEW = "2:" + base64.b64encode(b"another sealing key, for pupils.".ljust(64, b".")).decode()


def test_what_is_stored_shows_nothing_of_the_password_and_is_never_the_same():
    one, two = passwords.encode(PASSWORD), passwords.encode(PASSWORD)
    assert one != two
    assert not any(word in one for word in PASSWORD.split("-"))
    assert len(one) <= 128  # the column's length


def test_the_right_password_matches_in_any_form_and_no_other_does():
    stored = passwords.encode(PASSWORD)
    assert passwords.verify("Bateau Soleil POMME", stored)
    assert not passwords.verify("bateau-soleil-poire", stored)
    assert not passwords.verify("", stored)


def test_the_hash_opens_nothing_without_the_sealing_key(settings):
    """A copy of the database allows no offline guessing: the hash itself is sealed."""
    stored = passwords.encode(PASSWORD)
    settings.SEALING_KEYS = [NEW]
    with pytest.raises(code_sealing.UnsealableCode):
        passwords.verify(PASSWORD, stored)


def test_a_class_of_thirty_is_hashed_while_its_teacher_waits():
    started = time.process_time()
    for _ in range(30):
        passwords.encode(PASSWORD)
    assert time.process_time() - started < 0.5


@pytest.mark.slow
def test_a_sealing_key_is_changed_while_pupils_go_on_signing_in(nimes, settings, capsys):
    classroom = ClassroomFactory()
    pupils = [PupilFactory(classroom=classroom, number=number) for number in (1, 2, 3)]
    settings.SEALING_KEYS = [NEW, *settings.SEALING_KEYS]
    assert passwords.reseal_batch(size=2) == 2  # then an interruption
    for pupil in pupils:
        pupil.refresh_from_db()
        assert passwords.verify(PASSWORD, pupil.password)
    call_command("reseal_keys", batch=2)
    assert "1 mot de passe d'élève" in capsys.readouterr().out
    assert passwords.reseal_batch(size=2) == 0
    settings.SEALING_KEYS = [NEW]  # the old key can be dropped
    for pupil in pupils:
        pupil.refresh_from_db()
        assert passwords.verify(PASSWORD, pupil.password)
        assert not passwords.verify("autre", pupil.password)
