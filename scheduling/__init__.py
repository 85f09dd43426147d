"""Workshop time: centres, technicians, shifts, and the slots and bookings made of them."""
