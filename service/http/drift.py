"""`GET /drift`: the last drift decision for each window of each model, over all processes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from time import time
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel

from service.contract import Metadata
from service.drift.baseline import ATYPICAL_SHARES, HeldOut, IntArray
from service.drift.monitor import FALSE_ALARMS, RULE, DriftDecision
from service.drift.summary import summary_of
from service.http.schemas import drift as schemas
from service.inference.models import Models, ServedModel

Item = TypeVar("Item", bound=BaseModel)


def drift_router(models: Models) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["operation"])

    @router.get("/drift")
    async def drift() -> schemas.DriftResponse:
        """Compare the last 5 minutes, hour and day of traffic with the models' held-out rows."""
        now = time()
        described = [_of_model(model, now) for model in models]
        return schemas.DriftResponse(
            summary=" ".join(model.summary for model in described),
            rule=RULE,
            false_alarms=FALSE_ALARMS,
            models=described,
        )

    return router


def _of_model(model: ServedModel, now: float) -> schemas.ModelDrift:
    metadata, monitor = model.metadata, model.drift_monitor
    windows, part, summary = [], None, summary_of(metadata, None, ())
    if monitor is not None:
        held_out, decisions = monitor.held_out, monitor.decisions(now)
        windows = [_of_window(metadata, held_out, decision) for decision in decisions]
        part = schemas.HeldOutPart(rows=held_out.rows, part=held_out.part)
        summary = summary_of(metadata, held_out, decisions)
    return schemas.ModelDrift(
        summary=summary,
        name=metadata.name,
        version=metadata.version,
        held_out=part,
        drifting=any(window.drifting for window in windows),
        windows=windows,
    )


def _of_window(
    metadata: Metadata, held_out: HeldOut, decision: DriftDecision
) -> schemas.WindowDrift:
    counts, rows = decision.counts, decision.counts.rows
    layer_p_values: list[Any] = decision.layer_p_values or [None] * len(metadata.layers)
    atypical_p_values: list[Any] = decision.atypical_p_values or [None] * len(ATYPICAL_SHARES)
    return schemas.WindowDrift(
        window=decision.window.name,
        begin=datetime.fromtimestamp(decision.begin, UTC),
        end=datetime.fromtimestamp(decision.end, UTC),
        slides_seconds=decision.window.seconds,
        rows=rows,
        threshold=decision.threshold,
        drifting=decision.drifting,
        layers=_list_of(
            schemas.LayerDrift,
            name=[layer.name for layer in metadata.layers],
            number=[layer.number for layer in metadata.layers],
            psi=decision.layer_psi.tolist(),
            p_value=layer_p_values,
            drifting=map(decision.below, layer_p_values),
        ),
        labels=schemas.LabelDrift(
            psi=decision.label_psi,
            p_value=decision.label_p_value,
            drifting=decision.below(decision.label_p_value),
        ),
        atypical=_list_of(
            schemas.AtypicalDrift,
            expected_share=ATYPICAL_SHARES,
            rows=counts.atypical.tolist(),
            share=_shares(counts.atypical, rows),
            p_value=atypical_p_values,
            drifting=map(decision.below, atypical_p_values),
        ),
        classes=_list_of(
            schemas.ClassDrift,
            label=metadata.labels,
            rows=counts.labels.tolist(),
            share=_shares(counts.labels, rows),
            expected_share=_shares(held_out.predicted, held_out.rows),
            psi=decision.class_psi.tolist(),
        ),
    )


def _list_of(kind: type[Item], **columns: Iterable[Any]) -> list[Item]:
    """Return an item for each row of the columns, which are named after the item's fields."""
    rows = zip(*columns.values(), strict=True)
    return [kind(**dict(zip(columns, row, strict=True))) for row in rows]


def _shares(counts: IntArray, rows: int) -> list[Any]:
    return (counts / rows).tolist() if rows else [None] * len(counts)
