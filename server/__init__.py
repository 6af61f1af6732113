"""Serves the feeds of a site: :func:`server.app.create_app` is a Starlette application."""
