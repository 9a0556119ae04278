import json

from service.inference.traffic import Canary, Traffic
from service.server.artifacts import Artifact, ArtifactKey, ModelSet, describe, received

OLD = Artifact(key=ArtifactKey("a", "1", "f00"), content=b"old bytes")
NEW = Artifact(key=ArtifactKey("a", "2", "f01"), content=b"new")
TRAFFIC = {"a": Traffic(version="1", canary=Canary(version="2", share=0.25))}


def test_only_artifacts_that_are_not_present_are_sent() -> None:
    models = ModelSet(artifacts=(OLD, NEW), traffic=TRAFFIC)
    members, content = describe(models, frozenset({OLD.key}))
    assert content == b"new"
    through_json = received(json.loads(json.dumps(members)), content)
    assert through_json.keys == [OLD.key, NEW.key]
    assert through_json.artifacts == [NEW]
    assert through_json.traffic == TRAFFIC


def test_a_set_is_shown_by_names_and_versions() -> None:
    assert str(ModelSet(artifacts=(OLD, NEW))) == "a version 1, a version 2"
