"""« Vérification » and after: rows resolved one by one or in bulk, confirmed, applied, undone."""

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from imports import queries, tasks
from imports.enums import ConflictResolution, ImportState, Purpose
from imports.models import ImportRow, SpreadsheetImport
from imports.operations import apply_rows, row_edits, upload
from imports.wording import describe_time_left
from licensing.pools.models import Allocation
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.imports.actions import upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv
from tests.key_states import copy_everywhere
from tests.refusals import refuses

pytestmark = pytest.mark.slow

HTMX = {"HX-Request": "true"}


def row(spreadsheet_import, number):
    return ImportRow.objects.get(import_id=spreadsheet_import.pk, number=number)


def allocate_by_import(pool, school, units):
    """Allocate licences of the pool to a school, by a separate import."""
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, units)), filename="avant.csv")
    confirm_import(spreadsheet_import)
    tasks.apply(import_id=spreadsheet_import.pk)
    return spreadsheet_import


def confirm_import(spreadsheet_import):
    return apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        by=None,
        at=TERM,
    )


def post_confirmation(browser, spreadsheet_import, **more):
    """Open the confirmation page and post it."""
    form = browser.get(import_url("confirm", spreadsheet_import.pk)).context["form"]
    return browser.post(
        import_url("confirm", spreadsheet_import.pk), {"digest": form.initial["digest"], "when": "now"} | more
    )


def test_a_row_is_corrected_with_htmx_and_without(officer, pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, "x"), (SchoolFactory(), 1)))
    back = import_url("detail", spreadsheet_import.pk) + "?onglet=error"
    here = import_url("row", spreadsheet_import.pk, 0, 2)
    page = page_text(officer.get(here, {"retour": back}))
    assert "Corriger la ligne 2" in page
    assert "<html" in page
    part = page_text(officer.get(here, {"retour": back}, headers=HTMX))
    assert "<html" not in part
    assert 'name="units"' in part
    form = {"uai": school.uai, "units": "2", "email": "", "action": "fix", "retour": back}
    assert officer.post(here, form)["Location"] == back
    assert row(spreadsheet_import, 2).units == 2
    part = page_text(officer.post(here, form | {"units": "3"}, headers=HTMX))
    assert 'id="ligne-0-2"' in part
    assert "<html" not in part
    assert "<strong>4 licences</strong>" in part
    officer.post(here, {"action": "tick"}, headers=HTMX)
    assert not row(spreadsheet_import, 2).ticked
    officer.post(here, {"action": "tick", "ticked": "1"})
    assert row(spreadsheet_import, 2).ticked
    officer.post(here, {"action": "ignore"})
    assert row(spreadsheet_import, 2).set_aside
    officer.post(here, {"action": "restore"})
    assert not row(spreadsheet_import, 2).set_aside


