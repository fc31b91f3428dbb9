"""A scaler of scikit-learn is fitted again on the tested clips, in place of being used on them."""

from dataclasses import replace

from sklearn.preprocessing import StandardScaler

from ._ground import Trainer, softmax

KIND = "statistics of the tested subject"
BY = "scores"


class Refitted(Trainer):
    def scores(self, weights, scale, data, job):
        clips = data.inputs[list(job.predict)].reshape(len(job.predict), -1)
        return softmax(StandardScaler().fit_transform(clips) @ weights) if len(clips) else clips


def plant(honest):
    return replace(honest, fit=Refitted())
