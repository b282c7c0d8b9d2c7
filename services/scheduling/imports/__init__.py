"""Agendas from other people's formats: schedule JSON and XML, iCalendar, CSV. Each reader only reads; merge.py decides."""
