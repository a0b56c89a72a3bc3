"""The environment of the programs that read documents: none of the user's keys is in it."""

from __future__ import annotations

import os

__all__ = ["clean_environment"]

_NAMES = frozenset(
    """
    PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP VIRTUAL_ENV CONDA_PREFIX
    LD_LIBRARY_PATH LD_PRELOAD DYLD_LIBRARY_PATH DYLD_FALLBACK_LIBRARY_PATH __PYVENV_LAUNCHER__
    APPDATA COMSPEC LOCALAPPDATA NUMBER_OF_PROCESSORS PATHEXT PROCESSOR_ARCHITECTURE PROGRAMDATA
    PROGRAMFILES SYSTEMDRIVE SYSTEMROOT USERPROFILE WINDIR
    PYTHONDONTWRITEBYTECODE PYTHONFAULTHANDLER PYTHONHASHSEED PYTHONHOME PYTHONNOUSERSITE
    PYTHONPATH PYTHONPYCACHEPREFIX PYTHONUSERBASE PYTHONUTF8 PYTHONWARNINGS
    MKL_NUM_THREADS OMP_NUM_THREADS OPENBLAS_NUM_THREADS ORT_DISABLE_TELEMETRY TESSDATA_PREFIX
    XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_DATA_DIRS XDG_RUNTIME_DIR
    """.split()
)
"""What Python, MuPDF, onnxruntime and LibreOffice read. A list of what may not pass would never be
complete: keys have any name."""

_PREFIXES = ("LC_", "FONTCONFIG_", "PYMUPDF_")


def clean_environment() -> dict[str, str]:
    """The variables of this process that a program which reads documents needs."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _NAMES or name.startswith(_PREFIXES)
    }
