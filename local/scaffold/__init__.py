"""Start a new function from templates: `make function`."""
