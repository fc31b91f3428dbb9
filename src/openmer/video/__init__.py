"""Video in, events out: read, follow faces, spot movements, recognise, report.

The function `analyze` is called as its module is: the name stands for the function here, and
``from openmer.video._analyze import analyze_video`` reaches the module.
"""

from openmer.video._analysis import Analysis
from openmer.video._analyze import AnalyzeSettings, analyze, analyze_video
from openmer.video._event import Event, Interval
from openmer.video._live import LiveAnalyzer, LiveSettings, watch
from openmer.video.io._reader import Video, VideoFrame, VideoInfo, open_video
from openmer.video.spotting._registry import MotionSpotter, list_spotters, register_spotter
from openmer.video.faces._track import Tracker, TrackSettings
from openmer.video.io._writer import VideoWriter, write_video

__all__ = [
    "Analysis",
    "AnalyzeSettings",
    "Event",
    "Interval",
    "LiveAnalyzer",
    "LiveSettings",
    "MotionSpotter",
    "TrackSettings",
    "Tracker",
    "Video",
    "VideoFrame",
    "VideoInfo",
    "VideoWriter",
    "analyze",
    "analyze_video",
    "list_spotters",
    "open_video",
    "register_spotter",
    "watch",
    "write_video",
]
