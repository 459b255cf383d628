"""What can be done about remarks: one line for rows that share one, one button each for a row's answers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from collectivities.queries import get_contact_emails
from core import formatting
from imports.cells import find_addresses
from imports.checks.problem_codes import ADDED_TO_OTHER_POOL, FIXES, OTHER_POOL, Fix
from imports.columns import Meaning
from imports.enums import Purpose, RemarkState, Verdict
from imports.models import ImportRow, SpreadsheetImport
from imports.operations.row_edits import PoolAnswers, list_pool_answers
from imports.parsing.declined_rows import summarize_reasons
from imports.queries import ADDRESS_CODES, RemarkCount
from schools.models import School

#: Problems that an address answers.
_EMAIL_CODES = frozenset(
    {"email_invalid", "multiple_emails", "email_missing", "email_shared", "email_not_in_directory"}
)
#: Problems of schools that several rows cite.
_REPEATED_CODES = frozenset({"conflicting_duplicate", "duplicate"})
#: Addresses of the cell, and numbers, offered for a row at most.
_MAX_CHOICES = 4


class RowChoice(NamedTuple):
    """A button: its label, and the fields that it posts to the row."""

    label: str
    fields: dict[str, str]
    #: Whether this was chosen: it is shown, but no button.
    chosen: bool = False


def load_choices(spreadsheet_import: SpreadsheetImport, rows: Iterable[ImportRow]) -> dict[int, list[RowChoice]]:
    """Return the choices of these rows, by primary key. Six queries at most, whatever the number of rows."""
    rows = list(rows)
    open_rows = [row for row in rows if row.codes and row.verdict != Verdict.IGNORED]
    choices: dict[int, list[RowChoice]] = defaultdict(list)
    pool_answers = list_pool_answers(spreadsheet_import, open_rows)
    for row in open_rows:
        if row.pk in pool_answers:
            choices[row.pk] += _list_pool_choices(row, pool_answers[row.pk])
    _add_duplicate_choices(
        choices, spreadsheet_import, [row for row in rows if not _REPEATED_CODES.isdisjoint(row.codes)]
    )
    for row in open_rows:
        if "units_exceed_classes" in row.codes and row.classes and row.classes < (row.units or 0):
            label = f"donner {formatting.pluralize(row.classes, 'licence')}, une par classe"
            choices[row.pk].append(_correct(label, Meaning.UNITS, str(row.classes)))
    _add_email_choices(choices, [row for row in open_rows if not _EMAIL_CODES.isdisjoint(row.codes)])
    return dict(choices)


def _correct(label: str, meaning: Meaning, value: str) -> RowChoice:
    return RowChoice(label, {"action": "fix", meaning.value: value})


def _list_pool_choices(row: ImportRow, answers: PoolAnswers) -> list[RowChoice]:
    """Return what to give a school that also holds licences of another pool: the rest, or as many again."""
    completed, besides, elsewhere = answers
    rest = (
        "ne rien donner de plus"
        if completed == row.units_before
        else f"donner {formatting.number(completed)}, pour {formatting.number(besides)} en tout"
    )
    again = f"donner {formatting.number(besides)}, pour {formatting.number(besides + elsewhere)} en tout"
    return [
        RowChoice(rest, {"action": "answer"}, chosen=row.ticked and row.units == completed),
        RowChoice(again, {"action": "answer", "besides": "1"}, chosen=row.ticked and row.units == besides),
    ]


def _add_duplicate_choices(
    choices: dict[int, list[RowChoice]], spreadsheet_import: SpreadsheetImport, rows: Sequence[ImportRow]
) -> None:
    """Add the sum of what the rows of one school state, and the numbers: keeping one sets the other rows aside."""
    if not rows:
        return
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        for row in rows:
            if row.verdict != Verdict.IGNORED:
                choices[row.pk].append(RowChoice("garder cette ligne", {"action": "keep"}))
        return
    stated: dict[str, list[int | None]] = defaultdict(list)
    cited = ImportRow.objects.filter(import_id=spreadsheet_import.pk, uai__in={row.uai for row in rows})
    for uai, units in cited.filter(set_aside=False, ignored_reason="").values_list("uai", "units").order_by():
        stated[uai].append(units)
    for row in rows:
        numbers = list(filter(None, stated[row.uai]))
        if len(numbers) > 1 and None not in stated[row.uai]:
            label = f"additionner les lignes de cette école : {formatting.pluralize(sum(numbers), 'licence')}"
            choices[row.pk].append(RowChoice(label, {"action": "add_up"}))
        if row.verdict != Verdict.IGNORED:
            choices[row.pk] += [
                RowChoice(f"garder {formatting.number(units)}", {"action": "keep", "units": str(units)})
                for units in sorted(set(numbers))[:_MAX_CHOICES]
            ]


def _add_email_choices(choices: dict[int, list[RowChoice]], rows: Sequence[ImportRow]) -> None:
    """Add the addresses of the cell, of the portfolio's contact and of the directory."""
    uais = {row.uai for row in rows if row.uai}
    if not uais:
        return
    mailboxes = dict(School.objects.filter(pk__in=uais).exclude(email="").values_list("pk", "email"))
    contacts = get_contact_emails(uais)
    for row in rows:
        choices[row.pk] += _list_email_choices(row, mailboxes, contacts)


