"""The e-mail with a key, its reminder, and the notice that a key is void."""

import datetime
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from django.conf import settings

from collectivities.models import OfficeSettings
from core.formatting import curl_apostrophes
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import emails, key_emails, reductions
from mailing import kinds
from mailing.kinds import PRODUCT_SENTENCE
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent


@pytest.fixture
def pool(nimes):
    OfficeSettings.objects.update_or_create(
        id=1,
        defaults={
            "sender_name": "Éducation – Ville de Nîmes",
            "reply_to": "education@nimes.example",
            "contact_name": "Nora Delmas",
            "contact_phone": "04 66 00 00 00",
            "signature": "Le service de l'éducation\n04 66 00 00 00",
        },
    )
    return orders.grant(collectivity=nimes, licences=100, reason="Essai", by=None, at=TERM)


@pytest.fixture
def school(nimes):
    return SchoolFactory(name="Ecole Jean Jaurès", commune="Nîmes")


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)


@pytest.fixture
def rendered(clock):
    """Render the last message as the outbox does."""

    def render():
        message = Message.objects.order_by("-pk").first()
        return kinds.get(message.kind).render(message)

    return render


class Links(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.links, self.tags = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "background")]


def test_the_key_in_the_order_of_the_screen(pool, school, rendered):
    allocation = allocate_units(pool, school, units=3)
    mail, key = rendered(), unseal_key(allocation.key)
    assert mail.subject == "La Ville de Nîmes vous attribue 3 licences Pep's pour l’École Jean Jaurès"
    assert (mail.from_name, mail.reply_to) == ("Éducation – Ville de Nîmes", "education@nimes.example")
    lines = mail.text.splitlines()
    assert f"    {key}" in lines  # alone on its line
    text = mail.text.replace("\u00a0", " ")
    in_order = [
        "La Ville de Nîmes attribue 3 licences Pep's à l’École Jean Jaurès (Nîmes, UAI",
        "jusqu'au 31 août 2027 inclus",
        PRODUCT_SENTENCE,
        f"    {key}",
        f"http://{settings.BASE_DOMAIN}/cle/#cle={key}&jeton=",
        "1. Ouvrez le lien ci-dessus",
        "2. Activez",
        "« 0 sur 3 »",
        "3. Attribuez une licence à chaque enseignant",
        "Une question ? Nora Delmas (Ville de Nîmes) vous répond au 04 66 00 00 00, ou en réponse à cet e-mail",
        "(education@nimes.example).",
        "Le service de l'éducation\n04 66 00 00 00",
    ]
    assert sorted(in_order, key=text.index) == in_order


def test_the_html_says_what_the_text_says(pool, school, rendered):
    allocate_units(pool, school, units=3)
    mail = rendered()
    words = re.sub(r"<(style|title)[^>]*>.*?</\1>|<!--.*?-->|<[^>]+>", " ", mail.html, flags=re.DOTALL)
    words = curl_apostrophes(re.sub(r"[ \xa0]+", " ", unescape(words)))
    for line in curl_apostrophes(mail.text).replace("\xa0", " ").splitlines():
        text = re.sub(r"^\d\. ", "", line.strip()).removesuffix(" :")
        if text and text != "--" and not text.startswith("http"):
            assert text.partition(" :")[0] in words, text


def test_the_button_s_address_is_written_below_it_with_the_key_in_the_fragment(pool, school, rendered):
    allocation = allocate_units(pool, school, units=3)
    mail, key = rendered(), unseal_key(allocation.key)
    button, written = [link for link in Links(mail.html).links if key in link]
    assert button == written == re.search(r"http\S+#cle=\S+", mail.text)[0]
    assert re.search(rf"Copiez cette adresse .*>{re.escape(written.replace('&', '&amp;'))}</a>", collapse(mail.html))
    # Without the link: a short address, and the key.
    assert f"Saisissez la clé à l'adresse http://{settings.BASE_DOMAIN}/cle/" in mail.text.replace("\xa0", " ")


def test_one_link_host_no_image_no_attachment(pool, school, rendered):
    allocate_units(pool, school, units=3)
    html = rendered().html
    parsed = Links(html)
    assert {link.split("/")[2] for link in parsed.links} == {settings.BASE_DOMAIN}
    assert not {"img", "script", "link", "style", "iframe", "form"} & set(parsed.tags)
    assert '<html lang="fr"' in html
    # The key is in the fragment: no server ever sees it.
    assert all("#" in link for link in parsed.links if "cle=" in link)


def test_a_logo_has_one_address_for_everybody(pool, school, rendered):
    OfficeSettings.objects.update(logo=b"png")
    allocate_units(pool, school, units=3)
    html = collapse(rendered().html)
    assert f'<img src="http://nimes.{settings.BASE_DOMAIN}/logo.png" alt=""' in html


def test_a_preview_holds_the_logo_itself_as_it_may_load_nothing(pool, school, clock):
    OfficeSettings.objects.update(logo=b"png")
    allocate_units(pool, school, units=3)
    html = collapse(emails.preview(Message.objects.latest("pk")).html)
    assert '<img src="data:image/png;base64,cG5n" alt=""' in html
    assert "logo.png" not in html


