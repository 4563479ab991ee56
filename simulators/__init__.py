"""Homes, devices, people and a telephone network that exist only here, and the scenarios they play. No real data."""
