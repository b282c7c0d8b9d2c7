"""Registration: who has a seat."""
