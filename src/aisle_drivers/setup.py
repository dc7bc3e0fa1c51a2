from setuptools import find_packages, setup

setup(
    name="aisle_drivers",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aisle_drivers"]),
        ("share/aisle_drivers", ["package.xml"]),
    ],
    zip_safe=True,
    extras_require={"test": ["pytest"]},
    maintainer="Aisle maintainers",
    maintainer_email="maintainers@aisle.example",
    description="Driver nodes for the devices of a store.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "run = aisle_drivers.run:main",
            "scale_node = aisle_drivers.scale_node:main",
            "pose_node = aisle_drivers.pose_node:main",
            "gate_node = aisle_drivers.gate_node:main",
            "depth_node = aisle_drivers.depth_node:main",
            "camera_node = aisle_drivers.camera_node:main",
        ]
    },
)
