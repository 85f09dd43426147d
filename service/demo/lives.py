"""The life of a customer's car as dated events, from the plant to today."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import numpy as np

LEASE_DAYS = 3 * 365
USED_AFTER_DAYS = 300


class Life(msgspec.Struct, frozen=True):
    """When a car was first sold, when its present owner got it, and its milestones in the order of their days."""

    sold: date
    purchased: date
    milestones: tuple[tuple[str, date], ...]


def draw_life(rng: np.random.Generator, model_year: int, as_of: date) -> Life:
    """A life of a car of that model year that is owned on `as_of`; no event lies after that day."""

    def later(day: date, least: int, most: int) -> date:
        return min(day + timedelta(days=int(rng.integers(least, most))), as_of)

    built = min(later(date(model_year - 1, 7, 1), 0, 420), as_of - timedelta(days=90))
    shipped = later(built, 3, 15)
    received = later(shipped, 4, 30)
    sold = later(received, 2, 40)
    registered = later(sold, 0, 6)
    serviced = sold + timedelta(days=int(rng.integers(150, 400)))
    events = [("BUILT", built), ("SHIPPED", shipped), ("RECEIVED", received), ("SOLD", sold)]
    events += [("REGISTERED", registered), ("FIRST_SERVICE", serviced)]
    purchased = sold
    owned_days = (as_of - sold).days
    fate = rng.random()
    if fate < 0.15:
        events += [("LEASE_START", sold), ("LEASE_END", sold + timedelta(days=LEASE_DAYS))]
        purchased = sold + timedelta(days=LEASE_DAYS) if owned_days > LEASE_DAYS else sold
    elif fate < 0.45 and owned_days > USED_AFTER_DAYS:
        purchased = later(sold, USED_AFTER_DAYS, owned_days + 1)
    if purchased > sold:
        events.append(("TITLE_TRANSFERRED", purchased))
    if rng.random() < 0.15:
        events.append(("RECALL_DONE", sold + timedelta(days=int(rng.integers(60, 2_000)))))
    if rng.random() < 0.08:
        events.append(("ACCIDENT", sold + timedelta(days=int(rng.integers(20, 2_500)))))
    past = sorted((event for event in events if event[1] <= as_of), key=lambda event: event[1])
    return Life(sold, purchased, tuple(past))
