"""The office's page « Messages »."""

import datetime

import pytest
from django.utils import timezone

from collectivities.capabilities import Role
from core.exceptions import DomainError
from mailing import kinds, operations
from mailing.kinds import RenderedEmail
from mailing.models import Message, MessageState
from tests.factories.collectivities import MemberFactory

HOUR = datetime.timedelta(hours=1)
SECRET = "NIMES-7K3M-Q9TX-2HWB"
asked = []


def reveal(message, *, by, at):
    if message.context.get("revoked"):
        raise DomainError("Cette attribution a été reprise.")
    asked.append((message.pk, by.pk))
    return RenderedEmail(subject="Vos licences", text=f"Votre clé : {SECRET}", html=f"<p>{SECRET}</p>")


def resend(message, *, recipient, by, at):
    if recipient == "refuse@exemple.example":
        raise DomainError("La clé a déjà été activée.")
    return operations.enqueue(kind=message.kind, recipient=recipient, at=at, about=message.about)


@pytest.fixture(autouse=True)
def _kinds():
    asked.clear()
    kinds.register(
        "test_key",
        label="Clé d'essai",
        render=lambda _: None,
        preview=lambda _: RenderedEmail(
            subject="Vos licences", text="Votre clé : ••••", html="<p style='color:red'>Votre clé : ••••</p>"
        ),
        reveal=reveal,
        resend=resend,
    )
    kinds.register("test_invitation", label="Invitation d'essai", render=lambda _: None)
    yield
    kinds.unregister("test_key")
    kinds.unregister("test_invitation")


@pytest.fixture
def message(nimes):
    return operations.enqueue(
        kind="test_key", recipient="ecole@exemple.example", at=timezone.now(), about="École Jean Jaurès (0300001A)"
    )


@pytest.fixture
def manager(nimes, office):
    return office("nimes", MemberFactory(roles=[Role.MANAGER]).user)


@pytest.fixture
def viewer(nimes, office):
    return office("nimes", MemberFactory(roles=[Role.VIEWER]).user)


def set_state(message, state, **fields):
    Message.objects.filter(pk=message.pk).update(state=state, **fields)


def test_without_a_message_the_page_says_what_to_do(viewer):
    page = viewer.get("/messages/").content.decode()
    assert "Aucun e-mail n’a encore été préparé" in page
    assert "hx-trigger" not in page


def test_the_list_shows_states_counts_and_reasons(viewer, message):
    set_state(
        message,
        MessageState.FAILED,
        reason="Cette adresse n'existe pas : corrigez-la. Réponse du serveur : 550 5.1.1 unknown",
    )
    page = viewer.get("/messages/").content.decode()
    assert "École Jean Jaurès (0300001A)" in page
    assert "<strong>1</strong> Échec" in page
    assert "<strong>0</strong> Envoyé" in page
    assert "Cette adresse n’existe pas" in page
    assert "550 5.1.1" not in page


def test_a_deferred_message_says_when_it_is_tried_next(viewer, message):
    due = timezone.localtime() + HOUR
    set_state(message, MessageState.DEFERRED, due_at=due, reason="La boîte du destinataire est pleine.")
    page = viewer.get("/messages/").content.decode()
    assert f"Prochain essai le {due.day} novembre à {due:%H:%M}" in page or "Prochain essai le" in page
    assert "La boîte du destinataire est pleine." in page


@pytest.mark.slow
def test_the_list_refreshes_itself_while_anything_leaves(viewer, message):
    page = viewer.get("/messages/").content.decode()
    assert 'hx-trigger="every 3s"' in page
    assert "Actualiser" in page
    part = viewer.get("/messages/", headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]
    set_state(message, MessageState.SENT, sent_at=timezone.now())
    assert "hx-trigger" not in viewer.get("/messages/", headers={"HX-Request": "true"}).content.decode()


def test_a_message_due_later_does_not_keep_the_list_refreshing(viewer, nimes):
    operations.enqueue(
        kind="test_key", recipient="a@exemple.example", at=timezone.now(), due_at=timezone.now() + 24 * HOUR
    )
    page = viewer.get("/messages/").content.decode()
    assert "hx-trigger" not in page
    assert "Partira le" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("texte=jaures", {"jaures"}),
        ("texte=ECOLE+jaur%C3%A8s", {"jaures"}),
        ("texte=zola%40", {"zola"}),
        ("texte=rien", set()),
        ("etat=failed", {"zola"}),
        ("etat=sent", set()),
        ("type=test_key", {"jaures", "zola"}),
        ("type=test_invitation", {"colleague"}),
        ("etat=nonsense", {"jaures", "zola", "colleague"}),
    ],
)
def test_the_list_is_filtered_by_state_kind_and_words(viewer, query, found):
    for kind, name, about in [
        ("test_key", "jaures", "École Jean Jaurès"),
        ("test_key", "zola", "École Émile Zola"),
        ("test_invitation", "colleague", ""),
    ]:
        message = operations.enqueue(kind=kind, recipient=f"{name}@exemple.example", at=timezone.now(), about=about)
        if name == "zola":
            set_state(message, MessageState.FAILED, reason="Non.")
    page = viewer.get(f"/messages/?{query}").content.decode()
    assert {name for name in ("jaures", "zola", "colleague") if f"{name}@exemple.example" in page} == found
    assert ("Aucun message ne répond" in page) == (not found)


