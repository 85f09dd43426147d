"""Record types that every area uses: jobs, messages, notes, attachments, consent, legal holds and webhooks."""

from domain.kit.attachments import Attachment
from domain.kit.consent import Consent
from domain.kit.jobs import Job
from domain.kit.legal_hold import LegalHold
from domain.kit.messages import Message, SenderDomain
from domain.kit.notes import Note
from domain.kit.webhooks import WebhookDelivery, WebhookSubscription

__all__ = [
    "Attachment",
    "Consent",
    "Job",
    "LegalHold",
    "Message",
    "Note",
    "SenderDomain",
    "WebhookDelivery",
    "WebhookSubscription",
]
