"""The four services of Lectern."""
