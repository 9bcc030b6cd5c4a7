"""The REST API's machinery: from an HTTP request to an operation's handler and back."""
