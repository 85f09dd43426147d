"""Stock movements of vehicles: reserved, requested, sent, received and delivered, each by one command.

Sides: the holder's reserves, requests and releases; the keeper's (in whose stock the car stands) approves, declines,
sends and delivers; the receiving side receives. Cars in no dealer's stock are kept by the organisation's distribution.
"""

from inventory.movements.capabilities import capabilities
from inventory.movements.commands import COMMANDS, Given, give
from inventory.movements.holds import end_lapsed_holds

__all__ = ["COMMANDS", "Given", "capabilities", "end_lapsed_holds", "give"]
