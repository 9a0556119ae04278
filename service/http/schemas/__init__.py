"""The shapes of requests and answers, for the OpenAPI description; they import pydantic alone."""