def _list_email_choices(row: ImportRow, mailboxes: Mapping[str, str], contacts: Mapping[str, str]) -> list[RowChoice]:
    mailbox, contact = mailboxes.get(row.uai, ""), contacts.get(row.uai, "")
    written = row.edits.get(Meaning.EMAIL) or row.cells.get(Meaning.EMAIL, "")
    labels = {address: f"écrire à {address}" for address in find_addresses(written)[:_MAX_CHOICES]}
    if contact:
        labels[contact] = f"écrire à {contact}, le contact de votre périmètre"
    if mailbox:
        labels[mailbox] = f"écrire à l'adresse officielle, {mailbox}"
    labels.pop(row.email, None)
    return [_correct(label, Meaning.EMAIL, address) for address, label in labels.items()]


#: Number of rows from which the rows of a remark are shown only once their line is opened.
MIN_GATHERED = 3

# What the rows are, in the singular and in the plural. All nouns are feminine: the states agree with them.
_NOUNS: dict[str, tuple[str, str]] = {
    "": ("ligne sans remarque", "lignes sans remarque"),
    "uai_missing": ("ligne sans UAI", "lignes sans UAI"),
    "uai_invalid": ("ligne à l'UAI faux", "lignes à l'UAI faux"),
    "multiple_uais": ("ligne à plusieurs UAI", "lignes à plusieurs UAI"),
    "uncertain_repair": ("ligne à l'UAI incomplet", "lignes à l'UAI incomplet"),
    "uai_of_another_school": ("ligne à l'UAI d'une autre école", "lignes à l'UAI d'une autre école"),
    "unconfirmed_uai": ("ligne à l'UAI sans doute décalé", "lignes aux UAI sans doute décalés"),
    "ambiguous_school": ("école à choisir parmi plusieurs", "écoles à choisir parmi plusieurs"),
    "no_match": ("école introuvable", "écoles introuvables"),
    "unknown_school": ("école inconnue de l'annuaire", "écoles inconnues de l'annuaire"),
    "school_closed": ("école fermée", "écoles fermées"),
    "conflicting_duplicate": ("ligne d'une école citée avec deux nombres", "lignes d'écoles citées avec deux nombres"),
    "units_missing": ("ligne sans nombre de licences", "lignes sans nombre de licences"),
    "units_invalid": ("ligne au nombre de licences illisible", "lignes au nombre de licences illisible"),
    "classes_unknown": ("école au nombre de classes inconnu", "écoles au nombre de classes inconnu"),
    "classes_invalid": ("ligne au nombre de classes illisible", "lignes au nombre de classes illisible"),
    "classes_out_of_range": ("ligne au nombre de classes impossible", "lignes au nombre de classes impossible"),
    "email_invalid": ("adresse e-mail illisible", "adresses e-mail illisibles"),
    "multiple_emails": ("ligne à plusieurs adresses e-mail", "lignes à plusieurs adresses e-mail"),
    "email_missing": ("école sans adresse e-mail connue", "écoles sans adresse e-mail connue"),
    "excel_error": ("ligne à la case en erreur", "lignes à la case en erreur"),
    "formula_not_computed": ("formule sans résultat", "formules sans résultat"),
    "lower": ("école qui a plus que ne dit le tableau", "écoles qui ont plus que ne dit le tableau"),
    "reduced_to_zero": ("école à qui tout est à reprendre", "écoles à qui tout est à reprendre"),
    "below_redeemed_units": ("école dont la clé est déjà activée", "écoles dont la clé est déjà activée"),
    "declined": ("ligne que le fichier écarte", "lignes que le fichier écarte"),
    "file_remark": ("ligne que le fichier commente", "lignes que le fichier commente"),
    "no_elementary": ("école sans classe du CP au CM2", "écoles sans classe du CP au CM2"),
    "not_in_portfolio": ("école hors de votre périmètre", "écoles hors de votre périmètre"),
    "units_exceed_classes": ("école à plus de licences que de classes", "écoles à plus de licences que de classes"),
    "probable_subtotal": ("ligne qui semble un sous-total", "lignes qui semblent des sous-totaux"),
    "outlier": ("ligne au nombre très élevé", "lignes au nombre très élevé"),
    "other_pool": (
        "école qui a déjà des licences d'un autre lot",
        "écoles qui ont déjà des licences d'un autre lot",
    ),
    "already_added": ("école à qui ce nombre a déjà été ajouté", "écoles à qui ce nombre a déjà été ajouté"),
    "added_units": ("école à qui ce tableau ajoute des licences", "écoles à qui ce tableau ajoute des licences"),
    "added_to_other_pool": ("école qui en a aussi d'un autre lot", "écoles qui en ont aussi d'un autre lot"),
    "email_shared": ("école à l'adresse commune avec d'autres", "écoles à l'adresse commune avec d'autres"),
    "email_not_in_directory": ("adresse inconnue de l'annuaire", "adresses inconnues de l'annuaire"),
    "named_differently": ("école au nom différent dans l'annuaire", "écoles au nom différent dans l'annuaire"),
    "classes_differ": (
        "école au nombre de classes différent dans votre périmètre",
        "écoles au nombre de classes différent dans votre périmètre",
    ),
    "rows_not_combined": (
        "école dont les lignes ne s'additionnent pas",
        "écoles dont les lignes ne s'additionnent pas",
    ),
    "shared_number_given": ("école au nombre commun avec d'autres", "écoles au nombre commun avec d'autres"),
    "shared_number": ("ligne au nombre commun avec d'autres", "lignes au nombre commun avec d'autres"),
    "duplicate": ("école déjà citée plus haut", "écoles déjà citées plus haut"),
    "zero_units": ("école à 0 licence", "écoles à 0 licence"),
    "counted_with_another": (
        "ligne comptée avec la première de son école",
        "lignes comptées avec la première de leur école",
    ),
    "number_given_elsewhere": ("ligne dont le nombre va à une autre", "lignes dont le nombre va à une autre"),
    "another_row_counts": (
        "ligne écartée, dont l'école en a une autre",
        "lignes écartées, dont l'école en a une autre",
    ),
    "table_not_chosen": ("ligne du tableau que vous n'avez pas choisi", "lignes du tableau que vous n'avez pas choisi"),
    "ignored": ("ligne hors du tableau (total, titre, note…)", "lignes hors du tableau (totaux, titres, notes…)"),
    "set_aside": ("ligne mise de côté", "lignes mises de côté"),
    "awaited": ("école attendue dans l'annuaire", "écoles attendues dans l'annuaire"),
}
# What rows that are set apart are, where it is not the file that does: by how their sentence begins.
_NOUNS_BY_SENTENCE = {
    "Vos réponses": ("ligne que vos réponses écartent", "lignes que vos réponses écartent"),
    "Remarque": ("ligne à la remarque à lire", "lignes aux remarques à lire"),
}
_UNCHANGED_NOUNS = ("école qui a déjà son compte", "écoles qui ont déjà leur compte")
# The question about other pools, and its answers. A number that a member typed has the code of a completion.
_OTHER_POOL_TEXTS = {
    (OTHER_POOL, RemarkState.TO_RESOLVE): (
        "école a déjà des licences d'un autre lot : que faut-il lui donner\u00a0?",
        "écoles ont déjà des licences d'un autre lot : que faut-il leur donner\u00a0?",
    ),
    (OTHER_POOL, RemarkState.TICKED): (
        "école a déjà des licences d'un autre lot : elle reçoit le nombre du tableau en plus",
        "écoles ont déjà des licences d'un autre lot : elles reçoivent le nombre du tableau en plus",
    ),
    (ADDED_TO_OTHER_POOL, RemarkState.TICKED): (
        "école a déjà des licences d'un autre lot : elle est complétée, ou reçoit le nombre indiqué ici",
        "écoles ont déjà des licences d'un autre lot : elles sont complétées, ou reçoivent le nombre indiqué ici",
    ),
}
# What is added to the nouns; what needs a decision is told apart by the page.
_STATES: dict[RemarkState, tuple[str, str]] = {
    RemarkState.UNTICKED: (", laissée de côté", ", laissées de côté"),
    RemarkState.TICKED: (", cochée", ", cochées"),
    RemarkState.UNCHANGED: (", inchangée", ", inchangées"),
}


