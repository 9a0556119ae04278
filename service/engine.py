"""Runs the classifier off the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from service.classifier import Answer, Classifier, FloatArray
from service.errors import InputError


class Engine:
    """One model and the thread that answers for it: the event loop never waits for a run."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")

    async def answer(self, rows: FloatArray) -> Answer:
        """Answer rows (n, features); rows whose answer is not finite are an `InputError`."""
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._thread, self.classifier.run, rows)
        if not answer.finite.all():
            raise InputError(
                f"row {int(answer.finite.argmin())}: expected values that the network can add up, "
                "found some so large that its answer is no number"
            )
        return answer

    def close(self) -> None:
        """Finish the run under way and end the thread."""
        self._thread.shutdown()
