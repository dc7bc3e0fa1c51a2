"""Bags without ROS: import, read, write, replay and score."""
