# ruff: noqa: F401 - imports of modules that register what they hold
"""What imports declare: e-mails, tasks, journal, error codes, menu; which entries of the journal are about a school."""

from api.problem_details import A_RULE_REFUSES, ErrorCode, declare_errors, declare_family
from collectivities import journal
from collectivities.journal import JournalAction, declare_actions, declare_subject
from imports import emails, queries, tasks
from web.frame import declare_page

journal.school_conditions.declare("imports", queries.filter_entries_by_school)
emails.register_kinds()

declare_subject("import", "Imports", rank=70)
declare_actions(
    {
        "import.uploaded": JournalAction("Tableaux déposés", ("tableau déposé", "tableaux déposés")),
        "import.replaced": JournalAction("Tableaux remplacés"),
        "import.resumed": JournalAction("Tableaux repris"),
        "import.application_requested": JournalAction("Application demandée"),
        "import.request_withdrawn": JournalAction("Application demandée"),
        "import.applied": JournalAction("Imports appliqués", ("tableau appliqué", "tableaux appliqués")),
        "import.cancellation_requested": JournalAction("Imports annulés"),
        "import.cancelled": JournalAction("Imports annulés"),
        "import.undone": JournalAction("Imports défaits"),
    }
)

IMPORTS = declare_family("Tableaux", A_RULE_REFUSES, rank=90)
declare_errors(
    IMPORTS,
    ErrorCode("unknown_import", "", "Aucun tableau de votre collectivité ne porte ce numéro.",
              "Lisez la liste des tableaux."),
    ErrorCode("empty_file", "", "Le fichier ne contient rien.", "Envoyez-le de nouveau : il s'est perdu en route."),
    ErrorCode("file_too_large", "", "Le fichier dépasse 20 Mo.",
              "Gardez les colonnes utiles, ou partagez-le en deux."),
    ErrorCode("pool_missing", "", "Une attribution tire ses licences d'un lot, et aucun n'est nommé.",
              "Envoyez `pool`."),
    ErrorCode("pool_not_open", "", "Le lot n'est pas de votre collectivité, est terminé, ou n'a plus rien à donner.",
              "Choisissez-en un autre dans la liste des lots."),
    ErrorCode("invalid_volume", "", "Ce qui dit combien de licences se contredit.",
              "`units_for_all` va avec `volume` à `all`, et avec lui seul."),
    ErrorCode("not_an_allocation", "", "Un tableau du périmètre ne donne pas de licence et n'écrit à personne.",
              "N'envoyez ni lot, ni nombre de licences, ni jour d'envoi."),
    ErrorCode("invalid_layout", "", "Ce qui est dit de la disposition du tableau ne convient pas : `errors` dit quoi.",
              "Relisez `layout`, puis répondez à ses questions."),
    ErrorCode("questions_open", "", "Le tableau pose des questions, et il n'y est pas répondu.",
              "Répondez à chacune de `questions` par `POST /imports/{id}/layout`, dans `answers`, puis recommencez."),
    ErrorCode("unknown_question", "", "Dans `errors` : le tableau ne pose pas cette question.", "Relisez `layout`."),
    ErrorCode("unknown_column", "", "Dans `errors` : le tableau n'a pas de colonne de ce numéro.", "Relisez `layout`."),
    ErrorCode("duplicate_column", "", "Dans `errors` : une même colonne aurait deux sens.", "Gardez-en un."),
    ErrorCode("sheet_changed", "", "Dans `errors` : la feuille ou la ligne des titres change aussi.",
              "Changez d'abord la feuille, relisez `layout`, puis dites les colonnes."),
    ErrorCode("not_editable", "", "Cette colonne n'est pas de celles qui se corrigent dans un tel tableau.",
              "Voyez la page de l'opération."),
    ErrorCode("invalid_state", "", "Le tableau n'en est pas là : il est en cours de lecture, ou déjà fait.",
              "Relisez son état."),
    ErrorCode("contents_deleted", "", "Son fichier et ses lignes ne sont plus gardés depuis `contents_deleted_at`.",
              "Reprenez les licences des attributions elles-mêmes, ou déposez le fichier de nouveau."),
    ErrorCode("nothing_to_apply", "", "Aucune ligne n'est retenue.", "Lisez les lignes et leurs problèmes."),
    ErrorCode("rows_in_error", "", "Des lignes sont en erreur, et rien ne dit d'appliquer les autres sans elles.",
              "Corrigez le tableau, ou demandez de n'appliquer que les lignes valables."),
    ErrorCode("confirmation_required", "", "Ce qui serait fait est hors de proportion.",
              "Vérifiez le tableau ; si c'est voulu, envoyez dans `confirmation_count` le nombre que donne "
              "`plan.confirmation.count`."),
    ErrorCode("outdated", "", "La situation a changé depuis la lecture dont `digest` fait foi.",
              "Relisez le tableau, vérifiez-le, puis appliquez-le sous son nouveau `digest`."),
    ErrorCode("row_cannot_be_ticked", "", "La ligne n'est pas de celles qui peuvent s'appliquer.",
              "Corrigez d'abord ce que ses problèmes nomment."),
    ErrorCode("cannot_await", "", "L'école de la ligne est connue, ou la ligne n'a pas d'UAI à attendre.",
              "Relisez la ligne."),
    ErrorCode("cannot_resolve", "", "La ligne n'est dans aucun conflit, ou ce choix ne le règle pas.",
              "Relisez la ligne."),
    ErrorCode("not_enough_licences", "", "Les lignes retenues demandent plus que le lot n'a.",
              "Retirez des lignes, ou choisissez un autre lot."),
    ErrorCode("pool_ended", "", "Le lot du tableau ne donne plus rien.", "Déposez le tableau pour un autre lot."),
)  # fmt: skip

declare_page("imports:list", "Imports", section="Distribuer", rank=30)
