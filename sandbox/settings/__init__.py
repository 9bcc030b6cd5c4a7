"""What a test or a person can set: policies, faults on demand, and the time."""
