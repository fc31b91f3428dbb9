from ._differences import difference_tables as difference_tables
from ._feature_maps import draw_study as draw_study
from ._macro_figure import draw_macro_and_micro as draw_macro_and_micro
from ._macro_figure import macro_and_micro as macro_and_micro
from ._model_size import size_table as size_table
from ._report import study_markdown as study_markdown
from ._report import study_table as study_table
from ._report import study_tables as study_tables
from ._report import study_terminal as study_terminal
from ._rows import Changes as Changes
from ._rows import check_weights as check_weights
from ._rows import row_method as row_method
from ._run_study import StudyRun as StudyRun
from ._run_study import run_study as run_study
from ._score_figure import draw_scores as draw_scores
from ._study import Study as Study
from ._study import list_studies as list_studies
from ._study import load_study as load_study
from ._t_tests import run_table as run_table
from ._t_tests import t_test_table as t_test_table
from ._training_curves import curves_csv as curves_csv
from ._training_curves import draw_curves as draw_curves
from ._training_curves import training_curve as training_curve

__all__ = [
    "Changes",
    "Study",
    "StudyRun",
    "check_weights",
    "curves_csv",
    "difference_tables",
    "draw_curves",
    "draw_macro_and_micro",
    "draw_scores",
    "draw_study",
    "list_studies",
    "load_study",
    "macro_and_micro",
    "row_method",
    "run_study",
    "run_table",
    "size_table",
    "study_markdown",
    "study_table",
    "study_tables",
    "study_terminal",
    "t_test_table",
    "training_curve",
]
