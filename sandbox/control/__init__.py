"""The control calls below `/_sandbox` and the console: what a test or a person tells and asks the sandbox."""
