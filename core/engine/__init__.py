"""The shell around the decisions: thread, actors, supervisor, store and subscriptions."""
