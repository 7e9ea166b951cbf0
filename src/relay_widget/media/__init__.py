"""Pictures and sound as arrays, into objects of a track and back. Knows no socket, no relay and no thread.

``webm`` needs the standard library only; the others need the extra ``media`` (PyAV, NumPy, Pillow).
"""
