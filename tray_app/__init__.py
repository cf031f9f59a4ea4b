"""The program a person starts: the tray icon, the command line and what ties them to the core."""