class RemarkAction(NamedTuple):
    """A button of a line: a bulk action of the pages, and its label for one row and for several."""

    action: str
    one: str
    several: str


_INCLUDE = RemarkAction("tick", "l'inclure", "les inclure")
_BESIDES = RemarkAction("besides", "lui donner ce nombre en plus", "leur donner le nombre du tableau en plus")
_COMPLEMENT = RemarkAction("complement", "compléter jusqu'à ce nombre", "compléter jusqu'au nombre du tableau")
_GIVE_NOTHING = RemarkAction("ignore", "ne rien lui donner", "ne rien leur donner")
_LEAVE_OUT = RemarkAction("untick", "la décocher", "les décocher")
# The other answer can be given as long as the import is not applied.
_OTHER_POOL_ACTIONS = {
    (OTHER_POOL, RemarkState.TO_RESOLVE): [_COMPLEMENT, _BESIDES, _GIVE_NOTHING],
    (OTHER_POOL, RemarkState.TICKED): [_COMPLEMENT, _LEAVE_OUT],
    (ADDED_TO_OTHER_POOL, RemarkState.TICKED): [_BESIDES, _LEAVE_OUT],
    (ADDED_TO_OTHER_POOL, RemarkState.UNTICKED): [_INCLUDE, _BESIDES],
}
_FIX_ACTIONS = {
    Fix.ADD_TO_PORTFOLIO: RemarkAction("add_to_portfolio", "l'ajouter au périmètre", "les ajouter au périmètre"),
    Fix.AWAIT: RemarkAction("await", "la garder jusqu'à l'annuaire", "les garder jusqu'à l'annuaire"),
    Fix.SET_ASIDE: RemarkAction("ignore", "la mettre de côté", "les mettre de côté"),
    Fix.RESTORE: RemarkAction("restore", "la reprendre", "les reprendre"),
}
_FIRST_ADDRESS = RemarkAction("first_address", "écrire à la première de sa case", "écrire à la première de chaque case")
_OFFICIAL_ADDRESS = RemarkAction(
    "official_address", "écrire à son adresse officielle", "écrire à l'adresse officielle de chaque école"
)
_KEEP_HELD = RemarkAction("ignore", "lui laisser ce qu'elle a", "leur laisser ce qu'elles ont")


