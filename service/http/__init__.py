"""HTTP: the routes, and a direct path through uvicorn for the inference endpoints."""
