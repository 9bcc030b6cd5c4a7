"""The fault run: thousands of pushes through the queue while Kii and the senders fail, then the reckoning."""
