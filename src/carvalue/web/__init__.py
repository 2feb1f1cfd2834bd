"""The web page (Streamlit); it calls the price service and the watcher over HTTP only."""
