"""The attendee's pages: the form, the private page, and what chairs read of the answers."""
