"""Campaigns that try to break the service, and measure it; what they found is kept in docs/reliability.md."""
