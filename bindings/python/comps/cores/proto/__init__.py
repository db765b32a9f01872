"""Messages between services."""
