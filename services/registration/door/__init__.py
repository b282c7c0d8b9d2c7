"""The door: who is here, by ticket, on a helper's phone."""