@pytest.mark.slow
def test_the_list_takes_a_constant_number_of_queries(viewer, message, django_assert_num_queries):
    def queries():
        with django_assert_num_queries(10):  # two search_paths, host, session with user, member, kinds, count…
            viewer.get("/messages/")

    viewer.get("/messages/")
    queries()
    operations.enqueue_many(
        [operations.NewMessage(kind="test_key", recipient=f"{n}@exemple.example") for n in range(120)],
        at=timezone.now(),
    )
    queries()


def test_the_detail_shows_the_message_with_its_key_masked_in_a_frame_of_its_own(viewer, message):
    answer = viewer.get(f"/messages/{message.pk}/")
    page = answer.content.decode()
    assert f'src="/messages/{message.pk}/apercu/"' in page
    assert "sandbox></iframe>" in page
    assert "frame-src 'self'" in answer["Content-Security-Policy"]
    assert "style-src 'self'" in answer["Content-Security-Policy"]
    assert SECRET not in page
    assert "Afficher la clé" not in page
    assert "Renvoyer" not in page

    frame = viewer.get(f"/messages/{message.pk}/apercu/")
    assert frame.content.decode() == "<p style='color:red'>Votre clé : ••••</p>"
    policy = frame["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert frame["X-Frame-Options"] == "SAMEORIGIN"


def test_htmx_gets_the_state_only(viewer, message):
    part = viewer.get(f"/messages/{message.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert part.strip().startswith('<div id="message-progress"')
    assert 'hx-trigger="every 3s"' in part


def test_a_manager_reveals_the_key_and_the_owning_app_is_notified(manager, message):
    page = manager.get(f"/messages/{message.pk}/").content.decode()
    assert SECRET not in page
    assert "Afficher la clé" in page
    assert manager.get(f"/messages/{message.pk}/cle/").status_code == 405
    answer = manager.post(f"/messages/{message.pk}/cle/")
    assert SECRET in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert [pk for pk, _ in asked] == [message.pk]


def test_the_owning_app_may_refuse_to_reveal_the_key(manager, message):
    Message.objects.filter(pk=message.pk).update(context={"revoked": True})
    page = manager.post(f"/messages/{message.pk}/cle/", follow=True).content.decode()
    assert "Cette attribution a été reprise." in page
    assert SECRET not in page


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.VIEWER, Role.BUYER, Role.DATA_OFFICER])
def test_others_neither_see_the_key_nor_send_again(office, nimes, message, role):
    member = office("nimes", MemberFactory(roles=[role]).user)
    assert member.get("/messages/").status_code == 200
    assert member.get(f"/messages/{message.pk}/").status_code == 200
    assert member.post(f"/messages/{message.pk}/cle/").status_code == 403
    assert member.post(f"/messages/{message.pk}/renvoyer/", {"recipient": "b@exemple.example"}).status_code == 403
    assert Message.objects.count() == 1


def test_an_address_is_corrected_and_the_message_sent_again(manager, message):
    set_state(message, MessageState.FAILED, reason="Non.")
    assert "Corriger l’adresse et renvoyer" in manager.get(f"/messages/{message.pk}/").content.decode()
    answer = manager.post(f"/messages/{message.pk}/renvoyer/", {"recipient": "juste@exemple.example"}, follow=True)
    new = Message.objects.latest("pk")
    assert answer.redirect_chain == [(f"/messages/{new.pk}/", 302)]
    assert (new.recipient, new.state) == ("juste@exemple.example", MessageState.QUEUED)
    assert "Un nouveau message est en route vers juste@exemple.example." in answer.content.decode()


@pytest.mark.parametrize(
    ("recipient", "sentence"),
    [("pas une adresse", "adresse e-mail valide"), ("", "obligatoire"), ("refuse@exemple.example", "déjà été activée")],
)
def test_a_refused_resend_says_why_and_sends_nothing(manager, message, recipient, sentence):
    answer = manager.post(f"/messages/{message.pk}/renvoyer/", {"recipient": recipient})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert Message.objects.count() == 1


@pytest.mark.slow
def test_a_message_with_a_personal_link_is_never_shown(manager, nimes):
    message = operations.enqueue(kind="test_invitation", recipient="a@exemple.example", at=timezone.now())
    page = manager.get(f"/messages/{message.pk}/").content.decode()
    assert "n’a pas d’aperçu" in page
    assert "Renvoyer" not in page
    assert manager.get(f"/messages/{message.pk}/apercu/").status_code == 404
    assert manager.post(f"/messages/{message.pk}/cle/").status_code == 404
    assert manager.post(f"/messages/{message.pk}/renvoyer/", {"recipient": "b@exemple.example"}).status_code == 404


@pytest.mark.slow
def test_a_message_of_an_unknown_kind_is_still_listed(manager, nimes):
    message = operations.enqueue(kind="forgotten", recipient="a@exemple.example", at=timezone.now())
    assert manager.get("/messages/").status_code == 200
    assert manager.get(f"/messages/{message.pk}/").status_code == 200
    assert manager.post(f"/messages/{message.pk}/cle/").status_code == 404