class RemarkLine(NamedTuple):
    """The rows with one remark in one state, as the pages tell of them."""

    code: str
    state: RemarkState
    #: As `RemarkCount` names it.
    reason: str
    rows: int
    text: str
    #: Labels by bulk action.
    actions: dict[str, str]

    @property
    def is_question(self) -> bool:
        """Whether the rows wait for an answer, which the actions give for all of them."""
        return self.code == OTHER_POOL and self.state is RemarkState.TO_RESOLVE


def is_gathered(one: RemarkCount) -> bool:
    """Return whether the rows of a remark are shown only once its line is opened."""
    return one.rows >= MIN_GATHERED and _has_line(one)


def _has_line(one: RemarkCount) -> bool:
    """Return whether there is something to say of these rows: not of ticked ones without remark."""
    return bool(one.code) or one.state is not RemarkState.TICKED


def build_lines(counts: Iterable[RemarkCount]) -> list[RemarkLine]:
    """Return a line for each remark that has one."""
    return [
        RemarkLine(
            one.code,
            one.state,
            one.reason,
            one.rows,
            _describe(one),
            {each.action: each.one if one.rows == 1 else each.several for each in _list_actions(one)},
        )
        for one in counts
        if _has_line(one)
    ]


def find_shared_sentence(rows: Collection[ImportRow], code: str) -> str:
    """Return the sentence of this remark if it is the same for all of these rows but for their schools, else ""."""
    sentences = {_generalize(row, code) for row in rows}
    return sentences.pop() if len(rows) > 1 and len(sentences) == 1 else ""


