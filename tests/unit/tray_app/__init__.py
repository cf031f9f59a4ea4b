"""What the tray is told to show, and the small parts around it."""
