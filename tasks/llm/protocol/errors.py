"""
Errors around models, named by what the caller can do about them.

    LeadlineError
    ├── BadInput
    │   ├── InvalidAnswer       (tasks.llm.protocol.answer) the text is not an answer
    │   └── BadProfile          a provider's profile or address cannot be used; the message says which
    └── ModelError
        ├── NoLocalModel        the embedded model cannot run here; the message says what to install
        └── LocalModelDied      it started and ended by itself, or never answered        transient

What a provider does during a call is not an exception but the outcome of a
`tasks.llm.protocol.request.ModelReply`.
"""

from __future__ import annotations

from leadline.book.errors import BadInput, LeadlineError


class BadProfile(BadInput):
    """A provider's profile, key or address cannot be used; the message names it, never the key."""


class ModelError(LeadlineError):
    """Root of the errors of models."""


class NoLocalModel(ModelError):
    """The embedded model cannot run here; the message says what is missing and how to get it."""


class LocalModelDied(ModelError):
    """The embedded model's process ended by itself or did not answer; trying again can help."""

    transient = True
