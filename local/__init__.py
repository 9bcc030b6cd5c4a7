"""The local stack: the sandbox for Kii, MiniStack for AWS, and the template deployed to it by SAM."""