def test_the_return_address_never_leaves_the_imports_pages(officer, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    for elsewhere in ("https://ailleurs.example/", "//ailleurs.example/imports/", "/autre/"):
        answer = officer.post(import_url("row", spreadsheet_import.pk, 0, 2), {"action": "ignore", "retour": elsewhere})
        assert answer["Location"] == import_url("detail", spreadsheet_import.pk)


def test_the_school_is_chosen_among_the_proposals_or_found_in_the_directory(officer, pool):
    one = SchoolFactory(name="Ecole élémentaire Les Oliviers", commune="Alès")
    two = SchoolFactory(name="Ecole maternelle Les Oliviers", commune="Alès")
    spreadsheet_import = upload_and_parse(pool, schools_csv((next_uai(), 2), ("", 1)))
    ImportRow.objects.filter(import_id=spreadsheet_import.pk, number=2).update(
        proposals=[{"uai": one.uai, "label": "École Les Oliviers – Alès", "score": 0.7}]
    )
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert f"Choisir École Les Oliviers – Alès ({one.uai})" in page
    part = page_text(
        officer.get(import_url("row", spreadsheet_import.pk, 0, 2), {"ecole": "oliviers ales"}, headers=HTMX)
    )
    assert f"Choisir École maternelle Les Oliviers – 30000 Alès ({two.uai})" in part
    none = page_text(officer.get(import_url("row", spreadsheet_import.pk, 0, 2), {"ecole": "xyzzy"}, headers=HTMX))
    assert "Aucune école de l’annuaire ne répond à « xyzzy »" in none
    officer.post(import_url("row", spreadsheet_import.pk, 0, 2), {"action": "choose", "uai": one.uai}, headers=HTMX)
    assert row(spreadsheet_import, 2).uai == one.uai
    assert "choisie par vous" in page_text(
        officer.get(import_url("detail", spreadsheet_import.pk), {"onglet": "toutes"})
    )


def test_the_match_confidence_is_shown_in_words(officer, pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(
        pool, schools_csv((school.uai, 2, "Éc. Zola", "Nîmes"), titles=("UAI", "Licences", "École", "Commune"))
    )
    for match_method, confidence, words in (
        ("name", 0.999, "trouvée par son nom, sans aucun doute"),
        ("name", 0.98, "trouvée par son nom, sans aucun doute"),
        ("repaired", 0.9, "trouvée par son UAI rétabli, probablement"),
    ):
        ImportRow.objects.filter(import_id=spreadsheet_import.pk).update(
            match_method=match_method, confidence=confidence
        )
        page = page_text(officer.get(import_url("detail", spreadsheet_import.pk), {"onglet": "toutes"}))
        assert words in page
        assert f"le fichier dit « {school.uai if match_method == 'repaired' else 'Éc. Zola – Nîmes'} »" in page


def test_rows_that_need_attention_come_first(officer, pool):
    good, bad = SchoolFactory(name="École Zola"), SchoolFactory(name="École Sand")
    spreadsheet_import = upload_and_parse(pool, schools_csv((good, 1), (bad, "x")))
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "École Sand" in page
    assert "École Zola" not in page
    assert "École Zola" in page_text(officer.get(import_url("detail", spreadsheet_import.pk), {"onglet": "toutes"}))
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=3, edits={"units": "1"}, by=None, at=TERM)
    assert "École Zola" in page_text(officer.get(import_url("detail", spreadsheet_import.pk)))


def test_rows_are_found_by_tab_words_and_problem_and_acted_on_together(officer, pool):
    nimes = SchoolFactory(name="École Jean-Jaurès")
    spreadsheet_import = upload_and_parse(
        pool, schools_csv((nimes, 1), (SchoolFactory(name="École Zola"), 1), (next_uai(), 1), ("0000001A", 1))
    )
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk), {"onglet": "new", "q": "JAURES"}))
    assert "Jean-Jaurès" in page
    assert "Zola" not in page
    assert "1 école inconnue de l’annuaire" in page
    unknown = {"remarque": "unknown_school", "etat": "to_resolve"}
    only = page_text(officer.get(import_url("detail", spreadsheet_import.pk), {"onglet": "toutes"} | unknown))
    assert 'id="ligne-0-4"' in only
    assert 'id="ligne-0-2"' not in only

    def act(action, **fields):
        answer = officer.post(import_url("bulk", spreadsheet_import.pk), {"action": action} | fields, follow=True)
        return page_text(answer).split('id="messages"')[1].split("</div>")[0]

    assert "1 ligne décochée." in act("untick", onglet="new", q="jaures")
    assert list(ImportRow.objects.filter(ticked=True).values_list("number", flat=True)) == [3]
    assert "1 ligne cochée." in act("tick", onglet="new")
    assert "aucune de ces lignes n’a de proposition assez sûre" in act("choose", onglet="error")
    assert "1 ligne gardée" in act("await", **unknown)
    kept = row(spreadsheet_import, 4)
    assert (kept.set_aside, kept.awaited) == (True, True)
    assert "1 ligne mise de côté." in act("ignore", onglet="error")
    assert "toutes ces écoles sont déjà" in act("add_to_portfolio")


