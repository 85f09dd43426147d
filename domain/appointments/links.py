"""Links in mails by which people answer for one appointment without signing in: signed, and good for one purpose."""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal, get_args

Purpose = Literal["visit", "answer", "hold"]
ACTIONS: dict[Purpose, tuple[str, ...]] = {
    "visit": ("reschedule", "cancel"),
    "answer": ("accept", "decline"),
    "hold": ("confirm", "cancel"),
}
"""The commands that a link of each purpose gives; all of them show the appointment and its calendar entry."""
_ABOUT = b"answer for an appointment"
PART = "appointment_links"
"""The name under which a process shares its links."""


class Links:
    """Makes and reads the tokens of links; who holds one may do what its purpose says until the appointment ends.

    A token is bound to the appointment and not to its version: it stays good when the appointment moves.
    """

    def __init__(self, secret: bytes):
        self._key = hmac.digest(secret, _ABOUT, hashlib.sha256)

    def token(self, appointment_id: str, purpose: Purpose) -> str:
        """The token for this appointment and purpose."""
        text = f"{appointment_id}.{purpose}"
        return f"{text}.{hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()}"

    def read(self, token: str) -> tuple[str, Purpose] | None:
        """Appointment and purpose of a token that was made here; None for any other text."""
        id, _, rest = token.partition(".")
        word, _, _ = rest.partition(".")
        for purpose in get_args(Purpose):
            if word == purpose:
                made = self.token(id, purpose)
                return (id, purpose) if hmac.compare_digest(made.encode(), token.encode()) else None
        return None
