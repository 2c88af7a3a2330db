"""Pictures of shapes, drawn on any device in batches, with all that is known of them."""

from .drawing import Views, draw_views
from .variation import Variation, draw_variation

__all__ = ["Variation", "Views", "draw_variation", "draw_views"]
