"""Send and manage Kii Cloud push notifications from AWS Lambda. Import from the submodules."""

# The release, which is in every log line. pyproject.toml and CHANGELOG.md name the same one.
__version__ = "0.1.0"
