"""The pushes that wait for a person: what they are, and what can be done about them."""
