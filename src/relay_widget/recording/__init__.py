"""Calls on disk: record a room, open what was recorded, export it as video files, replay it as participants."""
