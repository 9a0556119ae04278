"""All experiments by name, in the order of `highway reproduce`'s list."""

from functools import partial

from models.errors import ConfigError, join_strings
from models.reproduction.accuracy import CONV_16, CONV_32, reproduce_accuracy
from models.reproduction.cifar import CIFAR_10, CIFAR_100, reproduce_cifar
from models.reproduction.depth import reproduce_convergence, reproduce_depth
from models.reproduction.experiment import Experiment
from models.reproduction.gates import reproduce_gates, reproduce_lesion
from models.reproduction.pruning import reproduce_pruning
from models.reproduction.refinement import reproduce_refinement
from models.reproduction.thousand import reproduce_thousand

PAPER = "Srivastava, Greff and Schmidhuber 2015, arXiv 1507.06228"
HELD_OUT = 0.1
SEARCHED = ("trials", "epochs", "precision")  # options of networks whose settings are searched
SINGLE = ("epochs", "precision")  # options of one network of each kind
SEEDED = ("seeds", "epochs", "precision")  # options of networks with settings of their own

_ALL = (
    Experiment(
        name="depth",
        about="Training loss of 10, 20, 50 and 100 layers, highway and plain",
        source=f"{PAPER}, section 3.1 and figure 1",
        data="mnist",
        duration="25 minutes",
        validation_share=HELD_OUT,
        options=SEARCHED,
        run=reproduce_depth,
    ),
    Experiment(
        name="convergence",
        about="Epochs until a highway network reaches the plain network's lowest training loss",
        source=f"{PAPER}, section 3.1",
        data="mnist",
        duration="25 minutes; seconds after `depth`, whose trainings it uses",
        validation_share=HELD_OUT,
        options=SEARCHED,
        run=reproduce_convergence,
    ),
    Experiment(
        name="thousand-layers",
        about="Test accuracy of a dense network of 1,000 layers",
        source="Srivastava, Greff and Schmidhuber 2015, arXiv 1505.00387, which trains 900 layers",
        data="mnist",
        duration="15 minutes",
        validation_share=HELD_OUT,
        options=SEEDED,
        run=reproduce_thousand,
    ),
    Experiment(
        name="mnist-conv-16",
        about="Test accuracy of the convolutional network with 38,986 parameters",
        source=f"{PAPER}, section 3.2 and table 1",
        data="mnist",
        duration="45 minutes",
        validation_share=0.0,
        options=SEEDED,
        run=partial(reproduce_accuracy, CONV_16),
    ),
    Experiment(
        name="mnist-conv-32",
        about="Test accuracy of the convolutional network with 151,690 parameters",
        source=f"{PAPER}, section 3.2 and table 1",
        data="mnist",
        duration="60 minutes",
        validation_share=0.0,
        options=SEEDED,
        run=partial(reproduce_accuracy, CONV_32),
    ),
    Experiment(
        name="gates",
        about="Gate biases, gates and outputs of a dense network of 50 layers",
        source=f"{PAPER}, section 4.1 and figures 2 and 3",
        data="mnist",
        duration="4 minutes; two after another experiment with this network",
        validation_share=HELD_OUT,
        options=SINGLE,
        run=reproduce_gates,
    ),
    Experiment(
        name="lesion",
        about="Accuracy of a dense network of 50 layers with each layer closed in turn",
        source=f"{PAPER}, section 4.2 and figure 4",
        data="mnist",
        duration="4 minutes; two after another experiment with this network",
        validation_share=HELD_OUT,
        options=SINGLE,
        run=reproduce_lesion,
    ),
    Experiment(
        name="pruning",
        about="Layers of a dense network of 50 layers that can be removed for good",
        source="our own experiment: the papers close layers, and remove none",
        data="mnist",
        duration="5 minutes",
        validation_share=HELD_OUT,
        options=SINGLE,
        run=reproduce_pruning,
    ),
    Experiment(
        name="refinement",
        about="Layers of a stage refine one estimate: its error, and layers in other orders",
        source="Greff, Srivastava and Schmidhuber 2016, arXiv 1612.07771",
        data="mnist",
        duration="20 minutes; 6 after `mnist-conv-16`",
        validation_share=HELD_OUT,
        options=SINGLE,
        run=reproduce_refinement,
    ),
    Experiment(
        name="cifar10",
        about="Test accuracy of the convolutional network of 19 layers on CIFAR-10",
        source=f"{PAPER}, section 3.3.2 and table 3",
        data="cifar10",
        duration="three epochs in 20 minutes",
        validation_share=HELD_OUT,
        options=SEEDED,
        run=partial(reproduce_cifar, CIFAR_10),
    ),
    Experiment(
        name="cifar100",
        about="Test accuracy of the convolutional network of 19 layers on CIFAR-100",
        source=f"{PAPER}, section 3.3.2 and table 3",
        data="cifar100",
        duration="three epochs in 20 minutes",
        validation_share=HELD_OUT,
        options=SEEDED,
        run=partial(reproduce_cifar, CIFAR_100),
    ),
)
EXPERIMENTS = {experiment.name: experiment for experiment in _ALL}


def experiment(name: str) -> Experiment:
    """Return the experiment of that name; a `ConfigError` if there is none."""
    if name not in EXPERIMENTS:
        known = join_strings(list(EXPERIMENTS))
        raise ConfigError(f"NAME: expected one of {known}, found {name!r}")
    return EXPERIMENTS[name]
