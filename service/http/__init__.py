"""The routes, and the short way through uvicorn that the two inference endpoints take."""
