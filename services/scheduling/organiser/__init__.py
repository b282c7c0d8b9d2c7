"""The organiser's desk in the browser: check, edit, preview, publish, look back."""
