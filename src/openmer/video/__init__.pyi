from ._analysis import (
    Analysis as Analysis,
)
from ._analyze import (
    AnalyzeSettings as AnalyzeSettings,
)
from ._analyze import (
    Progress as Progress,
)
from ._analyze import (
    analyze as analyze,
)
from ._analyze import (
    analyze_video as analyze_video,
)
from ._event import (
    Event as Event,
)
from ._event import (
    Interval as Interval,
)
from ._job import (
    Done as Done,
)
from ._job import (
    Request as Request,
)
from ._job import (
    drawn as drawn,
)
from ._job import (
    run_job as run_job,
)
from ._job import (
    write_all as write_all,
)
from ._jobs import (
    run_jobs as run_jobs,
)
from ._live import (
    LiveAnalyzer as LiveAnalyzer,
)
from ._live import (
    LiveSettings as LiveSettings,
)
from ._live import (
    watch as watch,
)
from ._quality import (
    Quality as Quality,
)
from ._quality import (
    quality_of as quality_of,
)
from .faces._patch import (
    FACE_WIDTH_PX as FACE_WIDTH_PX,
)
from .faces._seen import (
    TrackSettings as TrackSettings,
)
from .faces._track import (
    Tracker as Tracker,
)
from .footage._evaluate import (
    evaluate_footage as evaluate_footage,
)
from .footage._evaluate import (
    footage_markdown as footage_markdown,
)
from .footage._evaluate import (
    footage_rows as footage_rows,
)
from .footage._inject import (
    inject_movements as inject_movements,
)
from .io._frame import (
    VideoFrame as VideoFrame,
)
from .io._frame import (
    VideoInfo as VideoInfo,
)
from .io._reader import (
    Video as Video,
)
from .io._reader import (
    open_video as open_video,
)
from .io._writer import (
    VideoWriter as VideoWriter,
)
from .io._writer import (
    write_video as write_video,
)
from .output._events import (
    video_name as video_name,
)
from .output._events import (
    write_events as write_events,
)
from .output._evidence import (
    Evidence as Evidence,
)
from .output._evidence import (
    RegionShift as RegionShift,
)
from .output._report import (
    write_report as write_report,
)
from .output._signals import (
    write_signals as write_signals,
)
from .output._timeline import (
    clock_text as clock_text,
)
from .output._timeline import (
    motion_percent as motion_percent,
)
from .output._timeline import (
    timeline_of as timeline_of,
)
from .output._timeline import (
    timeline_svg as timeline_svg,
)
from .spotting._curves import (
    FaceCurves as FaceCurves,
)
from .spotting._evaluate import (
    analyze_videos as analyze_videos,
)
from .spotting._evaluate import (
    evaluate_detections as evaluate_detections,
)
from .spotting._regions import (
    REGIONS as REGIONS,
)
from .spotting._registry import (
    MotionSpotter as MotionSpotter,
)
from .spotting._registry import (
    list_spotters as list_spotters,
)
from .spotting._registry import (
    register_spotter as register_spotter,
)

__all__ = [
    "FACE_WIDTH_PX",
    "REGIONS",
    "Analysis",
    "AnalyzeSettings",
    "Done",
    "Event",
    "Evidence",
    "FaceCurves",
    "Interval",
    "LiveAnalyzer",
    "LiveSettings",
    "MotionSpotter",
    "Progress",
    "Quality",
    "RegionShift",
    "Request",
    "TrackSettings",
    "Tracker",
    "Video",
    "VideoFrame",
    "VideoInfo",
    "VideoWriter",
    "analyze",
    "analyze_video",
    "analyze_videos",
    "clock_text",
    "drawn",
    "evaluate_detections",
    "evaluate_footage",
    "footage_markdown",
    "footage_rows",
    "inject_movements",
    "list_spotters",
    "motion_percent",
    "open_video",
    "quality_of",
    "register_spotter",
    "run_job",
    "run_jobs",
    "timeline_of",
    "timeline_svg",
    "video_name",
    "watch",
    "write_all",
    "write_events",
    "write_report",
    "write_signals",
    "write_video",
]
