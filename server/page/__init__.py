"""The page: result cards as HTML, tabs as Gradio blocks. `app.py` puts them together."""
