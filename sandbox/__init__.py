"""The local stand-in for Kii: REST API, MQTT broker, fault switch, console page."""
