"""The sweeper: looks after what lost its runner or its agent, in the process of the web server."""