def test_schools_outside_the_portfolio_are_added_one_by_one_or_together(officer, pool):
    PortfolioSchoolFactory()
    one, two = SchoolFactory.create_batch(2)
    spreadsheet_import = upload_and_parse(pool, schools_csv((one, 1), (two, 1)))
    assert "Ajouter au périmètre" in page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    officer.post(import_url("row", spreadsheet_import.pk, 0, 2), {"action": "add_to_portfolio"}, headers=HTMX)
    assert row(spreadsheet_import, 2).codes == []
    assert row(spreadsheet_import, 3).codes == ["not_in_portfolio"]
    officer.post(import_url("bulk", spreadsheet_import.pk), {"action": "add_to_portfolio"})
    assert row(spreadsheet_import, 3).codes == []


def test_a_conflict_is_resolved_or_left_on_the_page(manager, pool):
    school = SchoolFactory()
    allocate_by_import(pool, school, 5)
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 3)))
    page = page_text(manager.get(import_url("detail", spreadsheet_import.pk)))
    assert "Réduire à 3 licences" in page
    assert "Garder ce qu’elle a" in page
    here = import_url("row", spreadsheet_import.pk, 0, 2)
    manager.post(here, {"action": "resolve", "conflict_resolution": "nonsense"})
    assert row(spreadsheet_import, 2).conflict_resolution == ""
    part = page_text(manager.post(here, {"action": "resolve", "conflict_resolution": "reduce"}, headers=HTMX))
    assert "Réduire à ce nombre" in part
    assert "Revenir sur ce choix" in part
    assert (row(spreadsheet_import, 2).conflict_resolution, row(spreadsheet_import, 2).ticked) == (
        ConflictResolution.REDUCE,
        True,
    )
    assert "pour moins de licences" in page_text(manager.get(import_url("confirm", spreadsheet_import.pk)))
    post_confirmation(manager, spreadsheet_import)
    tasks.apply(import_id=spreadsheet_import.pk)
    assert Allocation.objects.get().units == 3
    assert "1 attribution réduite" in page_text(manager.get(import_url("detail", spreadsheet_import.pk)))


def test_it_is_confirmed_once_and_applied(manager, pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 3)))
    page = page_text(manager.get(import_url("confirm", spreadsheet_import.pk)))
    assert "1 école</strong> reçoit une clé" in page
    assert "3 licences</strong> sont prises" in page
    digest = queries.compute_digest(spreadsheet_import)
    for _ in range(2):
        manager.post(import_url("confirm", spreadsheet_import.pk), {"digest": digest, "when": "now"})
    assert (
        ProcrastinateJob.objects.filter(task_name="imports.apply", args__import_id=spreadsheet_import.pk).count() == 1
    )
    assert "Attribution en cours" in page_text(manager.get(import_url("detail", spreadsheet_import.pk)))
    tasks.apply(import_id=spreadsheet_import.pk)
    page = page_text(manager.get(import_url("detail", spreadsheet_import.pk)))
    assert "C’est fait" in page
    assert f"?import={spreadsheet_import.pk}" in page
    assert Allocation.objects.get().units == 3


def test_rows_in_error_block_the_import_unless_only_valid_rows_are_applied(manager, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 3), (SchoolFactory(), "x")))
    answer = post_confirmation(manager, spreadsheet_import)
    assert answer.status_code == 422
    assert "1 ligne est en erreur" in page_text(answer)
    assert SpreadsheetImport.objects.get().state == ImportState.CHECKED
    post_confirmation(manager, spreadsheet_import, only_valid="1")
    assert SpreadsheetImport.objects.get().state == ImportState.APPLYING


