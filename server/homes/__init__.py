"""Gateways and devices: what stands in the homes, and whether it is alive."""
