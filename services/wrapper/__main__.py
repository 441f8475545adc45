"""Runs the application on port 8000: one worker, no access log."""

import uvicorn

from services.wrapper.app import create_app

if __name__ == "__main__":
    uvicorn.run(create_app(), host="0.0.0.0", port=8000, access_log=False, log_level="warning")
