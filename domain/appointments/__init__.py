"""What joins appointments with stock, leads, parts and people: test drives, parts kept for work, mails, calendars."""

from domain.appointments import test_drives, parts, letters, reminders  # isort: skip - subscribers in the order of effects

__all__ = ["letters", "parts", "reminders", "test_drives"]
