from ._cache import ArrayCache as ArrayCache
from ._cache import default_cache_root as default_cache_root
from ._failures import Failure as Failure
from ._failures import Failures as Failures
from ._failures import OnFailure as OnFailure
from ._failures import StepError as StepError
from ._failures import listed as listed
from ._failures import step_of as step_of
from ._frame_sequence import Frames as Frames
from ._frames import LUMA as LUMA
from ._frames import Pixels as Pixels
from ._frames import colours_of as colours_of
from ._frames import gray_of as gray_of
from ._frames import read_gray as read_gray
from ._frames import read_pixels as read_pixels
from ._frames import read_rgb as read_rgb
from ._input_pictures import Picture as Picture
from ._input_pictures import input_pictures as input_pictures
from ._interpolate import interpolate_frames as interpolate_frames
from ._one_thread import opencv_on_one_thread as opencv_on_one_thread
from ._prepare import fingerprint as fingerprint
from ._prepare import has_foreign_code as has_foreign_code
from ._prepare import prepare as prepare
from ._recipe import Recipe as Recipe
from ._recipe import list_steps as list_steps
from ._recipe_field import RecipeField as RecipeField
from ._sheet import inspect_clip as inspect_clip
from ._sheet import sheet_form as sheet_form
from ._sheet import write_sheet as write_sheet
from ._summary import HOLDS_BINS as HOLDS_BINS
from ._summary import count_preprocessing as count_preprocessing
from ._summary import median_magnification as median_magnification
from .faces._align import find_alignment as find_alignment
from .faces._alignment import Alignment as Alignment
from .faces._alignment import mask_eyes as mask_eyes
from .faces._detect import WHOLE as WHOLE
from .faces._detect import ArrayStore as ArrayStore
from .faces._detect import Face as Face
from .faces._detect import choose_face as choose_face
from .faces._detect import detect_faces as detect_faces
from .faces._detect import list_detectors as list_detectors
from .faces._detect import register_detector as register_detector
from .faces._mesh import LEFT_EYE as LEFT_EYE
from .faces._mesh import RIGHT_EYE as RIGHT_EYE
from .faces._mesh import EyeLook as EyeLook
from .faces._mesh import Mesh as Mesh
from .faces._mesh import find_mesh as find_mesh
from .faces._mesh import look_at_eye as look_at_eye
from .faces._mesh_files import fetch_face_mesh as fetch_face_mesh
from .flow._colours import flow_to_rgb as flow_to_rgb
from .flow._colours import round_up as round_up
from .flow._flow import list_flow_methods as list_flow_methods
from .flow._flow import optical_flow as optical_flow
from .flow._flow import register_flow as register_flow
from .flow._motion import cell_means as cell_means
from .flow._motion import center_flow as center_flow
from .flow._motion import flow_gradients as flow_gradients
from .flow._motion import power_normalise as power_normalise
from .flow._motion import residual_flow as residual_flow
from .flow._resample import average as average
from .flow._resample import flip_flow as flip_flow
from .flow._resample import resize_flow as resize_flow
from .flow._resample import resize_image as resize_image
from .magnification._filters import BandReport as BandReport
from .magnification._filters import band_report as band_report
from .magnification._magnify import EmptyBandWarning as EmptyBandWarning
from .magnification._magnify import linear_limit_px as linear_limit_px
from .magnification._magnify import magnify as magnify
from .magnification._magnify import magnify_some as magnify_some
from .magnification._settings import MagnifySettings as MagnifySettings
from .steps._apex import Apex as Apex
from .steps._apex import FlowApex as FlowApex
from .steps._apex import find_apex as find_apex
from .steps._step import ClipData as ClipData
from .steps._step import Step as Step
from .steps.dynamic_image import DynamicImageStep as DynamicImageStep
from .steps.strain import optical_strain as optical_strain
from .steps.stretch import stretch_8bit as stretch_8bit

__all__ = [
    "HOLDS_BINS",
    "LEFT_EYE",
    "LUMA",
    "RIGHT_EYE",
    "WHOLE",
    "Alignment",
    "Apex",
    "ArrayCache",
    "ArrayStore",
    "BandReport",
    "ClipData",
    "DynamicImageStep",
    "EmptyBandWarning",
    "EyeLook",
    "Face",
    "Failure",
    "Failures",
    "FlowApex",
    "Frames",
    "MagnifySettings",
    "Mesh",
    "OnFailure",
    "Picture",
    "Pixels",
    "Recipe",
    "RecipeField",
    "Step",
    "StepError",
    "average",
    "band_report",
    "cell_means",
    "center_flow",
    "choose_face",
    "colours_of",
    "count_preprocessing",
    "default_cache_root",
    "detect_faces",
    "fetch_face_mesh",
    "find_alignment",
    "find_apex",
    "find_mesh",
    "fingerprint",
    "flip_flow",
    "flow_gradients",
    "flow_to_rgb",
    "gray_of",
    "has_foreign_code",
    "input_pictures",
    "inspect_clip",
    "interpolate_frames",
    "linear_limit_px",
    "list_detectors",
    "list_flow_methods",
    "list_steps",
    "listed",
    "look_at_eye",
    "magnify",
    "magnify_some",
    "mask_eyes",
    "median_magnification",
    "opencv_on_one_thread",
    "optical_flow",
    "optical_strain",
    "power_normalise",
    "prepare",
    "read_gray",
    "read_pixels",
    "read_rgb",
    "register_detector",
    "register_flow",
    "residual_flow",
    "resize_flow",
    "resize_image",
    "round_up",
    "sheet_form",
    "step_of",
    "stretch_8bit",
    "write_sheet",
]
