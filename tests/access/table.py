"""Who may open what: the table of doors. A view that is not in it fails the test, and so does one that says otherwise.

`domain.md` in short: a data officer prepares imports and keeps the remit; a buyer orders; a manager applies, revokes,
resends, invites, sets tokens; a viewer sees counts and never a key.
"""

from __future__ import annotations

ACCOUNTS = {
    "account_login": "public",
    "account_logout": "public",
    "account_signup": "public",
    "account_change_password": "signed in",
    "account_reset_password": "public",
    "account_reset_password_done": "public",
    "account_reset_password_from_key": "public",
    "account_reset_password_from_key_done": "public",
    "account_email_verification_sent": "public",
    "account_confirm_email": "public",
    "account_inactive": "public",
    "account_reauthenticate": "signed in",
}

PORTAL = ACCOUNTS | {
    "home": "public",
    "office_door": "public",
    "office_request": "public",
    "office_request_sent": "public",
    "shop": "public",
    "faq": "public",
    "contact": "public",
    "cgv": "public",
    "credits": "public",
    "legal": "public",
    "accessibility": "public",
    "school_search": "public",
    "school_choices": "public",
    "my_account": "signed in",
    "my_account_key": "signed in",
    "my_account_assign": "signed in",
    "my_account_teacher": "signed in",
    "my_account_release": "signed in",
    "my_account_person": "signed in",
    "my_account_school": "signed in",
    "my_account_join": "signed in",
    "my_account_leave": "signed in",
}

ANY_MEMBER = "office: any member"
MANAGER = "office: manager"
KEEPERS = "office: data_officer, manager"

OFFICE = ACCOUNTS | {
    "home": ANY_MEMBER,
    "school_search": ANY_MEMBER,
    "api:schema": ANY_MEMBER,
    "api:school-list": ANY_MEMBER,
    "api:school-detail": ANY_MEMBER,
    "api:nothing": ANY_MEMBER,
    "journal": ANY_MEMBER,
    "journal_export": ANY_MEMBER,
    "invitation": "public",
    "logo": "public",
    "office_settings": MANAGER,
    "members:list": ANY_MEMBER,
    "members:invite": MANAGER,
    "members:withdraw": MANAGER,
    "members:roles": MANAGER,
    "members:remove": MANAGER,
    "remit:list": ANY_MEMBER,
    "remit:add": KEEPERS,
    "remit:remove": KEEPERS,
    "remit:edit": KEEPERS,
    "imports:list": ANY_MEMBER,
    "imports:upload": KEEPERS,
    "imports:detail": KEEPERS,
    "imports:progress": KEEPERS,
    "imports:file": KEEPERS,
    "imports:choose": KEEPERS,
    "imports:row": KEEPERS,
    "imports:tick": KEEPERS,
    "imports:confirm": MANAGER,
    "imports:cancel": KEEPERS,
    "pools:lots": ANY_MEMBER,
    "pools:allocations": ANY_MEMBER,
    "pools:export": ANY_MEMBER,
    "pools:allocation": ANY_MEMBER,
    "pools:allocate": MANAGER,
    "pools:bulk": MANAGER,
    "pools:resend": MANAGER,
    "pools:reveal": MANAGER,
    "school": ANY_MEMBER,
    "messages:list": ANY_MEMBER,
    "messages:detail": ANY_MEMBER,
    "messages:preview": ANY_MEMBER,
    "messages:reveal": MANAGER,
    "messages:resend": MANAGER,
}
