"""The studio: a local web page on which a dot is drawn, predicted, solved, swept and designed.

State and physics are in modules without widgets, which scripts and tests import: ``dot`` (what is drawn), ``brush``,
``pointer`` (edits by the mouse), ``history``, ``link``, ``lines`` (the Python of a dot), ``exports``, ``dropped``
(files), ``prediction``, ``work`` (long calculations) and ``jobs`` (their processes). The modules of the page need the
extra ``studio``: ``python -m qd_pix2pix.studio``.
"""
