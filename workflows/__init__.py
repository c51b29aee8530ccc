"""Workflows (a Python file and configurations each), the runner that executes them, its clock."""
