# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a measurement, in words for the user."""


class PerfError(Exception):
    """A measurement that is worth nothing."""
