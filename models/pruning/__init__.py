"""Remove what a trained network does not need: idle layers, still gates, dead units."""
