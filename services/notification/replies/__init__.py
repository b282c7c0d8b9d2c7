"""Answers to mailed invitations: taken, read, judged, and after a grace time passed on."""
