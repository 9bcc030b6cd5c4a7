"""The Kii REST client."""
