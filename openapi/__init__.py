"""The HTTPS door's one description, and the two files made from it: the public document and the gateway's."""
