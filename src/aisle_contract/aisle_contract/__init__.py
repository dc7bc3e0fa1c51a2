"""The contract in Python, without ROS: topics, parameters, and messages to core types and back."""
