"""From content to tokens and image patches."""
