"""Kii's own terms, which every other room speaks: who calls, where a thing lives, how a call is refused."""
