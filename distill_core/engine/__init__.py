"""The straight path: run -> run_stage -> loop."""
