"""Typed rules that turn events into alarms; the floors are in code."""
