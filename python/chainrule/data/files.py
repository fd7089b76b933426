"""Where the files of a data set are: given by the user, cached, or downloaded from the official address."""
import os
import sys
from pathlib import Path


def cache():
    """The user's own: CHAINRULE_CACHE, else `chainrule` in XDG_CACHE_HOME, else in ~/.cache."""
    given = os.environ.get("CHAINRULE_CACHE")
    return Path(given or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chainrule")


def folders(name):
    """Folders that may hold data set `name`, the user's own first."""
    given = os.environ.get("CHAINRULE_DATA")
    return ([Path(given) / name] if given else []) + [cache() / name]


def look(name, file):
    """The path of `file` of data set `name`, or None."""
    return next((folder / file for folder in folders(name) if (folder / file).is_file()), None)


def find(name, file, url=None, sha256=None):
    """The path of `file` of data set `name`, downloaded into the cache if it is not on this machine.

    Errors  FileNotFoundError, with the places looked in and what to do
    """
    path = look(name, file)
    if path is not None:
        return path
    missing = f"{name}: {file} is not in " + " or ".join(str(folder) for folder in folders(name))
    place = f"put it there, or name the folder above in CHAINRULE_DATA (as CHAINRULE_DATA/{name}/{file})"
    if url is None:
        raise FileNotFoundError(f"{missing}; {place}")
    try:
        return download(url, cache() / name, file, sha256)
    except ImportError:
        reason = "downloading it needs pooch: pip install 'chainrule[data]'"
    except Exception as error:                                   # no network, no such page, a wrong sum
        reason = f"downloading {url} failed ({cause(error)})"
    raise FileNotFoundError(f"{missing}; {reason}; or {place}")


def download(url, folder, file, sha256):
    """Fetch to a temporary file, check its sum, then rename: the cache never holds a part."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    print(f"downloading {url} to {folder}", file=sys.stderr)     # it may take minutes
    return Path(pooch.retrieve(url, known_hash=f"sha256:{sha256}", fname=file, path=folder))


def replaced(missing, by):
    """Tell the user that made data stand in for what is not there."""
    import warnings

    warnings.warn(f"{missing}; {by} stand in for it", UserWarning, stacklevel=3)


def cause(error):
    """A library's error in a few words; network errors are chains of retries: their name says enough."""
    return type(error).__name__ if isinstance(error, OSError) else one_line(error)


def one_line(error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."
