"""The organiser's desk of attendees in the browser: who comes, why not, and everything that is done about it by hand."""
