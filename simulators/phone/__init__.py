"""A telephone network that exists only here: the provider's HTTP API, and people who answer, or do not.

It speaks to our centre as the real provider does, signatures and all, and never reaches a real telephone.
"""
