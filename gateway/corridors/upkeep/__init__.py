"""What the node does for its own order: retention, templates, keys about to expire."""
