"""The testbed's own STOMP broker, for one machine without ActiveMQ.

One process, one event loop, one thread that writes to SQLite. It speaks STOMP 1.1 and 1.2 with the
headers of ActiveMQ Classic, so that what runs with it runs with ActiveMQ too.
"""
