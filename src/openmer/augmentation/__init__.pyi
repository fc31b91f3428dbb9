from ._augmentation import AUGMENTATIONS as AUGMENTATIONS
from ._augmentation import Augmentation as Augmentation
from ._augmentation import Draws as Draws
from ._augmentation import Planes as Planes
from ._augmentation import apply_all as apply_all
from ._augmentation import sample_all as sample_all
from ._augmentation_field import AugmentationField as AugmentationField
from .affine import Affine as Affine
from .affine import resize_images as resize_images
from .brightness import Brightness as Brightness
from .color_jitter import ColorJitter as ColorJitter
from .contrast import Contrast as Contrast
from .gaussian_noise import GaussianNoise as GaussianNoise
from .horizontal_flip import HorizontalFlip as HorizontalFlip
from .pixel_noise import PixelNoise as PixelNoise
from .random_erasing import RandomErasing as RandomErasing
from .translate import Translate as Translate

__all__ = [
    "AUGMENTATIONS",
    "Affine",
    "Augmentation",
    "AugmentationField",
    "Brightness",
    "ColorJitter",
    "Contrast",
    "Draws",
    "GaussianNoise",
    "HorizontalFlip",
    "PixelNoise",
    "Planes",
    "RandomErasing",
    "Translate",
    "apply_all",
    "resize_images",
    "sample_all",
]
