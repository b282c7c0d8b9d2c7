"""Calendar-sync: every calendar right."""
