"""The pages for people: server-rendered, one view function a page."""
