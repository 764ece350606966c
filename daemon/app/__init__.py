"""The application: puts rig, experiments, campaign, store and MQTT together, and runs them."""
