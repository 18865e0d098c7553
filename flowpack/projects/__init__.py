"""Flows of several files, packaged as the one script that every agent and worker can run.

From a script to its package, and back::

    search_path   the project's root, and the folders in which a run would find modules
    modules       a dotted name to a file, by the rules of Python's own import
    closure       the script, what that imports, what is imported there, and so on
    selection     further files that patterns include, but secrets; what patterns exclude
    listing       which files there are: git says which, or the folders do
    reader        the content of each file, read once, within a limit of size
    data_files    files that the code names in text, to hint at
    bundle        all of them as one Python file that people can read; and read back
    bootstrap     the code in it that restores them where the flow runs
    single        what a script that is packaged alone would miss

``find_project`` of ``closure`` is where to begin. Nothing is imported here: most deployments are
of one script.
"""
