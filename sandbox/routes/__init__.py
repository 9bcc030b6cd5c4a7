"""Kii's REST operations, a module for each resource; `sandbox.app` puts them together."""
