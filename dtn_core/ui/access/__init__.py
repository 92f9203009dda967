"""Access control: who is calling, what they may do, and how much of it.

May import: errors, config, training and `gradio_internals`; nothing else of the app imports gradio for this.
Start reading: `policy.AccessPolicy`, then `middleware.AccessMiddleware`, which every request passes.
"""
