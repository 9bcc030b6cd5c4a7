"""The HTTPS door: API Gateway's event in, JSON or an RFC 9457 problem out."""
