"""Run the emulator in this process until it is ended."""

import os

# MiniStack reads it when it is imported.
os.environ["AUTH"] = "true"

import ministack.app

from local.aws_emulator.guard import Guard
from local.aws_emulator.patches import apply

apply(evaluate_iam=os.environ.get("EVALUATE_IAM", "1") == "1")
ministack.app.app = Guard(ministack.app.app)
ministack.app.main()
