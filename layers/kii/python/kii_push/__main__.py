"""Check, send and manage Kii pushes from a shell: `.venv/bin/python -m kii_push --help`.

From the repository's root, after `make setup`. `check` works offline. `dead-letters` invokes the redrive
function, the stack's output `RedriveFunctionName`, in KII_PUSH_REDRIVE_FUNCTION or `--function`. The others
call the deployed HTTPS API, whose address is the stack's output `ApiUrl`, in KII_PUSH_API_URL or `--url`. All
sign with the AWS credentials that the AWS command line would use.

    python -m kii_push check message.json
    python -m kii_push send message.json --to user:LOGIN_NAME:bob
    python -m kii_push subscriptions add topic:news user:LOGIN_NAME:bob
    python -m kii_push dead-letters list

The exit status is 0 when all is well; 1 when Kii, its rules or the API refuse; 2 when the command line is
wrong; 3 when a push was not sent and may be tried again; 4 when nobody knows whether it was sent.
"""

from kii_push.cli.app import main

main()
