from setuptools import find_packages, setup

setup(
    name="aisle_sim",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aisle_sim"]),
        ("share/aisle_sim", ["package.xml"]),
    ],
    zip_safe=True,
    extras_require={"test": ["pytest"]},
    maintainer="Aisle maintainers",
    maintainer_email="maintainers@aisle.example",
    description="Synthetic stores and recordings with known truth.",
    license="Apache-2.0",
    entry_points={"console_scripts": ["sim_node = aisle_sim.sim_node:main"]},
)
