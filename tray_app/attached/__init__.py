"""The tray on an engine that runs elsewhere, followed over its REST interface."""
