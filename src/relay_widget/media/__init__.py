"""Pictures and sound as arrays, into objects of a track and back. Knows no socket, no relay and no thread.

All of it comes with the extra ``media`` (PyAV, NumPy, Pillow), which is asked for here, before any of its modules is
read; ``webm`` itself needs no package of the extra.
"""

from relay_widget.extras import require

require("media")
