"""The web pages: rendered on the server, one view function for each page."""
