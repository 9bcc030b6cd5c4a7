"""Kii's push message and its rules, checked offline."""
