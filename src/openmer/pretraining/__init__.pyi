from ._images import ImageReader as ImageReader
from ._images import ImageSet as ImageSet
from ._images import subjects_of_images as subjects_of_images
from ._inputs_sheet import draw_prepared as draw_prepared
from ._plan import PretrainResources as PretrainResources
from ._run import PretrainingTask as PretrainingTask
from ._run import prepare_pretraining as prepare_pretraining
from ._run import pretraining_of as pretraining_of
from ._run import run_pretraining as run_pretraining

__all__ = [
    "ImageReader",
    "ImageSet",
    "PretrainResources",
    "PretrainingTask",
    "draw_prepared",
    "prepare_pretraining",
    "pretraining_of",
    "run_pretraining",
    "subjects_of_images",
]
