"""The Gradio app: one tab a module in `tabs`, shared parts in `components`, access control in `access`.

May import: every package. Only here, and in ``app.py``, gradio is imported. Start reading: `app.build_app`.
"""