def test_the_note_of_the_collectivity_is_quoted_as_plain_text(pool, school, rendered):
    OfficeSettings.objects.update(letter_note="Bonne <b>rentrée</b> à l'école & à bientôt.")
    allocate_units(pool, school, units=3)
    mail = rendered()
    assert "\nLa Ville de Nîmes ajoute : « Bonne <b>rentrée</b> à l'école & à bientôt. »\n" in mail.text.replace(
        "\xa0", " "
    )
    assert "Bonne &lt;b&gt;rentrée&lt;/b&gt; à l’école &amp; à bientôt." in mail.html
    assert mail.text.index("ajoute") < mail.text.index("Voici votre clé")


def test_a_key_taken_back_quotes_no_note(pool, school, rendered):
    OfficeSettings.objects.update(letter_note="Bonne rentrée.")
    allocation = allocate_units(pool, school, units=3)
    mark_sent()
    reductions.revoke(allocation_id=allocation.pk, by=None, at=TERM)
    assert "Bonne rentrée" not in rendered().text


def test_one_licence_is_singular(pool, school, rendered):
    allocate_units(pool, school, units=1)
    mail = rendered()
    assert mail.subject == "La Ville de Nîmes vous attribue 1 licence Pep's pour l’École Jean Jaurès"
    assert "Elle est valable" in mail.text
    assert "Activer ma licence" in mail.text


def test_a_reminder(pool, school, rendered):
    allocation = allocate_units(pool, school, units=3)
    mark_sent()
    key_emails.remind(allocation_id=allocation.pk, by=None, at=TERM)
    mail = rendered()
    assert mail.subject == "Rappel : 3 licences Pep's attendent l’École Jean Jaurès"
    assert unseal_key(allocation.key) in mail.text


def test_a_key_taken_back(pool, school, rendered):
    allocation = allocate_units(pool, school, units=3)
    mark_sent()
    reductions.revoke(allocation_id=allocation.pk, by=None, at=TERM)
    mail = rendered()
    assert mail.subject == "La clé Pep's envoyée à l’École Jean Jaurès n'est plus valable"
    assert unseal_key(allocation.key) not in mail.text + mail.html


def test_a_school_with_two_keys_learns_which_one_was_taken_back(pool, school, rendered):
    allocation = allocate_units(pool, school, units=3)
    mark_sent()
    reductions.revoke(allocation_id=allocation.pk, by=None, at=TERM)
    key, text = unseal_key(allocation.key), collapse(rendered().text.replace("\u00a0", " "))
    assert "La Ville de Nîmes a repris les 3 licences Pep's attribuées le 24 novembre 2026 à l’École" in text
    assert f"La clé qui se termine par {key[-4:]} ne peut donc plus être activée" in text
    assert "aux autres clés Pep's que vous auriez reçues : gardez-les" in text
    assert key[-9:] not in text
    message = Message.objects.latest("pk")
    assert "qui se termine par •••• ne peut" in kinds.get(message.kind).preview(message).text.replace("\u00a0", " ")


@pytest.mark.slow
def test_a_key_worth_less(pool, school, rendered):
    allocation = allocate_units(pool, school, units=3)
    mark_sent()
    reductions.reduce(pool_id=pool.pk, uai=school.uai, units=1, by=None, at=TERM)
    mail, key = rendered(), unseal_key(allocation.key)
    assert mail.subject == "Votre clé Pep's vaut désormais 1 licence pour l’École Jean Jaurès"
    assert f"    {key}" in mail.text.splitlines()
    text = mail.text.replace("\u00a0", " ")
    assert "La Ville de Nîmes ramène à 1 licence Pep's ce qui était attribué à l’École Jean Jaurès (Nîmes, UAI" in text
    assert "Ce total remplace celui de notre message précédent ; votre clé reste la même" in text
    assert "« 0 sur 1 »" in text
    assert "Activer ma licence" in text
    message = Message.objects.order_by("-pk").first()
    shown = kinds.get(message.kind).preview(message)
    assert key not in shown.text + shown.html
    # Redeemed before the e-mail left: it gives the number and no longer the key.
    allocation.refresh_from_db()
    mark_redeemed(allocation, PrincipalFactory())
    late = rendered()
    assert key not in late.text + late.html
    assert "votre compte est crédité de 1 licence" in late.text.replace("\u00a0", " ")


def test_a_second_volume_before_redemption_carries_the_same_key(pool, school, rendered):
    allocation = allocate_units(pool, school, units=3)
    allocate_units(pool, school, units=2)
    mail = rendered()
    assert "vous attribue 5 licences" in mail.subject
    assert "votre clé reste la même" in mail.text
    assert unseal_key(allocation.key) in mail.text


def test_a_second_volume_after_redemption_asks_for_no_key(pool, school, rendered):
    allocation = allocate_units(pool, school, units=3)
    mark_redeemed(allocation, PrincipalFactory())
    allocate_units(pool, school, units=2)
    mail = rendered()
    assert mail.subject == "La Ville de Nîmes vous attribue 2 licences Pep's de plus pour l’École Jean Jaurès"
    assert "désormais 5" in mail.text
    assert "aucune clé à saisir" in mail.text
    assert unseal_key(allocation.key) not in mail.text + mail.html


