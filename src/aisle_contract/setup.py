from setuptools import find_packages, setup

setup(
    name="aisle_contract",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aisle_contract"]),
        ("share/aisle_contract", ["package.xml"]),
    ],
    zip_safe=True,
    extras_require={"test": ["pytest"]},
    maintainer="Aisle maintainers",
    maintainer_email="maintainers@aisle.example",
    description="The contract in Python, without ROS: topics, parameters, and messages to core types and back.",
    license="Apache-2.0",
)
