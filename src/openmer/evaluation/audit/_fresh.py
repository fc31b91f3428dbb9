"""A fold trained alone in a process that has trained nothing yet."""

from __future__ import annotations

from joblib.externals.loky.process_executor import ProcessPoolExecutor

from openmer.evaluation.audit._recording import Recorder
from openmer.evaluation.audit._trainings import FitFolds, plain
from openmer.training import FitJob, FitResult, TrainingData


def fresh_outcome(
    fit: FitFolds, data: TrainingData, job: FitJob, recorder: Recorder
) -> FitResult | str:
    """Train one fold in a new process, whose reads are recorded from its start.

    Returns:
        Its result; a text that says why there is none.
    """
    executor = ProcessPoolExecutor(max_workers=1)
    try:
        with recorder.recording():
            result: FitResult = executor.submit(_alone, fit, data, job).result()
            return result
    except Exception as error:  # whatever a trainer that cannot be sent or run alone raises
        return f"{type(error).__name__}: {error}"
    finally:
        executor.shutdown(wait=True, kill_workers=True)


def _alone(fit: FitFolds, data: TrainingData, job: FitJob) -> FitResult:
    return plain(next(iter(fit(data, [job]))), job)
