"""The monitor's REST interface."""
