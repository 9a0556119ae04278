"""The client of a command: its calls return the server's responses, which `--json` prints."""

from highway_client.attempts import Response
from highway_client.calls import Row, Rows, Time, request_path
from highway_client.client import Client
from highway_client.description import ModelDescription
from highway_client.errors import ResponseError, ServerError
from highway_client.predictions import Predictions


class Connection(Client):
    """A client for commands."""

    def predict_part(self, rows: Rows, model: ModelDescription) -> Predictions:
        """Predict rows that were read for a model; refuse another version of it."""
        predictions = self.predict(rows)
        found = self._run(self._calls.described(predictions.model_name, predictions.model_version))
        if (found.input, found.labels) != (model.input, model.labels):
            raise ResponseError(
                "the server has loaded another version of the model since; run the command again"
            )
        return predictions

    def explanation(self, row: Row, *, inputs: bool) -> Response:
        """Explain a row."""
        return self._run(self._calls.explain_response(row, gate_units=False, inputs=inputs))

    def recorded(self, request_id: str) -> Response:
        """Get the recorded rows of a request."""
        return self._run(self._calls.get(request_path(request_id)))

    def recorded_page(self, parameters: dict[str, object]) -> Response:
        """Get a page of recorded rows."""
        return self._run(self._calls.get("/requests", parameters))

    def recorded_explanation(
        self, request_id: str, *, row: int, time: Time | None, inputs: bool
    ) -> Response:
        """Explain a recorded row."""
        steps = self._calls.explain_again_response(
            request_id, row=row, time=time, gate_units=False, inputs=inputs
        )
        return self._run(steps)

    def flagged(
        self, request_id: str, *, row: int, time: Time | None, tag: str, remove: bool
    ) -> Response:
        """Add a tag to a recorded row, or remove it."""
        change = self._calls.unflag_response if remove else self._calls.flag_response
        return self._run(change(request_id, row=row, time=time, tag=tag))

    def drift_response(self) -> Response:
        """Get the drift of every model."""
        return self._run(self._calls.get("/drift"))

    def served(self, name: str, version: str) -> ModelDescription | None:
        """Return the description of a version of a model; None if it cannot be had.

        It is no longer served, or the API key may read the ledger and not the models.
        """
        try:
            return self._run(self._calls.described(name, version))
        except ServerError as error:
            if error.status not in (403, 404):
                raise
            return None
