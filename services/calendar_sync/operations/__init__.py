"""The operations of the API, by what they are for; api.py puts them together."""
