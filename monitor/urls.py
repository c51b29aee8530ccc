"""All addresses of the monitor."""

urlpatterns: list[object] = []
