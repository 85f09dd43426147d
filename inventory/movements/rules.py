"""Who may give which command when: one answer for those who ask and for those who give it."""

from __future__ import annotations

from collections.abc import Callable

from domain.kit.errors import CommandNotAllowed, Forbidden, Problem, RecallOpen
from domain.kit.policy import Principal
from inventory.movements.car import Car, acts_for, own_side

Rule = Callable[[Car, Principal], Problem | None]


def _not_now(car: Car, detail: str) -> Problem:
    return CommandNotAllowed(detail, state=car.status)


_KEEPER_ALONE = "Only the keeper of the car may do this"


def is_near(car: Car, principal: Principal) -> bool:
    """Whether the car stands in the caller's own dealer group or at a centre of the organisation."""
    return car.keeper_id is None or car.keeper_id in principal.group_units or acts_for(principal, car.keeper_id)


def _reserve(car: Car, principal: Principal) -> Problem | None:
    if not own_side(principal)[0]:
        return Forbidden("Your roles do not let you hold cars")
    if car.status != "IN_STOCK":
        return _not_now(car, f"The car is {_words(car.status)}; only cars in stock are reserved")
    return None


def holds(car: Car, principal: Principal) -> bool:
    """Whether the caller's side holds the car by reservation."""
    if car.reservation is not None:
        return acts_for(principal, car.reservation.account_id)
    return car.held_plainly and acts_for(principal, car.keeper_id)


def may_end_reservation(car: Car, principal: Principal) -> bool:
    """The holder's side ends it, and distribution at the organisation's own centres."""
    return holds(car, principal) or (
        car.reservation is not None and car.keeper_id is None and acts_for(principal, None)
    )


def may_end_order(car: Car, principal: Principal) -> bool:
    """The receiving side takes its request back until the car is sent; so does distribution at its own centres."""
    order = car.order
    if order is None or order.status == "IN_TRANSIT":
        return False
    if acts_for(principal, order.to_account_id):
        return True
    return None in (order.from_account_id, order.to_account_id) and acts_for(principal, None)


def _release(car: Car, principal: Principal) -> Problem | None:
    waiting = car.order is not None and car.order.status != "IN_TRANSIT"
    if car.reservation is None and not car.held_plainly and not waiting:
        return _not_now(car, "Nothing holds the car")
    if not may_end_reservation(car, principal) and not may_end_order(car, principal):
        return Forbidden("Only those who hold the car may release it")
    return None


def _request_transfer(car: Car, principal: Principal) -> Problem | None:
    if not own_side(principal)[0]:
        return Forbidden("Your roles do not let you request cars")
    if car.order is not None:
        return _not_now(car, f"A transfer of the car is {_words(car.order.status)}")
    if car.status not in ("IN_STOCK", "RESERVED"):
        return _not_now(car, f"The car is {_words(car.status)}")
    if car.status == "RESERVED" and not holds(car, principal):
        return _not_now(car, "The car is reserved")
    return None


def _is_asked(car: Car) -> bool:
    return any(one is not None and one.status == "REQUESTED" for one in (car.reservation, car.order))


def _answer(car: Car, principal: Principal) -> Problem | None:
    if not acts_for(principal, car.keeper_id):
        return Forbidden(_KEEPER_ALONE)
    if not _is_asked(car):
        return _not_now(car, "Nothing is requested")
    return None


def _dispatch(car: Car, principal: Principal) -> Problem | None:
    if not acts_for(principal, car.keeper_id):
        return Forbidden(_KEEPER_ALONE)
    if car.order is None or car.order.status != "APPROVED":
        return _not_now(car, "No approved transfer waits for the car to be sent")
    return None


def _receive(car: Car, principal: Principal) -> Problem | None:
    if car.order is None or car.order.status != "IN_TRANSIT":
        return _not_now(car, "The car is under way to nobody")
    if not acts_for(principal, car.order.to_account_id):
        return Forbidden("Only the receiving location may receive the car")
    return None


def _deliver(car: Car, principal: Principal) -> Problem | None:
    if not acts_for(principal, car.keeper_id):
        return Forbidden(_KEEPER_ALONE)
    if car.status not in ("IN_STOCK", "RESERVED"):
        return _not_now(car, f"The car is {_words(car.status)}")
    if car.order is not None:
        return _not_now(car, f"A transfer of the car is {_words(car.order.status)}")
    held = car.reservation
    if held is not None and (held.status != "ACTIVE" or not car.same_group(held.account_id, car.keeper_id)):
        return _not_now(car, "The car is reserved for others")
    if "RECALL" in car.entry.holds:
        return RecallOpen("The car has an open recall and cannot be delivered", state=car.status)
    return None


def _words(status: str) -> str:
    return status.lower().replace("_", " ")


RULES: dict[str, Rule] = {
    "reserve": _reserve,
    "release": _release,
    "request_transfer": _request_transfer,
    "approve": _answer,
    "decline": _answer,
    "dispatch": _dispatch,
    "receive": _receive,
    "deliver": _deliver,
}
"""Why a command is refused to a caller on a car now; None where it is not."""
