from ._action_units import ActionUnit as ActionUnit
from ._action_units import parse_action_units as parse_action_units
from ._action_units import unit_targets as unit_targets
from ._action_units import units_of as units_of
from ._bids import DESCRIPTION as DESCRIPTION
from ._bids import read_bids as read_bids
from ._bids import write_bids as write_bids
from ._facts import CorpusFacts as CorpusFacts
from ._facts import Counts as Counts
from ._facts import Options as Options
from ._facts import options_of as options_of
from ._folds_table import read_folds as read_folds
from ._footage_table import NONE as NONE
from ._footage_table import TRUTH as TRUTH
from ._footage_table import Movement as Movement
from ._footage_table import read_footage as read_footage
from ._footage_table import same_files as same_files
from ._footage_table import write_footage as write_footage
from ._frame_folders import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from ._frame_folders import list_frames as list_frames
from ._hugging_face import hugging_face_dataset as hugging_face_dataset
from ._label_files import LabelSchemeField as LabelSchemeField
from ._label_files import label_scheme as label_scheme
from ._labels import UNIT_SCHEME as UNIT_SCHEME
from ._labels import LabelScheme as LabelScheme
from ._labels import labelled as labelled
from ._labels import list_label_schemes as list_label_schemes
from ._labels import register_label_scheme as register_label_scheme
from ._long_videos import read_long_videos as read_long_videos
from ._manifest import encoded as encoded
from ._manifest import read_manifest as read_manifest
from ._manifest import repair_manifest as repair_manifest
from ._numbers import is_empty as is_empty
from ._numbers import read_rate as read_rate
from ._numbers import read_whole as read_whole
from ._own_images import OwnImages as OwnImages
from ._own_images import read_own_images as read_own_images
from ._paths import find_path as find_path
from ._paths import kind_of as kind_of
from ._pretraining import PretrainingScheme as PretrainingScheme
from ._pretraining import PretrainingSet as PretrainingSet
from ._pretraining import load_pretraining as load_pretraining
from ._pretraining import pretraining_scheme as pretraining_scheme
from ._reading import Problem as Problem
from ._reading import Reading as Reading
from ._registry import check as check
from ._registry import examine as examine
from ._registry import facts as facts
from ._registry import list_datasets as list_datasets
from ._registry import load as load
from ._registry import load_clips as load_clips
from ._registry import load_images as load_images
from ._registry import parts_of as parts_of
from ._registry import register_corpus as register_corpus
from ._roots import config_file as config_file
from ._roots import headers_named as headers_named
from ._roots import variable as variable
from ._source import ClipSource as ClipSource
from ._source import from_corpus as from_corpus
from ._source import from_manifest as from_manifest
from ._subject_ids import alike_ids as alike_ids
from ._subject_ids import ids_to_check as ids_to_check
from ._subject_ids import merge_subjects as merge_subjects
from ._true_events import KINDS as KINDS
from ._true_events import AnnotatedVideo as AnnotatedVideo
from ._true_events import Kind as Kind
from ._truth_table import VIDEO_SUFFIXES as VIDEO_SUFFIXES
from ._truth_table import read_truth_csv as read_truth_csv
from ._truth_table import videos_beside as videos_beside
from .fer2013 import read_pixels as read_pixels
from .synthetic._clips import write_corpus as write_corpus
from .synthetic._long_videos import write_long as write_long

__all__ = [
    "DESCRIPTION",
    "IMAGE_SUFFIXES",
    "KINDS",
    "NONE",
    "TRUTH",
    "UNIT_SCHEME",
    "VIDEO_SUFFIXES",
    "ActionUnit",
    "AnnotatedVideo",
    "ClipSource",
    "CorpusFacts",
    "Counts",
    "Kind",
    "LabelScheme",
    "LabelSchemeField",
    "Movement",
    "Options",
    "OwnImages",
    "PretrainingScheme",
    "PretrainingSet",
    "Problem",
    "Reading",
    "alike_ids",
    "check",
    "config_file",
    "encoded",
    "examine",
    "facts",
    "find_path",
    "from_corpus",
    "from_manifest",
    "headers_named",
    "hugging_face_dataset",
    "ids_to_check",
    "is_empty",
    "kind_of",
    "label_scheme",
    "labelled",
    "list_datasets",
    "list_frames",
    "list_label_schemes",
    "load",
    "load_clips",
    "load_images",
    "load_pretraining",
    "merge_subjects",
    "options_of",
    "parse_action_units",
    "parts_of",
    "pretraining_scheme",
    "read_bids",
    "read_folds",
    "read_footage",
    "read_long_videos",
    "read_manifest",
    "read_own_images",
    "read_pixels",
    "read_truth_csv",
    "read_whole",
    "register_corpus",
    "register_label_scheme",
    "repair_manifest",
    "same_files",
    "unit_targets",
    "units_of",
    "variable",
    "videos_beside",
    "write_bids",
    "write_corpus",
    "write_footage",
    "write_long",
]
