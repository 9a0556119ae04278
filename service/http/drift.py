"""`GET /drift`: whether each model is used as it was tried out, over all processes."""

from datetime import UTC, datetime
from time import time

from fastapi import APIRouter

from service.contract import Metadata
from service.drift.baseline import UNUSUAL_SHARES, HeldOut
from service.drift.verdict import FALSE_ALARMS, RULE, Verdict
from service.http.schemas.drift import (
    ClassDrift,
    DriftResponse,
    HeldOutRows,
    LabelDrift,
    LayerDrift,
    ModelDrift,
    UnusualDrift,
    WindowDrift,
)
from service.inference.models import Models, ServedModel


def drift_router(models: Models) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["operation"])

    @router.get("/drift")
    async def drift() -> DriftResponse:
        """Tell how far the last 5 minutes, hour and day are from the models' held-out rows."""
        now = time()
        return DriftResponse(
            rule=RULE,
            false_alarms=FALSE_ALARMS,
            models=[_of_model(model, now) for model in models],
        )

    return router


def _of_model(model: ServedModel, now: float) -> ModelDrift:
    metadata, watch = model.metadata, model.watch
    verdicts = [] if watch is None else watch.verdicts(now)
    held_out = None if watch is None else watch.held_out
    return ModelDrift(
        name=metadata.name,
        version=metadata.version,
        held_out=held_out and HeldOutRows(rows=held_out.rows, part=held_out.part),
        drifting=any(verdict.drifting for verdict in verdicts),
        windows=[_of_window(metadata, watch.held_out, each) for each in verdicts if watch],
    )


def _of_window(metadata: Metadata, held_out: HeldOut, verdict: Verdict) -> WindowDrift:
    return WindowDrift(
        window=verdict.window.name,
        begin=datetime.fromtimestamp(verdict.begin, UTC),
        end=datetime.fromtimestamp(verdict.end, UTC),
        slides_seconds=verdict.window.seconds,
        rows=verdict.tallied.rows,
        threshold=verdict.threshold,
        drifting=verdict.drifting,
        layers=_layers(metadata, verdict),
        labels=LabelDrift(
            psi=verdict.label_psi,
            p_value=verdict.label_p_value,
            drifting=verdict.below(verdict.label_p_value),
        ),
        unusual=_unusual(verdict),
        classes=_classes(metadata, held_out, verdict),
    )


def _layers(metadata: Metadata, verdict: Verdict) -> list[LayerDrift]:
    p_values = verdict.layer_p_values or _unknown(len(metadata.layers))
    return [
        LayerDrift(
            name=layer.name,
            number=layer.number,
            psi=psi,
            p_value=p_value,
            drifting=verdict.below(p_value),
        )
        for layer, psi, p_value in zip(
            metadata.layers, verdict.layer_psi.tolist(), p_values, strict=True
        )
    ]


def _unusual(verdict: Verdict) -> list[UnusualDrift]:
    p_values = verdict.unusual_p_values or _unknown(len(UNUSUAL_SHARES))
    return [
        UnusualDrift(
            expected_share=expected,
            rows=rows,
            share=_share(rows, verdict.tallied.rows),
            p_value=p_value,
            drifting=verdict.below(p_value),
        )
        for expected, rows, p_value in zip(
            UNUSUAL_SHARES, verdict.tallied.unusual.tolist(), p_values, strict=True
        )
    ]


def _classes(metadata: Metadata, held_out: HeldOut, verdict: Verdict) -> list[ClassDrift]:
    return [
        ClassDrift(
            label=label,
            rows=rows,
            share=_share(rows, verdict.tallied.rows),
            expected_share=expected / held_out.rows,
            psi=psi,
        )
        for label, rows, expected, psi in zip(
            metadata.labels,
            verdict.tallied.labels.tolist(),
            held_out.predicted.tolist(),
            verdict.class_psi.tolist(),
            strict=True,
        )
    ]


def _share(rows: int, among: int) -> float | None:
    return rows / among if among else None


def _unknown(count: int) -> list[float | None]:
    return [None] * count
