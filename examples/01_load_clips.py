"""Load clips: what a manifest holds, and what OpenMER makes of it.

Run it from anywhere: ``python examples/01_load_clips.py``. It takes seconds.
"""

from collections import Counter
from pathlib import Path

from openmer.datasets import label_scheme, labelled, read_manifest, write_corpus
from openmer.errors import DataError

FOLDER = Path("openmer-demo/examples")

# A synthetic corpus: 18 clips of 6 subjects in two pseudo corpora. For your own clips, write a
# manifest by hand and leave this line out: manifest = Path("clips.csv")
manifest = write_corpus(FOLDER / "corpus", "tiny")

clips = read_manifest(manifest)
clip = clips[0]
print(f"{len(clips)} clips, the first is {clip.key}")
print(f"  the annotators called it {clip.emotion!r}")
print(f"  frames {clip.onset} to {clip.offset} of {len(clip.frame_paths)}, apex {clip.apex}")
print(f"  {clip.duration_s:.2f} s at {float(clip.fps or 0):g} frames per second")

# Subjects are unique across corpora: both corpora here have somebody called "s1".
subjects = Counter(clip.subject_id for clip in clips)
print(
    "subjects:",
    ", ".join(f"{subject_id} ({count})" for subject_id, count in sorted(subjects.items())),
)

# A label scheme groups the annotators' words into classes, as a paper defined them.
scheme = label_scheme("megc2019-3")
kept, targets = labelled(clips, scheme)
print(f"{scheme.name}, from {scheme.source}:")
for index, name in enumerate(scheme.classes):
    words = {clip.emotion for clip, target in zip(kept, targets, strict=True) if target == index}
    print(f"  {name}: {targets.count(index)} clips, called {', '.join(sorted(words))}")

# A wrong manifest is not read in part: every wrong row is named, with what to do.
wrong = manifest.with_name("wrong.csv")
wrong.write_text(manifest.read_text().replace(",4,9,12,100,", ",9,4,12,100,"))
try:
    read_manifest(wrong)
except DataError as error:
    print(f"refused: {error}")
finally:
    wrong.unlink()
