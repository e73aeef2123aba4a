"""``/v1/listen`` over WebSocket."""
