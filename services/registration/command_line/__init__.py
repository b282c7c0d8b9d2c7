"""`lectern audit registration`: prove from a terminal that every seat was given rightly."""
