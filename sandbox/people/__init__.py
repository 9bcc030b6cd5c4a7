"""Who exists and who may do what: apps, users, groups and things, their tokens and permissions."""
