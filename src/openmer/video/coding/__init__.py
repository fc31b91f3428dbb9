"""Exchange events with the programs in which people code videos: ELAN, BORIS, Praat, subtitles."""
