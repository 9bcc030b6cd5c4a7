"""Send and manage Kii Cloud push notifications from AWS Lambda. Import from the submodules."""
