"""HTTP: one way of errors, logs, languages and pages for all services."""
