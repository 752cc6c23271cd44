"""``conformance doctor``: walk from the name to the first message, stop at the first layer that is broken.

One flow of imports: ``findings`` ← ``case`` ← the layers (``reaching``, ``ownership``, ``encryption``,
``sharing``, ``answering``, ``upgrading``, ``routing``, ``speaking``) ← ``walk`` ← ``screen`` and ``document``
← ``command``.
A layer is a function from the case to a finding. Nothing here changes or ends anything.
"""
