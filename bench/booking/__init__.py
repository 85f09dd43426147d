"""What does it cost that two bookings can never collide?"""
