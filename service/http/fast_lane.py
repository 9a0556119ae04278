"""What the protocol needs of the application; goes there with the lifespan's state."""

from service.http.reception import Reception
from service.http.routes import Routes

FAST_LANE = "fast_lane"  # its key


class FastLane:
    """What the protocol needs of the application."""

    def __init__(
        self, reception: Reception, routes: Routes, *, max_body_bytes: int, receive_seconds: float
    ) -> None:
        self.reception = reception
        self.routes = routes
        self.max_body_bytes = max_body_bytes
        self.receive_seconds = receive_seconds
