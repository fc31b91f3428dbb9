"""Add your own model, evaluate it and audit it.

Run it from anywhere: ``python examples/04_add_your_model.py``. It takes seconds.
"""

from torch import Tensor, nn

import openmer

FOLDER = "openmer-demo/examples"


@openmer.register_model("pocket_net")
class PocketNet(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``."""

    def __init__(self, *, in_channels: int = 3, num_classes: int = 3, size: int = 28) -> None:
        super().__init__()
        side = size // 4
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(4),
            nn.Flatten(),
            nn.Linear(8 * side * side, num_classes),
        )

    def forward(self, flow: Tensor) -> Tensor:
        return self.layers(flow)


clips = openmer.synthesize(f"{FOLDER}/corpus", size="tiny", progress=False)

# STSTNet's recipe with another network. A TOML file of your own does the same.
changes = ["name=pocket-net", "title=PocketNet", "model.name=pocket_net", "training.epochs=30"]
method = openmer.load_method("ststnet", [*changes, "training.standardize=true"])

result = openmer.evaluate(method, clips, out=f"{FOLDER}/runs", workers=1, progress=False)
print(result)
print(result.to_frame())

# The audit trains folds twice: with the held-out subject's clips, and with NaN in their place. Not
# one bit of the weights may differ.
options = {"subjects": 1, "workers": 1, "progress": False}
print(openmer.audit(method, clips, **options))

# With this rule the tested subject chooses the epoch. The audit finds it.
leaky = openmer.audit(method, clips, epoch_rule="held_out", **options)
print(leaky)
print(leaky.to_frame().message[0])
