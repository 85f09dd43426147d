"""Stock search in memory: immutable segments of columns, searched by the kernel, changed by whole snapshots."""

from inventory.index.audience import EVERYTHING, GUEST, Audience
from inventory.index.fragments import VehicleView
from inventory.index.stock import StockIndex

__all__ = ["EVERYTHING", "GUEST", "Audience", "StockIndex", "VehicleView"]