@pytest.mark.slow
def test_what_lost_its_reason_does_not_leave(pool, clock):
    allocations = [allocate_units(pool, SchoolFactory(), units=1) for _ in range(3)]
    mark_redeemed(allocations[0], PrincipalFactory())
    # The message is already claimed by a worker at the revocation: the renderer must check.
    type(allocations[1]).objects.filter(pk=allocations[1].pk).update(revoked_at=TERM)
    renderer = emails.KeyEmailRenderer(list(Message.objects.all()))
    outcomes = []
    for message in Message.objects.order_by("pk"):
        try:
            renderer(message)
            outcomes.append("sent")
        except kinds.NoLongerDue as reason:
            outcomes.append(str(reason))
    assert outcomes == ["La clé a été activée avant l'envoi.", "L'attribution a été reprise avant l'envoi.", "sent"]
    pool.entitlement.suspended_at = TERM
    pool.entitlement.save()
    with pytest.raises(kinds.OnHold, match="rétablissement"):
        emails.render(Message.objects.order_by("pk").last())


@pytest.mark.parametrize("count", [1, 20])
def test_a_batch_is_rendered_with_five_queries(pool, clock, count, django_assert_num_queries):
    for _ in range(count):
        allocate_units(pool, SchoolFactory(), units=1)
    batch = list(Message.objects.all())
    with django_assert_num_queries(5):
        renderer = emails.KeyEmailRenderer(batch)
        for message in batch:
            renderer(message)


def test_the_office_s_preview_masks_the_key_until_it_is_asked_for(pool, school, clock):
    allocation = allocate_units(pool, school, units=3)
    message, key = Message.objects.get(), unseal_key(allocation.key)
    masked = kinds.get("key").preview(message)
    assert key not in masked.text + masked.html
    assert "NIMES-••••-••••-••••" in masked.text
    shown = kinds.get("key").reveal(message, by=UserFactory(), at=TERM)
    assert key in shown.text
    allocation.key.refresh_from_db()
    assert allocation.key.exposed_at == TERM


def test_the_outbox_resends_to_a_corrected_address(pool, school):
    allocate_units(pool, school, units=3)
    again = kinds.get("key").resend(
        Message.objects.get(), recipient="autre@exemple.example", by=UserFactory(), at=TERM + datetime.timedelta(1)
    )
    assert (again.kind, again.recipient) == ("key", "autre@exemple.example")


def test_what_people_wrote_is_escaped(pool, rendered):
    allocate_units(pool, SchoolFactory(name="Ecole <b>Jean</b> & Fils"), units=1)
    mail = rendered()
    assert "<b>Jean" not in mail.html
    assert "École <b>Jean</b> & Fils" in mail.text


# --- Whom to ask ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["key", "reminder", "revoked", "reduced", "grown"])
def test_every_letter_names_a_contact_with_a_telephone_and_is_answered_by_them(pool, school, rendered, kind):
    allocation = allocate_units(pool, school, units=3)
    if kind == "reminder":
        mark_sent()
        key_emails.remind(allocation_id=allocation.pk, by=None, at=TERM)
    elif kind == "revoked":
        mark_sent()
        reductions.revoke(allocation_id=allocation.pk, by=None, at=TERM)
    elif kind == "reduced":
        mark_sent()
        reductions.reduce(pool_id=pool.pk, uai=school.pk, units=2, by=None, at=TERM)
    elif kind == "grown":
        mark_redeemed(allocation, PrincipalFactory())
        allocate_units(pool, school, units=2)
    mail = rendered()
    for part in (mail.text, unescape(mail.html)):
        text = " ".join(part.replace("\u00a0", " ").split())
        assert "Nora Delmas (Ville de Nîmes) vous répond au 04 66 00 00 00" in text
    assert mail.reply_to == "education@nimes.example"


def test_an_office_without_settings_is_answered_for_by_its_first_manager(nimes, school, rendered):
    pool = orders.grant(collectivity=nimes, licences=100, reason="Essai", by=None, at=TERM)
    user = UserFactory(first_name="Awa", last_name="Diop", email="awa@nimes.example", phone="04 66 11 11 11")
    MemberFactory(user=UserFactory(), roles=["viewer"])
    MemberFactory(user=user, roles=["manager"])
    allocate_units(pool, school, units=3)
    mail = rendered()
    assert "Awa Diop (Ville de Nîmes) vous répond au 04 66 11 11 11" in mail.text
    assert mail.reply_to == "awa@nimes.example"


def test_a_letter_without_any_number_gives_that_of_pep_s(nimes, school, rendered):
    pool = orders.grant(collectivity=nimes, licences=100, reason="Essai", by=None, at=TERM)
    allocate_units(pool, school, units=3)
    assert "Adressez-vous à Ville de Nîmes. Le service Pep's répond au 08 25 82 01 11." in rendered().text
