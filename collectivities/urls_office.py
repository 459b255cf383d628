"""URLs of the office's pages, on the collectivity's host."""

from django.urls import include, path

from collectivities.views import members, office, portfolio, tokens, webhooks

member_urls = [
    path("", members.members_list, name="list"),
    path("inviter/", members.invite, name="invite"),
    path("invitations/<int:pk>/retirer/", members.withdraw, name="withdraw"),
    path("<int:pk>/roles/", members.roles, name="roles"),
    path("<int:pk>/retirer/", members.remove, name="remove"),
]
# Included by `sites.office.urls`, beside the list and the page of a school.
portfolio_urls = [
    path("ajouter/", portfolio.add, name="add"),
    path("retirer/", portfolio.remove, name="remove"),
]
token_urls = [
    path("", tokens.tokens_list, name="list"),
    path("creer/", tokens.new, name="new"),
    path("<int:pk>/revoquer/", tokens.revoke, name="revoke"),
]
webhook_urls = [
    path("", webhooks.webhooks_list, name="list"),
    path("ajouter/", webhooks.new, name="new"),
    path("<int:pk>/", webhooks.detail, name="detail"),
    path("<int:pk>/modifier/", webhooks.edit, name="edit"),
    path("<int:pk>/secret/", webhooks.rotate, name="rotate"),
    path("<int:pk>/essayer/", webhooks.send_test, name="test"),
    path("<int:pk>/supprimer/", webhooks.remove, name="remove"),
    path("<int:pk>/envois/<int:number>/", webhooks.delivery, name="delivery"),
    path("<int:pk>/envois/<int:number>/rejouer/", webhooks.replay, name="replay"),
]

urlpatterns = [
    path("membres/", include((member_urls, "members"))),
    path("invitation/", members.open_link, name="invitation"),
    # Links of 1.0.0, which are valid for fourteen days.
    path("invitation/<str:token>/", members.open_link, name="invitation"),
    path("invitation/accepter/<int:pk>/", members.accept, name="invitation_accept"),
    path("invitation/deconnexion/<int:pk>/", members.sign_out, name="invitation_sign_out"),
    path("visite/fermer/", office.close, name="office_visit_close"),
    path("visite/fermee/", office.closed, name="office_visit_closed"),
    path("visite/<str:token>/", office.enter, name="office_visit"),
    path("mes-e-mails/arreter/<str:token>/", office.stop, name="letter_stop"),
    path("reglages/", office.edit_settings, name="office_settings"),
    path("reglages/api/", include((token_urls, "tokens"))),
    path("reglages/webhooks/", include((webhook_urls, "webhooks"))),
    path("reglages/securite/", office.edit_second_factor, name="office_second_factor"),
    path("logo.png", office.download_logo, name="logo"),
    path("journal/", office.journal, name="journal"),
    path("journal/export/", office.export, name="journal_export"),
]
