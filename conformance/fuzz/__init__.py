"""Conversations drawn at random: legal ones, and ones with exactly one fault. No I/O in here.

``conversation`` says what they are, ``strategies`` draws legal ones, ``faults`` puts one fault into one, and
``search`` looks for the shortest that a check refuses.
"""
