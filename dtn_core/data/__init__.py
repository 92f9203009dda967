"""Where pictures come from: portraits, digits, the user's folders, illustrations and screen prints.

May import: core, config, networks, faces, avatars. Start reading: `portraits`, `folders`.
"""
