"""What joins appointments with stock, leads, parts and people: test drives, parts kept for work, invitations."""

from domain.appointments import parts, test_drives  # isort: skip - their subscribers are known with the area

__all__ = ["parts", "test_drives"]
