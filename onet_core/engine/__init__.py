"""The worker process that holds torch, and the client that talks to it over pipes."""
