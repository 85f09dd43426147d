"""The way out of an alert without signing in: a link in the message, signed so that nobody can end another's."""

from __future__ import annotations

import hashlib
import hmac

from service.settings import Settings

_PURPOSE = b"unsubscribe from a saved search"


def unsubscribe_token(settings: Settings, saved_search_id: str) -> str:
    """What ends the alert of this saved search, and nothing else; it does not age."""
    key = hmac.digest(settings.secret_key.encode(), _PURPOSE, hashlib.sha256)
    return f"{saved_search_id}.{hmac.new(key, saved_search_id.encode(), hashlib.sha256).hexdigest()}"


def unsubscribe_link(settings: Settings, saved_search_id: str) -> str:
    """The page of the portal that asks and then ends it: programs that look at mail follow its links."""
    return f"{settings.public_url}/saved-searches/unsubscribe?token={unsubscribe_token(settings, saved_search_id)}"


def unsubscribed(settings: Settings, token: str) -> str | None:
    """The saved search that the token was made for; None for any other text."""
    id, _, _ = token.partition(".")
    return id if hmac.compare_digest(unsubscribe_token(settings, id).encode(), token.encode()) else None
