"""Load clips: what a list of clips holds, and what happens to a wrong one.

Run it from anywhere: ``python examples/01_load_clips.py``. It takes seconds.
"""

from pathlib import Path

import openmer

FOLDER = Path("openmer-demo/examples/corpus")

# A synthetic corpus: 18 clips of 6 subjects. For your own clips write a CSV file, and load it with
# clips = openmer.load_clips("clips.csv")
clips = openmer.synthesize(FOLDER, size="tiny", progress=False)
print(clips)

clip = clips[0]
print(f"The first clip is {clip.key}. The annotators called it {clip.emotion}.")
print(
    f"Frames {clip.onset} to {clip.offset} of {len(clip.frame_paths)} move, {clip.apex} the most."
)
print(f"It lasts {clip.duration_s:.2f} s.")

# As a table of pandas: a row for each clip. Two corpora may both have a subject "s1".
table = clips.to_frame()
print(table.groupby(["corpus", "subject"]).size().rename("clips"))
print(table["label"].value_counts())

# Nothing is read from a wrong list. The error names every wrong row and says what to do.
manifest = FOLDER / "manifest.csv"
wrong = manifest.with_name("wrong.csv")
wrong.write_text(manifest.read_text().replace(",4,9,12,100,", ",9,4,12,100,"))
try:
    openmer.load_clips(wrong)
except openmer.OpenMERError as error:
    print(f"refused: {error}")
wrong.unlink()
