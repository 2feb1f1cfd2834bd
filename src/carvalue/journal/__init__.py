"""The durable record of every quote and every reported sale."""
