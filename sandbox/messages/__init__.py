"""Push messages: Kii's rules for them, the payload of each network, and their delivery to devices."""
