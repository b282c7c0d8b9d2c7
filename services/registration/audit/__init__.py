"""The audit: recomputes the seats, the order and the outcomes of an event from what is stored, and names what differs."""
