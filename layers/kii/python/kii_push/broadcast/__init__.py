"""One message to many users: the request, its storage, the fan-out and the progress."""
