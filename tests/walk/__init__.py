"""The notebook walker: it lives in a notebook as people do, in random order, and looks after each step whether all is
as it should be. `model` says what should be, `driver` does it in a real JupyterLab and looks, `invariants` compares,
`walk` chooses, replays and shrinks."""
