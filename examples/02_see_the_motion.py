"""See the motion: what a method makes of a clip, beside the true motion.

Run it from anywhere: ``python examples/02_see_the_motion.py``. It takes seconds and writes a
picture.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import openmer

FOLDER = Path("openmer-demo/examples")

clip = openmer.synthesize(FOLDER / "corpus", size="tiny", progress=False)[0]

# The recipe of a method turns the frames into one array. STSTNet takes optical flow from the onset
# to the apex: u (right), v (down) and strain, each stretched to 0..255. Here in full size.
method = openmer.load_method("ststnet", ["recipe.2.size=128"])
u, v, strain = method.recipe.run(clip)
print(f"{method.title} sees {clip.key} as an array of shape {(3, *u.shape)}")

# Only a synthetic corpus knows how every pixel really moves.
with np.load(FOLDER / "corpus" / "truth.npz") as truth:
    true_u, true_v = truth[f"{clip.key}/total_flow_xy"].astype(float)
for name, found, true in (("u", u, true_u), ("v", v, true_v)):
    correlation = np.corrcoef(found.ravel(), true.ravel())[0, 1]
    print(f"{name}: up to {abs(true).max():.2f} px, correlation with the truth {correlation:.2f}")

pictures = {
    "onset": plt.imread(clip.frame_paths[clip.onset]),
    "apex": plt.imread(clip.frame_paths[clip.apex]),
    "true motion": np.hypot(true_u, true_v),
    "u": u,
    "v": v,
    "strain": strain,
}
colours = {"onset": "gray", "apex": "gray", "u": "coolwarm", "v": "coolwarm"}
figure, panels = plt.subplots(1, len(pictures), figsize=(15, 3), layout="constrained")
for panel, (name, picture) in zip(panels, pictures.items(), strict=True):
    panel.imshow(picture, cmap=colours.get(name, "magma"))
    panel.set_title(name)
    panel.set_axis_off()
figure.savefig(FOLDER / "motion.png", dpi=120)
print(f"picture: {FOLDER / 'motion.png'}")
