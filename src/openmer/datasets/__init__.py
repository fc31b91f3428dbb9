"""A dataset is the tuple of clips its authors annotated: never pixels, never our classes.

`load_clips` and `load_images` read a corpus that lies on this machine, `check` says what is wrong
with it, `facts` how to ask for it. A manifest (`manifest.read_manifest`) brings one's own clips.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
