from models.data.source import Source, load
from models.recipe import Hardware, TrainConfig
from models.training.checks import check_training


def test_settings_that_go_together_pass() -> None:
    data = load(Source.of("digits"))
    check_training(TrainConfig(patience=3), Hardware(devices=4), data)
    check_training(TrainConfig(precision="16-mixed"), Hardware(accelerator="gpu"), data)
