"""The MQTT side: the broker process, its WebSocket bridge, and each device's account on it."""
