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
from ._evaluate_hints import (
    evaluate_hints as evaluate_hints,
)
from ._event import (
    Event as Event,
)
from ._event import (
    Interval as Interval,
)
from ._event import (
    UnitHint as UnitHint,
)
from ._job import (
    REVIEWS as REVIEWS,
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
from ._jobs import (
    videos_in as videos_in,
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
from .coding._coding import (
    EventFormat as EventFormat,
)
from .coding._coding import (
    export_events as export_events,
)
from .coding._coding import (
    fps_given as fps_given,
)
from .coding._coding import (
    register_event_format as register_event_format,
)
from .coding._coding import (
    result_folders as result_folders,
)
from .coding._coding import (
    video_of as video_of,
)
from .coding._import import (
    import_events as import_events,
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
    footage_rows as footage_rows,
)
from .footage._evaluate import (
    footage_table as footage_table,
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
    read_events as read_events,
)
from .output._events import (
    video_name as video_name,
)
from .output._events import (
    write_events as write_events,
)
from .output._evidence import (
    EventFrames as EventFrames,
)
from .output._evidence import (
    Evidence as Evidence,
)
from .output._evidence import (
    RegionShift as RegionShift,
)
from .output._replay import (
    magnified as magnified,
)
from .output._replay import (
    replay_margin_s as replay_margin_s,
)
from .output._replay import (
    replay_plan as replay_plan,
)
from .output._report import (
    write_report as write_report,
)
from .output._signals import (
    register_signal_form as register_signal_form,
)
from .output._signals import (
    signal_columns as signal_columns,
)
from .output._signals import (
    write_signals as write_signals,
)
from .output._summary import (
    check_summary as check_summary,
)
from .output._summary import (
    summary_table as summary_table,
)
from .output._summary import (
    write_summary as write_summary,
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
    LearnedSpotter as LearnedSpotter,
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
    "REVIEWS",
    "Analysis",
    "AnalyzeSettings",
    "Done",
    "Event",
    "EventFormat",
    "EventFrames",
    "Evidence",
    "FaceCurves",
    "Interval",
    "LearnedSpotter",
    "LiveAnalyzer",
    "LiveSettings",
    "MotionSpotter",
    "Progress",
    "Quality",
    "RegionShift",
    "Request",
    "TrackSettings",
    "Tracker",
    "UnitHint",
    "Video",
    "VideoFrame",
    "VideoInfo",
    "VideoWriter",
    "analyze",
    "analyze_video",
    "analyze_videos",
    "check_summary",
    "clock_text",
    "drawn",
    "evaluate_detections",
    "evaluate_footage",
    "evaluate_hints",
    "export_events",
    "footage_rows",
    "footage_table",
    "fps_given",
    "import_events",
    "inject_movements",
    "list_spotters",
    "magnified",
    "motion_percent",
    "open_video",
    "quality_of",
    "read_events",
    "register_event_format",
    "register_signal_form",
    "register_spotter",
    "replay_margin_s",
    "replay_plan",
    "result_folders",
    "run_job",
    "run_jobs",
    "signal_columns",
    "summary_table",
    "timeline_of",
    "timeline_svg",
    "video_name",
    "video_of",
    "videos_in",
    "watch",
    "write_all",
    "write_events",
    "write_report",
    "write_signals",
    "write_summary",
    "write_video",
]
