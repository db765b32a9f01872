"""Traces; needs the extra `telemetry` when TELEMETRY_ENDPOINT is set."""
