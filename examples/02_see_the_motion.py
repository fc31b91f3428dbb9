"""See the motion: optical flow and strain of a clip, beside the truth that only we know.

Run it from anywhere: ``python examples/02_see_the_motion.py``. It takes seconds and writes a
picture.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from openmer.datasets import read_manifest, write_corpus
from openmer.preprocessing import Recipe, optical_flow, optical_strain, read_gray

FOLDER = Path("openmer-demo/examples")

clips = read_manifest(write_corpus(FOLDER / "corpus", "tiny"))
clip = clips[0]
onset, apex = (read_gray(clip.frame_paths[frame]) for frame in (clip.onset or 0, clip.apex or -1))

flow_xy = optical_flow(onset, apex, method="tvl1")  # (2, height, width): u right, v down, pixels
strain = optical_strain(flow_xy)[0]  # deformation; a head that only moves has none

# The synthetic corpus knows every pixel's motion: that of the face, and with the sway of the head.
with np.load(FOLDER / "corpus" / "truth.npz") as truth:
    true_xy = truth[f"{clip.key}/total_flow_xy"].astype(np.float32)
error_px = np.linalg.norm(flow_xy - true_xy, axis=0)
largest_px = np.linalg.norm(true_xy, axis=0).max()
print(f"{clip.key}, {clip.emotion}: pixels move up to {largest_px:.2f} px")
print(f"tvl1 is off by {np.median(error_px):.2f} px (median), {error_px.mean():.2f} px (mean)")

# A method sees less than that: its recipe makes one small array of each clip.
recipe = Recipe.from_tables(
    [
        {"step": "flow", "method": "tvl1", "size": 128},
        {"step": "strain"},
        {"step": "resize", "size": 28},
    ]
)
print(f"recipe {recipe.fingerprint[:12]} makes an array of shape {recipe.run(clip).shape}")

figure, panels = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
panels[0].imshow(onset, cmap="gray")
panels[0].set_title("onset")
panels[1].imshow(apex, cmap="gray")
panels[1].set_title("apex")
panels[2].imshow(np.linalg.norm(flow_xy, axis=0), cmap="magma")
panels[2].set_title("motion, px")
panels[3].imshow(strain, cmap="magma")
panels[3].set_title("strain")
for panel in panels:
    panel.set_axis_off()
figure.savefig(FOLDER / "motion.png", dpi=120)
print(f"picture: {FOLDER / 'motion.png'}")
