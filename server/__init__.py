"""The inference server: OpenAI's endpoints and the robustness API over one workbench.

It translates HTTP and JSON to calls of the library, which does the work.
"""
