"""Models: one paper, one file, a plain ``nn.Module`` that knows no corpus and no training."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
