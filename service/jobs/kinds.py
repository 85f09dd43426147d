"""The kinds of job and the periodic work of the service itself; importing this makes them known, to web and worker."""

from inventory import movements
from service.jobs import appointments, csv_import, housekeeping, privacy, sender_domains, star

__all__ = ["appointments", "csv_import", "housekeeping", "movements", "privacy", "sender_domains", "star"]
