"""The judge: a classifier of avatars' attributes. Trained on rendered avatars, it measures G(x) and never trains g."""

from __future__ import annotations

from torch import Tensor, nn

JUDGE_ATTRIBUTES = (
    "glasses", "bald", "hat", "beard", "male", "smiling",
    "hair_black", "hair_brown", "hair_blond", "hair_grey", "dark_skin",
)  # fmt: skip
"""The attributes, in the order of the judge's logits."""


class Judge(nn.Module):
    """Stride-2 convolutions with batch norm on 64×64 pictures. width: channels of the first layer."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.config = {"width": width}
        layers: list[nn.Module] = []
        for a, b in zip((3, width, 2 * width, 4 * width), (width, 2 * width, 4 * width, 8 * width)):
            layers += [nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.2))
        self.classify = nn.Linear(8 * width * 4, len(JUDGE_ATTRIBUTES))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, 64, 64) in [-1, 1], avatars over mid-grey → (B, len(JUDGED)) logits."""
        return self.classify(self.body(x))