def _generalize(row: ImportRow, code: str) -> str:
    message: str = next((problem["message"] for problem in row.problems if problem["code"] == code), "")
    sentence = message.replace(f"« {row.label} »", "cette école") if row.label else message
    return formatting.start_sentence(sentence)


def describe_rows(one: RemarkCount) -> str:
    """Return how many rows there are of a remark, without their state: « 3 écoles fermées »."""
    return formatting.pluralize(one.rows, *_get_nouns(one)) + _name_reason(one)


def _get_nouns(one: RemarkCount) -> tuple[str, str]:
    return next(
        (nouns for begins, nouns in _NOUNS_BY_SENTENCE.items() if one.sentence.startswith(begins)), _NOUNS[one.code]
    )


def _name_reason(one: RemarkCount) -> str:
    """Return « (barrées) », or « (par la colonne « Avis ») », "" where the rows have no reason of their own."""
    counted = summarize_reasons([(one.sentence, one.rows)])
    return f" ({counted.removeprefix(formatting.number(one.rows)).lstrip()})" if counted else ""


def _describe(one: RemarkCount) -> str:
    if one.state is RemarkState.UNCHANGED and not one.code:
        return formatting.pluralize(one.rows, *_UNCHANGED_NOUNS)
    if (one.code, one.state) in _OTHER_POOL_TEXTS:
        return formatting.pluralize(one.rows, *_OTHER_POOL_TEXTS[one.code, one.state])
    added = _STATES.get(one.state, ("", ""))
    nouns = (noun + more for noun, more in zip(_get_nouns(one), added, strict=True))
    return formatting.pluralize(one.rows, *nouns) + _name_reason(one)


def _list_actions(one: RemarkCount) -> list[RemarkAction]:
    fixes = FIXES.get(one.code, ())
    actions = [_FIX_ACTIONS[fix] for fix in fixes if fix in _FIX_ACTIONS]
    if (one.code, one.state) in _OTHER_POOL_ACTIONS:
        return _OTHER_POOL_ACTIONS[one.code, one.state]
    if one.state is RemarkState.TO_RESOLVE and one.code in ADDRESS_CODES:
        return [*_list_address_actions(one), *actions]
    if one.state is RemarkState.UNTICKED:
        return [_INCLUDE, *(each for each in actions if each.action == "add_to_portfolio")]
    if one.state is RemarkState.TICKED:
        return [*(each for each in actions if each.action == "add_to_portfolio"), _LEAVE_OUT]
    if one.state is RemarkState.TO_RESOLVE and one.code in _KEPT_CODES:
        return [_KEEP_HELD]
    return actions if one.state in (RemarkState.TO_RESOLVE, RemarkState.IGNORED) else []


def _list_address_actions(one: RemarkCount) -> list[RemarkAction]:
    """Return the answers for all addresses of a line; that of the directory says of how many schools it is known."""
    actions = [_FIRST_ADDRESS] if one.code == "multiple_emails" else []
    if one.with_mailbox:
        known = f" ({one.with_mailbox} sur {one.rows})" if one.with_mailbox < one.rows else ""
        actions.append(_OFFICIAL_ADDRESS._replace(several=_OFFICIAL_ADDRESS.several + known))
    return actions


#: Conflicts: setting the row aside leaves the school what it holds.
_KEPT_CODES = frozenset({"lower", "reduced_to_zero", "below_redeemed_units"})
