"""What a training run leaves behind."""
import math
from dataclasses import dataclass, field


@dataclass
class History:
    """loss: of each step, in nats for cross entropy;  epochs: a row of measures each, such as test_accuracy.

    `steps` are the numbers of steps done at the ends of the epochs.
    """
    loss: list[float] = field(default_factory=list)
    epochs: list[dict] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    def column(self, name):
        """One measure over the epochs; nan where an epoch has none."""
        return [row.get(name, math.nan) for row in self.epochs]