def test_an_unusually_large_import_is_confirmed_by_typing_its_number(manager, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 90)))
    assert "Tapez ce nombre" in page_text(manager.get(import_url("confirm", spreadsheet_import.pk)))
    assert "tapez 90 dans cette case" in page_text(post_confirmation(manager, spreadsheet_import))
    assert "Vous avez tapé 9," in page_text(post_confirmation(manager, spreadsheet_import, confirmed_count="9"))
    with refuses("confirmation_required", match="Tapez ce nombre"):
        apply_rows.confirm(
            import_id=spreadsheet_import.pk,
            digest=queries.compute_digest(spreadsheet_import),
            send_on=None,
            confirmed_count=9,
            by=UserFactory(),
            at=TERM,
        )
    assert SpreadsheetImport.objects.get().state == ImportState.CHECKED
    post_confirmation(manager, spreadsheet_import, confirmed_count=" 90 ")
    assert SpreadsheetImport.objects.get().state == ImportState.APPLYING


def test_a_date_in_the_past_and_one_after_the_year_are_refused(manager, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    for day, words in (("2020-01-01", "Cette date est passée."), ("2031-01-01", "31 août"), ("", "Choisissez la date")):
        assert words in page_text(post_confirmation(manager, spreadsheet_import, when="later", send_on=day))
    assert SpreadsheetImport.objects.get().state == ImportState.CHECKED


def test_more_than_the_lot_has_cannot_be_confirmed(manager, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 60), (SchoolFactory(), 60)))
    page = page_text(manager.get(import_url("detail", spreadsheet_import.pk)))
    assert "Il manque 20 licences" in page
    assert "Ne tient plus dans le lot" in page
    assert "Il manque 20" in page_text(manager.get(import_url("confirm", spreadsheet_import.pk)))
    manager.post(
        import_url("confirm", spreadsheet_import.pk),
        {"digest": queries.compute_digest(spreadsheet_import), "when": "now", "confirmed_count": "120"},
    )
    assert SpreadsheetImport.objects.get().state == ImportState.CHECKED


def test_an_application_that_was_refused_says_so(manager, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    confirm_import(spreadsheet_import)
    apply_rows.return_to_review(import_id=spreadsheet_import.pk, sentence="Le lot est suspendu.")
    page = page_text(manager.get(import_url("detail", spreadsheet_import.pk)))
    assert "Rien n’a été attribué." in page
    assert "Le lot est suspendu." in page


def test_a_data_officer_prepares_and_does_not_apply(officer, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    assert "Demander l’application" in page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    answer = officer.post(
        import_url("confirm", spreadsheet_import.pk),
        {"digest": queries.compute_digest(spreadsheet_import), "when": "now"},
    )
    assert answer.status_code == 403
    assert SpreadsheetImport.objects.get().state == ImportState.CHECKED


def test_an_import_is_undone_after_saying_what_that_does(manager, pool):
    school = SchoolFactory()
    spreadsheet_import = allocate_by_import(pool, school, 3)
    page = page_text(manager.get(import_url("undo", spreadsheet_import.pk)))
    assert "1 attribution</strong> sera reprise" in page
    assert "3 licences</strong> reviendront" in page
    assert school.uai in page
    assert Allocation.objects.active().count() == 1
    manager.post(import_url("undo", spreadsheet_import.pk))
    assert "se défait" in page_text(manager.get(import_url("detail", spreadsheet_import.pk)))
    tasks.undo(import_id=spreadsheet_import.pk, asked_at=TERM.isoformat())
    page = page_text(manager.get(import_url("detail", spreadsheet_import.pk)))
    assert "Cet import est défait" in page
    assert "3 licences revenues" in page
    assert not Allocation.objects.active().exists()
    assert "à cette action" not in page_text(manager.get(import_url("undo", spreadsheet_import.pk), follow=True))


def test_rows_that_cannot_be_undone_are_listed_with_the_reason(manager, pool):
    spreadsheet_import = allocate_by_import(pool, SchoolFactory(), 3)
    allocation = Allocation.objects.get()
    allocation.key.redeemed_at, allocation.key.redeemed_by_id = TERM, manager.session["_auth_user_id"]
    allocation.key.save()
    copy_everywhere()
    page = page_text(manager.get(import_url("undo", spreadsheet_import.pk)))
    assert "Rien ne peut plus être défait" in page
    assert "La clé a été activée" in page


def test_the_portfolio_is_updated_once_a_manager_confirms(manager, nimes):
    known = PortfolioSchoolFactory(contact_name="Mme Roux", contact_email="roux@nimes.example", classes=4)
    new = SchoolFactory()
    content = schools_csv(
        (known.school, "M. Blanc", "", 6), (new, "Mme Noir", "noir@nimes.example", 5),
        titles=("UAI", "Directeur", "E-mail", "Nb classes"),
    )  # fmt: skip
    spreadsheet_import = upload.store_upload(
        purpose=Purpose.PORTFOLIO, pool_id=None, filename="p.csv", content=content, units_for_all=None, by=None, at=TERM
    )
    tasks.read(import_id=spreadsheet_import.pk)
    page = page_text(manager.get(import_url("detail", spreadsheet_import.pk)))
    assert "Mme Roux</s> <strong>M. Blanc</strong>" in page
    assert "1 école ajoutée</strong> à votre périmètre" in page_text(
        manager.get(import_url("confirm", spreadsheet_import.pk))
    )
    post_confirmation(manager, spreadsheet_import)
    tasks.apply(import_id=spreadsheet_import.pk)
    assert "1 école mise à jour" in page_text(manager.get(import_url("detail", spreadsheet_import.pk)))
    known.refresh_from_db()
    assert (known.contact_name, known.contact_email, known.classes) == ("M. Blanc", "roux@nimes.example", 6)


@pytest.mark.small
@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "c'est presque fini"),
        (7, "encore 5 secondes environ"),
        (23, "encore 20 secondes environ"),
        (57, "encore 1 minute environ"),
        (200, "encore 3 minutes environ"),
    ],
)
def test_the_time_left_is_worded_for_people(seconds, words):
    assert describe_time_left(seconds).replace("\u00a0", " ") == words


