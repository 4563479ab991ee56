"""Accounts are tested at the desk, where they are used."""

from tests.console.conftest import desk

__all__ = ["desk"]
