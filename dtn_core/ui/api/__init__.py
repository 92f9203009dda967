"""Interfaces for programs and for the page's sockets: API endpoints, tools for agents, live video, video files.

May import: as `ui`. Start reading: `endpoints`, `live_socket`.
"""