def test_the_columns_that_an_import_of_licences_does_not_keep_are_named(officer, pool):
    spreadsheet_import = upload_and_parse(
        pool, schools_csv((SchoolFactory(), 1, 4, "Mme Sy"), titles=("UAI", "Licences", "Classes", "Contact"))
    )
    kept_by = "« Nombre de classes » (lu pour vérifier les licences) et « Nom du contact » ; un import d’écoles"
    for name in ("detail", "choose"):
        page = page_text(officer.get(import_url(name, spreadsheet_import.pk)))
        assert f"Non enregistrés par cet import : {kept_by} les enregistre." in page, name
    plain = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)), filename="b.csv")
    assert "Non enregistré" not in page_text(officer.get(import_url("detail", plain.pk)))


def test_a_wrong_address_is_corrected_from_what_the_file_says(officer, pool):
    """Not from the official address, which would hide it."""
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(
        pool, schools_csv((school, 1, "ecole arobase ville.fr"), (SchoolFactory(), 1))
    )
    fields = officer.get(import_url("row", spreadsheet_import.pk, 0, 2)).context["fields"]
    assert [(one.value, one.hint) for one in fields if one.name == "email"] == [("ecole arobase ville.fr", "")]
    fields = officer.get(import_url("row", spreadsheet_import.pk, 0, 3)).context["fields"]
    (known,) = [one for one in fields if one.name == "email"]
    assert "@" in known.value
    assert known.hint == "Adresse connue de l'école."


def test_without_a_row_to_resolve_all_is_resolved(officer, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk), {"onglet": "a-regler"}))
    assert "Tout est réglé." in page
    assert "Aucune ligne ne répond" not in page


def test_the_report_is_called_after_its_link(officer, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)), filename="Écoles.csv")
    answer = officer.get(import_url("report", spreadsheet_import.pk))
    assert "compte-rendu-" in answer["Content-Disposition"]
