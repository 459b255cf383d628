"""Codes are encrypted at rest, and sealing keys can be rotated online."""

import base64

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from licensing.entitlements import code_sealing, keys, queries
from licensing.entitlements.models import ActivationKey
from tests.factories.licensing import EntitlementFactory, KeyFactory

NEW = "2:" + base64.b64encode(b"new sealing key of 64 bytes.....".ljust(64, b".")).decode()


@pytest.fixture
def entitlement(nimes):
    return EntitlementFactory()


def test_a_sealed_code_shows_nothing_of_it():
    code = keys.generate()
    assert code.encode() not in code_sealing.seal(code).code


def test_sealing_the_same_code_gives_the_same_bytes():
    code = keys.generate()
    assert code_sealing.seal(code) == code_sealing.seal(code)


def test_an_altered_row_does_not_open():
    sealed = code_sealing.seal(keys.generate())
    with pytest.raises(code_sealing.UnsealableCode):
        code_sealing.unseal(sealed.code[:-1] + bytes([sealed.code[-1] ^ 1]), sealed.under)


def test_a_missing_sealing_key_is_named_by_its_number_alone():
    sealed = code_sealing.seal(keys.generate())
    with pytest.raises(code_sealing.UnsealableCode, match="number 9"):
        code_sealing.unseal(sealed.code, 9)


@pytest.mark.parametrize("entries", [[], ["1"], ["1:short"], ["x:" + NEW[2:]], [NEW, NEW], ["40000:" + NEW[2:]]])
def test_settings_that_cannot_work_stop_the_start_without_repeating_a_secret(settings, entries):
    settings.SEALING_KEYS = entries
    with pytest.raises(ImproperlyConfigured) as caught:
        code_sealing.current_key_number()
    assert NEW[2:] not in str(caught.value)


def test_both_keys_are_looked_up_while_codes_are_resealed(entitlement, settings):
    old_code, new_code = keys.generate(), keys.generate()
    old = KeyFactory(code=old_code, entitlement=entitlement)
    settings.SEALING_KEYS = [NEW, *settings.SEALING_KEYS]
    new = KeyFactory(code=new_code, entitlement=entitlement)
    assert (old.sealed_under, new.sealed_under) == (1, 2)
    assert queries.find_key(old_code) == old
    assert queries.find_key(new_code) == new


@pytest.mark.slow
def test_resealing_goes_in_batches_and_is_restartable(entitlement, settings, capsys):
    codes = [keys.generate() for _ in range(5)]
    created = [KeyFactory(code=code, entitlement=entitlement) for code in codes]
    only_old = settings.SEALING_KEYS
    settings.SEALING_KEYS = [NEW, *only_old]
    assert code_sealing.reseal_batch(size=2) == 2  # then an interruption
    assert ActivationKey.objects.filter(sealed_under=2).count() == 2
    assert [queries.find_key(code) for code in codes] == created
    call_command("reseal_keys", batch=2)
    assert capsys.readouterr().out.startswith(
        "3 clés rescellées, 0 mot de passe d'élève, 0 secret de double authentification et 0 secret de webhooks sous la"
    )
    assert not ActivationKey.objects.exclude(sealed_under=2).exists()
    settings.SEALING_KEYS = [NEW]  # the old key can be dropped
    assert [queries.find_key(code) for code in codes] == created
    assert [keys.parse(queries.unseal_key(ActivationKey.objects.get(pk=key.pk))) for key in created] == codes


def test_resealing_again_changes_nothing(entitlement, settings, capsys):
    KeyFactory(entitlement=entitlement)
    settings.SEALING_KEYS = [NEW, *settings.SEALING_KEYS]
    call_command("reseal_keys")
    assert capsys.readouterr().out.startswith("1 clé rescellée, ")
    call_command("reseal_keys")
    assert "0 clé" in capsys.readouterr().out


def test_resealing_names_the_sealing_keys_it_lacks(entitlement, settings):
    KeyFactory(entitlement=entitlement)
    settings.SEALING_KEYS = [NEW]
    with pytest.raises(CommandError, match="n° 1"):
        call_command("reseal_keys")
