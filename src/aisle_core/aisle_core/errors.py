"""The errors that a user can cause and can mend."""


class AisleError(Exception):
    """Something the user gave is wrong.

    The message is one line that names the thing, the place (file and line, topic, parameter) and the remedy.
    Command-line tools print it without a traceback and exit with code 2.
    """
