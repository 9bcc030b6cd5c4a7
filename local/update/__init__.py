"""The update run: a stack of the last release is updated to this tree while pushes flow through it."""
