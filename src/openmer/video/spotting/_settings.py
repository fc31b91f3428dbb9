"""The thresholds and windows of the motion spotter."""

from __future__ import annotations

from dataclasses import dataclass, fields

from openmer.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotSettings:
    """Thresholds and windows of `MotionSpotter`; seconds, and pixels of the patch of a face.

    Attributes:
        threshold: How many times its noise floor a region must move.
        least_px: How far it must move at least; the face is 134 pixels wide.
        brief_s: Window of the running median that micro-expressions stand out from.
        long_s: Window of the running median that longer movements stand out from.
        noise_window_s: Window in which the noise floor of a region is measured.
        longest_s: Longest movement that is reported.
        smooth_s: Standard deviation of the Gaussian that all curves are smoothed with.
        edge: Share of the peak at which the edges of a movement are looked for.
        per_warp: Added to the threshold for each pixel that the head's turning warps the face.
        per_head: Added for each pixel that the head has shifted, turned or grown.
        blink: Factor on the threshold of the cheeks during a blink; the regions near the eyes are
            not looked at meanwhile.
        talk: Factor on the threshold of cheeks and nose while the mouth talks; the regions of the
            mouth are not looked at meanwhile.
    """

    threshold: float = 6.0
    least_px: float = 0.15
    brief_s: float = 1.6
    long_s: float = 7.0
    noise_window_s: float = 20.0
    longest_s: float = 4.0
    smooth_s: float = 0.02
    edge: float = 0.3
    per_warp: float = 0.2
    per_head: float = 0.02
    blink: float = 2.0
    talk: float = 4.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value >= 0:
                raise ConfigError(f"{field.name} is {value}; give 0 or a positive number.")
        if not 0 < self.edge < 1:
            raise ConfigError(f"edge is {self.edge}; give a share of the peak between 0 and 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSettings:
    """Thresholds for faces that are followed by their mesh; shares are of the face's width.

    Attributes:
        ratio: Height of a brief movement over the noise of its regions.
        least_share: Least height.
        most_share: Height above which a brief movement is an error of tracking.
        most_per_s: Speed above which it is one, widths a second.
        shape: Share of the changes around that a brief movement must explain.
        cheek: Factor on the noise of cheeks, at whose border hair and background move.
        per_spread: Added to the factor on the noise for each pixel that the rigid parts of the face
            do not move as one.
        per_turn: Added to the factor on the noise for each degree a second that the head turns.
        least_s: Shortest piece that can be measured.
        long_share: Distance from rest that a long movement must pass.
        long_edge: Share of it at which the edges of a long movement are.
        long_smooth_s: Standard deviation of the Gaussian that the mesh is smoothed with.
        talk: Factor on the distance of the mouth from rest while it talks.
        likelihood: From which a movement that the filters find is one, 0..1.
    """

    ratio: float = 4.5
    least_share: float = 0.0015
    most_share: float = 0.028
    most_per_s: float = 0.8
    shape: float = 0.7
    cheek: float = 1.5
    per_spread: float = 0.5
    per_turn: float = 0.03
    least_s: float = 1.2
    long_share: float = 0.035
    long_edge: float = 0.6
    long_smooth_s: float = 0.08
    talk: float = 3.0
    likelihood: float = 0.7

    def __post_init__(self) -> None:
        if not 0 < self.likelihood < 1:
            raise ConfigError(
                f"Found likelihood={self.likelihood}; expected a number between 0 and 1."
            )
