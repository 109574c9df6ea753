"""The gateway and everything that it shares with the workers."""
