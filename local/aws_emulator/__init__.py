"""MiniStack with a guard in front, and with what AWS does where MiniStack does not.

`python -m local.aws_emulator` runs it. It is configured like MiniStack, by environment variables; the access
key in its own environment is the only one that it takes. With EVALUATE_IAM=0 every right is granted, until
the process gets a SIGUSR1.
"""
