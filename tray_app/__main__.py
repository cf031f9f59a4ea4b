"""``python -m tray_app`` is the same as ``mcpproxy-tray``."""

from tray_app.cli import main

if __name__ == "__main__":
    main()
