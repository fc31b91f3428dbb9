"""Video in, events out: read, follow faces, spot movements, recognise, report.

The function `analyze` is called as its module is: the name stands for the function here, and
``from openmer.video.analyze import analyze_video`` reaches the module.
"""

from openmer.video.analysis import Analysis
from openmer.video.analyze import AnalyzeSettings, analyze, analyze_video
from openmer.video.event import Event, Interval
from openmer.video.live import LiveAnalyzer, LiveSettings, watch
from openmer.video.reader import Video, VideoFrame, VideoInfo, open_video
from openmer.video.spot import MotionSpotter, list_spotters, register_spotter
from openmer.video.track import Tracker, TrackSettings
from openmer.video.writer import VideoWriter, write_video

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
