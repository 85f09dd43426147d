"""Booking: holds, appointments and what moves them, the waitlist, and bookings that a changed calendar has broken."""
