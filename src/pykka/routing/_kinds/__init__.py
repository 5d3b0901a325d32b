"""The kinds of routers, one in each module."""
