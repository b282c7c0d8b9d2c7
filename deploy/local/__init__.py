"""The embedded default: everything on one machine, with no Docker and nothing installed by hand."""
