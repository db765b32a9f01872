"""Services and graphs of services."""
