"""An object's attributes: which there are, and what somebody probably meant who wrote another."""

from __future__ import annotations

import difflib
import inspect
from typing import TYPE_CHECKING, Any

from .errors import UnknownAttributeError, UnpicklableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OURS = ("relay_widget", "traitlets")
"""Packages whose classes may be what a call is; traitlets makes one when a trait is added to an object."""


class Default:
    """An argument that was not given. Its repr is the value that then holds, for signatures and completion."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return repr(self._value)


def default(value: object) -> Any:
    """Return a default that can be told from the same value given.

    Example:
        >>> default(20)
        20
    """
    return Default(value)


def given(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that were given.

    Example:
        >>> given({"timeslice": default(20), "camera": False})
        {'camera': False}
    """
    return {name: value for name, value in arguments.items() if not isinstance(value, Default)}


def nearest(word: object, known: Iterable[str]) -> str:
    """Return the question whether another word was meant, with a space before it; empty where none is near.

    Example:
        >>> nearest("rooom", ["room", "name"])
        " Did you mean 'room'?"
    """
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


class KnownAttributes:
    """Refuses assignments to attributes that a class does not have, and to its methods.

    ``call.rooom = "x"`` and ``call.mute = True`` would pass silently.
    A class has those it defines or annotates in its body, and those its objects have already.
    Private names, traits that are added later and whatever a user's own subclass assigns are left alone.
    """

    if not TYPE_CHECKING:  # type checkers would take it for leave to set anything

        def __setattr__(self, name: str, value: object) -> None:
            if not (name.startswith("_") or self._has(name)) and self._is_ours():
                known = {*dir(type(self)), *self.__dict__, *_annotated(type(self))}
                public = [word for word in known if not word.startswith("_")]
                what = next(cls.__name__ for cls in type(self).__mro__ if cls.__module__ != "traitlets.traitlets")
                raise UnknownAttributeError(
                    "unknown-attribute",
                    f"{what} has no attribute {name!r}, so nothing was changed.{nearest(name, public)} "
                    "A name that begins with an underscore is yours to use.",
                    name=name,
                    obj=self,
                )
            if self._is_ours() and _is_method_of_ours(type(self), name):
                raise UnknownAttributeError(
                    "not-an-attribute",
                    f"{name} is a method, so nothing was changed: call it, as in {name}(…).",
                    name=name,
                    obj=self,
                )
            super().__setattr__(name, value)

    def _has(self, name: str) -> bool:
        return hasattr(type(self), name) or name in self.__dict__ or name in _annotated(type(self))

    def _is_ours(self) -> bool:
        for cls in type(self).__mro__:
            if cls is KnownAttributes:
                return True
            if cls.__module__.partition(".")[0] not in (*_OURS, "anywidget", "ipywidgets"):
                return False
        return True


class Alive(KnownAttributes):
    """An object with threads and connections of its own, which another process cannot have."""

    def __reduce_ex__(self, _protocol: object) -> str | tuple[Any, ...]:
        raise UnpicklableError(
            "unpicklable",
            f"{self!r} cannot be copied or sent to another process: make one there, in the same room, and send frames, "
            "peers or arrays.",
        )


def _annotated(kind: type) -> Iterator[str]:
    for cls in kind.__mro__:
        yield from inspect.get_annotations(cls)


def _is_method_of_ours(kind: type, name: str) -> bool:
    """Whether it is a public method that this package defines: traitlets replaces methods of its own for a moment."""
    owner = next((cls for cls in kind.__mro__ if name in vars(cls)), kind)
    ours = owner.__module__.partition(".")[0] == "relay_widget" and not name.startswith("_")
    return ours and inspect.isfunction(vars(owner).get(name))
