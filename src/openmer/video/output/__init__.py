"""Write what was found in a video: tables, report, pictures."""
