"""The queue door: SQS messages in and out."""
