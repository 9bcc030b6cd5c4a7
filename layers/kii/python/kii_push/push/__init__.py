"""One push, safely: claim, check, send, record."""
