"""Operations on imports: upload, parse, edit rows, apply once, undo, cancel.

Lock order: import → pool → what pools lock. Parsing and application run in a worker, queued in the transaction that
requests them; both are idempotent.
"""

from imports.operations.application_requests import (
    describe_request_changes,
    describe_requests,
    describe_wait,
    list_managers_to_ask,
    request_application,
    withdraw_request,
)
from imports.operations.apply_rows import apply, confirm, return_to_review
from imports.operations.cancellation import cancel, cancel_stopped, recover_abandoned
from imports.operations.import_lock import APPLY_TASK, OPEN_STATES, READ_TASK, UNDO_TASK
from imports.operations.intake import (
    choose_layout,
    get_parsing_options,
    load_parsing_context,
    reject,
    remember_layout,
    store_parsed,
)
from imports.operations.row_edits import (
    accept_proposals,
    add_all_to_portfolio,
    amend_row,
    answer_all_pool_questions,
    answer_pool_question,
    await_all,
    count_arrived,
    keep_row,
    list_written_values,
    restore_all,
    set_all_aside,
    tick_all,
    write_to_first_addresses,
    write_to_official_addresses,
)
from imports.operations.undo_import import get_undo_plan, request_undo, undo
from imports.operations.upload import check_volume, store_upload, upload
from imports.requested_licences import ListedNumbers, PoolChoice, find_list_to_give, list_numbered_lists, read_numbers

__all__ = [
    "APPLY_TASK",
    "OPEN_STATES",
    "READ_TASK",
    "UNDO_TASK",
    "ListedNumbers",
    "PoolChoice",
    "accept_proposals",
    "add_all_to_portfolio",
    "amend_row",
    "answer_all_pool_questions",
    "answer_pool_question",
    "apply",
    "await_all",
    "cancel",
    "cancel_stopped",
    "check_volume",
    "choose_layout",
    "confirm",
    "count_arrived",
    "describe_request_changes",
    "describe_requests",
    "describe_wait",
    "find_list_to_give",
    "get_parsing_options",
    "get_undo_plan",
    "keep_row",
    "list_managers_to_ask",
    "list_numbered_lists",
    "list_written_values",
    "load_parsing_context",
    "read_numbers",
    "recover_abandoned",
    "reject",
    "remember_layout",
    "request_application",
    "request_undo",
    "restore_all",
    "return_to_review",
    "set_all_aside",
    "store_parsed",
    "store_upload",
    "tick_all",
    "undo",
    "upload",
    "withdraw_request",
    "write_to_first_addresses",
    "write_to_official_addresses",
]
