"""The server: a model behind HTTP, by FastAPI and uvicorn (extra ``serve``)."""
