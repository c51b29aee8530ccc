"""Notifications to clients: who subscribed to which resource, and when it changed."""
