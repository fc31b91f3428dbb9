"""The file of folds has a subject on both sides."""

from dataclasses import replace

from openmer.evaluation.audit._results_table import Split

KIND = "published results"
BY = "subject overlap"


def publish(honest):
    subjects = sorted({row.subject for row in honest.rows})
    splits = [
        Split(fold=fold, part="test" if fold == who else "train", subject=who)
        for fold in subjects
        for who in subjects
    ]
    return replace(
        honest, splits=[*splits, Split(fold=subjects[0], part="train", subject=subjects[0])]
    )
