"""A passkey made of software: what a browser and its authenticator answer to our challenges, with a real signature."""

import json
import os
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

from accounts import second_factor
from accounts.models import User

_FLAG = AuthenticatorData.FLAG


def add_software_passkey(user: User, name: str = "Clé") -> Authenticator:
    """Add a passkey to the account without its page, refresh the account and return the passkey's row."""
    challenge = websafe_encode(os.urandom(32))
    options = {"publicKey": {"challenge": challenge, "user": {"id": ""}}}
    credential = json.loads(SoftwarePasskey().register(options))
    added = second_factor.add(user=user, name=name, credential=credential, host="peps.localhost", at=timezone.now())
    user.refresh_from_db()
    return added


class SoftwarePasskey:
    """One key pair, for one account of one relying party. `verifies`: it checks who holds it."""

    def __init__(self, rp_id: str = "peps.localhost", *, verifies: bool = True) -> None:
        self.rp_id = rp_id
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = os.urandom(32)
        self.user_handle = ""
        self.counter = 0
        self.flags = _FLAG.UP | (_FLAG.UV if verifies else 0)

    def register(self, options: dict[str, Any], *, origin: str = "http://peps.localhost") -> str:
        """Return the JSON that the page's form holds once the browser has made this passkey."""
        public_key = options["publicKey"]
        self.user_handle = public_key["user"]["id"]
        credential = AttestedCredentialData.create(
            Aaguid.NONE, self.credential_id, ES256.from_cryptography_key(self.key.public_key())
        )
        data = AuthenticatorData.create(sha256(self.rp_id.encode()), self.flags | _FLAG.AT, 0, credential)
        client_data = CollectedClientData.create("webauthn.create", websafe_decode(public_key["challenge"]), origin)
        return self._answer(
            {
                "clientDataJSON": websafe_encode(client_data),
                "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
                "transports": ["internal"],
            },
            extensions={"credProps": {"rk": True}},
        )

    def sign(self, options: dict[str, Any], *, origin: str = "http://peps.localhost") -> str:
        """Return the JSON that the page's form holds once this passkey has signed the challenge."""
        self.counter += 1
        data = AuthenticatorData.create(sha256(self.rp_id.encode()), self.flags, self.counter)
        challenge = websafe_decode(options["publicKey"]["challenge"])
        client_data = CollectedClientData.create("webauthn.get", challenge, origin)
        signature = self.key.sign(data + client_data.hash, ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {
                "clientDataJSON": websafe_encode(client_data),
                "authenticatorData": websafe_encode(data),
                "signature": websafe_encode(signature),
                "userHandle": self.user_handle,
            }
        )

    def _answer(self, response: dict[str, Any], *, extensions: dict[str, Any] | None = None) -> str:
        identifier = websafe_encode(self.credential_id)
        return json.dumps(
            {
                "type": "public-key",
                "id": identifier,
                "rawId": identifier,
                "response": response,
                "clientExtensionResults": extensions or {},
            }
        )
