"""How a method is evaluated: predictions, scores, intervals, comparisons, reports; no PyTorch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
