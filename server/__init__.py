"""The inference server: OpenAI's endpoints and the robustness API over one workbench.

Knows HTTP and JSON, and nothing of the science.
"""
