"""The contract in Python, without ROS: the table of topics, parameters, and conversion between messages and core types."""
