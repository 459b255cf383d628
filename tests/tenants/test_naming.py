"""Slugs, key prefixes and SIREN."""

import pytest

from tenants import provisioning


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Ville de Nîmes", "nimes"),
        ("Commune d'Alès", "ales"),
        ("Département du Gard", "gard"),
        ("Conseil départemental de l'Hérault", "herault"),
        ("Communauté d'agglomération du Cœur-de-Loire", "coeur-de-loire"),
        ("Ville du Mans", "mans"),
        ("Métropole", "metropole"),
        ("Syndicat mixte " + "très long " * 9, "tres-long-tres-long-tres-long-tres-long"),
    ],
)
def test_a_slug_is_derived_from_the_name(name, slug):
    assert provisioning.derive_slug(name) == slug
    assert provisioning.check_slug(slug) is None


@pytest.mark.parametrize("slug", ["", "-a", "a-", "a_b", "Nimes", "nîmes", "a.b", "x" * 41, "xn--nmes-1va"])
def test_an_invalid_hostname_is_refused(slug):
    assert "adresse" in provisioning.check_slug(slug)


@pytest.mark.parametrize("slug", ["www", "admin", "api", "mail"])
def test_reserved_slugs_are_refused(slug):
    assert "réservée" in provisioning.check_slug(slug)


def test_a_key_prefix_is_derived_from_the_slug():
    assert provisioning.derive_key_prefix("saint-denis-93210") == "SAINTDENIS"
    assert provisioning.derive_key_prefix("cc-30100") == "CC3"


@pytest.mark.parametrize("prefix", ["", "A", "NÎMES", "TOOLONGPREFIX", "A-B", "nimes"])
def test_prefixes_that_cannot_be_read_aloud_are_refused(prefix):
    assert "ne convient pas" in provisioning.check_key_prefix(prefix)


@pytest.mark.parametrize("prefix", ["GARD30", "A1"])
def test_digits_taken_for_letters_are_refused(prefix):
    assert "confusion" in provisioning.check_key_prefix(prefix)


def test_a_siren_is_checked():
    assert provisioning.check_siren(provisioning.clean_siren("213 001\u00a0894")) is None
    assert "faute de frappe" in provisioning.check_siren("213001895")
    assert "faute de frappe" in provisioning.check_siren("000000000")
    assert "9 chiffres" in provisioning.check_siren("21300189")
    assert "9 chiffres" in provisioning.check_siren("21300189٤")
